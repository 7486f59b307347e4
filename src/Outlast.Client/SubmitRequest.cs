namespace Outlast.Client;

/// <summary>The body of <c>POST /v1/tasks</c>. Lengths of time are written <c>90s</c>, <c>10m</c> or <c>PT10M</c>; <c>none</c> or <c>0</c>: no limit; absent: the host's default.</summary>
public sealed record SubmitRequest
{
    /// <summary>A short name for people; absent: the program's file name.</summary>
    public string? Name { get; init; }
    /// <summary>Must agree with what is to be run, where it is given.</summary>
    public string? Kind { get; init; }
    /// <summary>The conversation or client that wants to know of the end.</summary>
    public string? Session { get; init; }
    /// <summary>The whole id of the task that asks.</summary>
    public string? Parent { get; init; }
    /// <summary>Tasks that are awaited together: the session is told when the last of them has ended.</summary>
    public string? Group { get; init; }
    /// <summary>Of what the session is told: <c>each</c> (the default), <c>last</c> (only the end of the whole group), <c>failures</c> or <c>none</c>. Warnings and questions are always told.</summary>
    public string? Notify { get; init; }
    /// <summary>Free marks.</summary>
    public IReadOnlyDictionary<string, string>? Labels { get; init; }
    /// <summary>The OS process to run.</summary>
    public ProcessRequest? Process { get; init; }
    /// <summary>The wall-clock limit.</summary>
    public string? Timeout { get; init; }
    /// <summary>The inactivity limit.</summary>
    public string? IdleTimeout { get; init; }
    /// <summary>After how much silence a warning goes out.</summary>
    public string? IdleWarning { get; init; }
    /// <summary>How long a stop waits between asking and killing.</summary>
    public string? StopGrace { get; init; }
    /// <summary>Whether it may be run again when its outcome is unknown.</summary>
    public bool? Repeatable { get; init; }
    /// <summary><c>queue</c> (the default) or <c>refuse</c>.</summary>
    public string? WhenFull { get; init; }
    /// <summary>How long it waits before it may start; or <see cref="At"/>.</summary>
    public string? In { get; init; }
    /// <summary>The moment before which it does not start; or <see cref="In"/>.</summary>
    public DateTimeOffset? At { get; init; }
    /// <summary>It ends as <c>timed_out</c> if it has not started by then: a moment with its zone, or how long after it may start.</summary>
    public string? StartBy { get; init; }
    /// <summary>Among tasks that wait for a place, larger ones go first; from -100 to 100, absent: 0.</summary>
    public int? Priority { get; init; }
    /// <summary>Whether and how a failed attempt is tried again.</summary>
    public RetryRequest? Retry { get; init; }
    /// <summary>Whether the parent's end and stop pass it by.</summary>
    public bool? Detached { get; init; }
    /// <summary>What its end does to its own children: <c>wait</c> (the default), <c>stop</c> or <c>detach</c>.</summary>
    public string? Children { get; init; }
    /// <summary>What it and everything below it may use together.</summary>
    public BudgetRequest? Budget { get; init; }
}

/// <summary>What a task and everything below it may use together; absent: no bound.</summary>
/// <param name="Wall">The time from the task's first start: <c>2h</c>.</param>
/// <param name="OutputBytes">The output of all of them: <c>1GiB</c>, or a number of bytes as text.</param>
/// <param name="Tasks">How many tasks may ever be submitted below it.</param>
public sealed record BudgetRequest(string? Wall = null, string? OutputBytes = null, int? Tasks = null);

/// <summary>The body of <c>POST /v1/tasks</c> with several tasks.</summary>
/// <param name="Tasks">1 to 1,000.</param>
public sealed record SubmitManyRequest(IReadOnlyList<SubmitRequest> Tasks);

/// <summary>Whether and how a failed attempt is tried again.</summary>
/// <param name="Max">At most so many further attempts, from 1.</param>
/// <param name="Backoff">How long the first of them waits, each further one twice as long; absent: 1s.</param>
/// <param name="On">After which ends: <c>failed</c>, <c>lost</c>, <c>timed_out</c>; absent: <c>failed</c>.</param>
public sealed record RetryRequest(int Max, string? Backoff = null, IReadOnlyList<string>? On = null);

/// <summary>The OS process to run.</summary>
public sealed record ProcessRequest
{
    /// <summary>Program and arguments; or <see cref="Shell"/>.</summary>
    public IReadOnlyList<string>? Argv { get; init; }
    /// <summary>A text for <c>/bin/sh -c</c>; or <see cref="Argv"/>.</summary>
    public string? Shell { get; init; }
    /// <summary>The folder it starts in, absolute; absent: <c>/</c>.</summary>
    public string? Cwd { get; init; }
    /// <summary>Added to the host's own environment (or to what <see cref="EnvNames"/> takes from it).</summary>
    public IReadOnlyDictionary<string, string>? Env { get; init; }
    /// <summary>The whole environment.</summary>
    public IReadOnlyDictionary<string, string>? EnvExact { get; init; }
    /// <summary>The whole environment by names, with the values that the host's own has.</summary>
    public IReadOnlyList<string>? EnvNames { get; init; }
    /// <summary>What it reads; absent: nothing.</summary>
    public StdinView? Stdin { get; init; }
    /// <summary><c>merge</c> (the default) or <c>separate</c>.</summary>
    public string? Stderr { get; init; }
    /// <summary><c>pipe</c> (the default) or <c>file</c>.</summary>
    public string? OutputVia { get; init; }
    /// <summary>The most bytes of output: <c>10MiB</c>, <c>1GiB</c>, a number of bytes as text, or <c>none</c>; absent: the host's default.</summary>
    public string? OutputCap { get; init; }
    /// <summary><c>keep-ends</c> (the first and last half of the cap stay), <c>tail</c> (the last half stays) or <c>stop</c> (the task ends); absent: the host's default.</summary>
    public string? OutputPolicy { get; init; }
    /// <summary><c>keep</c> (the default), <c>stop</c> or <c>wait</c>.</summary>
    public string? Leftovers { get; init; }
    /// <summary><c>TERM</c> (the default), <c>INT</c>, ...</summary>
    public string? StopSignal { get; init; }
    /// <summary>In octal: <c>022</c>.</summary>
    public string? Umask { get; init; }
    /// <summary>The soft limit of open files; absent: the host's own.</summary>
    public long? OpenFiles { get; init; }
}

/// <summary>The body of <c>POST /v1/tasks/{id}/stop</c>.</summary>
/// <param name="Reason">In the caller's words.</param>
/// <param name="Now">Whether the grace is skipped.</param>
/// <param name="Leftovers">Whether not the task, which has ended, but what it left behind is to be ended; the answer is a <see cref="LeftoversView"/> then.</param>
public sealed record StopRequestBody(string? Reason = null, bool? Now = null, bool? Leftovers = null);

/// <summary>The body of <c>POST /v1/tasks/{id}/extend</c>: with <c>+</c> added to what is left, without counted from now; <c>none</c> lifts the limit.</summary>
public sealed record ExtendRequestBody(string? Timeout = null, string? IdleTimeout = null);
