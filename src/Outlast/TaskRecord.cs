using System.Collections.Immutable;

namespace Outlast;

/// <summary>All that is known of a task: its spec and what became of it. Immutable; a change makes a new record with the next version.</summary>
public sealed record TaskRecord
{
    /// <summary>Its id.</summary>
    public required TaskId Id { get; init; }
    /// <summary>Its number within the store, from 1; 0 until the store has given it one.</summary>
    public long Number { get; init; }
    /// <summary>What to run.</summary>
    public required TaskSpec Spec { get; init; }
    /// <summary>Where it is in its life.</summary>
    public required TaskState State { get; init; }
    /// <summary>Counts its changes, from 1.</summary>
    public required long Version { get; init; }
    /// <summary>The attempt that runs or ran last, from 1; 0 before the first claim. An attempt that provably never started is not counted.</summary>
    public int Attempt { get; init; }
    /// <summary>Whether the attempt goes on from its journal: suspended, answered without an owner, or left by an owner that is gone. The next claim then counts no new attempt.</summary>
    public bool Resumes { get; init; }
    /// <summary>Who runs it. Absent when queued, ended or finishing, and when it waits without an owner.</summary>
    public TaskClaim? Claim { get; init; }
    /// <summary>The task that started it.</summary>
    public TaskId? Parent { get; init; }
    /// <summary>The top of its tree; itself if it has no parent.</summary>
    public required TaskId Root { get; init; }
    /// <summary>0 at the top of its tree.</summary>
    public int Depth { get; init; }
    /// <summary>The ended task that it repeats.</summary>
    public TaskId? RetryOf { get; init; }
    /// <summary>Its own attached children that have not ended.</summary>
    public int OpenChildren { get; init; }
    /// <summary>At the top of a tree: how many tasks below it have not ended, at any depth, detached ones too.</summary>
    public int OpenBelow { get; init; }
    /// <summary>At the top of a tree, and where a budget counts tasks: how many were ever submitted below it.</summary>
    public int EverBelow { get; init; }
    /// <summary>What became of what was below it and has ended, detached children aside, and what its own former attempts printed. None: nothing has.</summary>
    public EndedBelow? Below { get; init; }
    /// <summary>The attempt's outcome, held until its own children have ended (<c>phase: finishing</c>).</summary>
    public TaskOutcome? Outcome { get; init; }
    /// <summary>That it is asked to stop.</summary>
    public StopRequest? Stop { get; init; }
    /// <summary>The question it waits for.</summary>
    public Question? Question { get; init; }
    /// <summary>The limits in force: the spec's, as extended since.</summary>
    public required TaskLimits Limits { get; init; }
    /// <summary>The wall-clock limit of which it was told that it comes near; another one is told anew. None: of none.</summary>
    public TimeSpan? TimeoutWarned { get; init; }
    /// <summary>The OS process of the current attempt.</summary>
    public ProcessFacts? Process { get; init; }
    /// <summary>How often a later host took over a living attempt.</summary>
    public int Adoptions { get; init; }
    /// <summary>Whether a requeued task goes ahead of new work: suspended, never started, answered.</summary>
    public bool FirstInLine { get; init; }
    /// <summary>It is not claimed before.</summary>
    public DateTimeOffset? NotBefore { get; init; }
    /// <summary>When it was accepted.</summary>
    public required DateTimeOffset CreatedAt { get; init; }
    /// <summary>When its first attempt was claimed.</summary>
    public DateTimeOffset? StartedAt { get; init; }
    /// <summary>When it ended.</summary>
    public DateTimeOffset? EndedAt { get; init; }
    /// <summary>Time since <see cref="StartedAt"/> that does not count: the machine slept, or its clock jumped.</summary>
    public TimeSpan Paused { get; init; }
    /// <summary>How much it printed; final once ended.</summary>
    public OutputFacts Output { get; init; } = OutputFacts.Empty;
    /// <summary>How it ended.</summary>
    public TaskEnd? End { get; init; }
    /// <summary>Facts beside the main story, oldest first.</summary>
    public ImmutableArray<Annotation> Annotations { get; init; } = [];
    /// <summary>How many events it has had; the next one's number is one more.</summary>
    public long Events { get; init; }

    /// <summary>Whether its own work is over and only its children are awaited.</summary>
    public bool IsFinishing => Outcome is not null && !State.IsTerminal();
}

/// <summary>What became of what was below a task and has ended: added up from child to parent, so that nobody has to look for it.</summary>
/// <param name="OutputBytes">What they printed, all together, in all their attempts; and the task itself in its former ones.</param>
/// <param name="Stopped">How many of them ended by a stop that reached them.</param>
/// <param name="Survivors">Whose stop left something alive, and what; the first few of them.</param>
public sealed record EndedBelow(long OutputBytes, int Stopped, ImmutableArray<string> Survivors);

/// <summary>The limits in force. None: no limit.</summary>
public sealed record TaskLimits(TimeSpan? Timeout, TimeSpan? IdleTimeout, TimeSpan? IdleWarning)
{
    /// <summary>Those of a spec.</summary>
    public static TaskLimits Of(TaskSpec spec) => new(spec.Timeout, spec.IdleTimeout, spec.IdleWarning);
}

/// <summary>An OS process of a task, named so that a recycled pid cannot be mistaken for it.</summary>
/// <param name="Pid">The wrapper, which leads the task's session.</param>
/// <param name="CommandPid">The command itself, when it was seen.</param>
/// <param name="BootId">The machine's boot, from <c>/proc/sys/kernel/random/boot_id</c>.</param>
/// <param name="StartTicks">The wrapper's start, in clock ticks since boot (field 22 of <c>/proc/PID/stat</c>).</param>
public sealed record ProcessFacts(int Pid, int? CommandPid, string BootId, long StartTicks);

/// <summary>What a task waits for somebody to say.</summary>
/// <param name="Text">The question.</param>
/// <param name="AskedAt">When.</param>
/// <param name="ExpiresAt">When nobody may answer any more. None: never.</param>
/// <param name="Default">The answer that expiry gives; none: the asker is told "expired".</param>
/// <param name="Answer">What was answered, once it was; read by the next attempt if nobody ran the task then.</param>
public sealed record Question(string Text, DateTimeOffset AskedAt, DateTimeOffset? ExpiresAt, string? Default, QuestionAnswer? Answer = null)
{
    /// <summary>The answers that are taken; none given: any text.</summary>
    public ImmutableArray<string>? Choices { get; init; }
    /// <summary>Which question of the task it is: the name of the step that its answer becomes.</summary>
    public string? Name { get; init; }
}

/// <summary>What was answered, by whom; without a text it expired.</summary>
public sealed record QuestionAnswer(string? Text, Actor Actor, DateTimeOffset At);
