using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Outlast;

/// <summary>What to run and under which limits: immutable, and complete enough to run it again.</summary>
/// <remarks>Exactly one of <see cref="Process"/>, <see cref="Agent"/> and <see cref="Handler"/> is set. Every limit is resolved: no default is looked up later.</remarks>
public sealed record TaskSpec
{
    /// <summary>A short name for people. Defaults to the program's file name.</summary>
    public required string Name { get; init; }
    /// <summary>The conversation or client that wants to know of the end.</summary>
    public string? Session { get; init; }
    /// <summary>Tasks that are awaited together.</summary>
    public string? Group { get; init; }
    /// <summary>Free marks, for filters.</summary>
    public ImmutableSortedDictionary<string, string> Labels { get; init; } = ImmutableSortedDictionary<string, string>.Empty;
    /// <summary>The OS process to run.</summary>
    public ProcessSpec? Process { get; init; }
    /// <summary>The agent to run.</summary>
    public string? Agent { get; init; }
    /// <summary>The registered handler to run.</summary>
    public string? Handler { get; init; }
    /// <summary>From the first start to the end, the machine's suspend excluded. None: no limit.</summary>
    public TimeSpan? Timeout { get; init; }
    /// <summary>How long it may be silent. None: no limit.</summary>
    public TimeSpan? IdleTimeout { get; init; }
    /// <summary>After how much silence a warning goes out. None: no warning.</summary>
    public TimeSpan? IdleWarning { get; init; }
    /// <summary>How long a stop waits between asking and killing.</summary>
    public TimeSpan StopGrace { get; init; } = TimeSpan.FromSeconds(10);
    /// <summary>It ends as <see cref="EndCause.StartDeadline"/> if it was not started by then.</summary>
    public DateTimeOffset? StartBy { get; init; }
    /// <summary>It is not started before.</summary>
    public DateTimeOffset? NotBefore { get; init; }
    /// <summary>Whether it may be run again when its outcome is unknown.</summary>
    public bool Repeatable { get; init; }
    /// <summary>Whether a full host refuses it instead of queueing it.</summary>
    public bool RefuseWhenFull { get; init; }
    /// <summary>Whether its parent's end and stop pass it by.</summary>
    public bool Detached { get; init; }
    /// <summary>What its end does to its own children.</summary>
    public ChildPolicy Children { get; init; } = ChildPolicy.Wait;
    /// <summary>Whether and how a failed attempt is tried again.</summary>
    public RetryPolicy? Retry { get; init; }
    /// <summary>What the handler or the agent is given. None for processes.</summary>
    public JsonElement? Input { get; init; }
    /// <summary>Of which of its ends the session is told.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public NotifyPolicy Notify { get; init; } = NotifyPolicy.Each;
    /// <summary>Among tasks that wait for the same place, larger ones go first; from -100 to 100.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public int Priority { get; init; }
    /// <summary>What the task and everything below it may use together. None: no bound.</summary>
    public TreeBudget? Budget { get; init; }
    /// <summary>The activity within which it was asked for, as W3C <c>traceparent</c>: its attempts belong there, whichever host runs them. None where nobody traces.</summary>
    public string? TraceParent { get; init; }

    /// <summary>The name of the handler or the agent; none for processes.</summary>
    public string? Subject => Handler ?? Agent;

    /// <summary>What runs it.</summary>
    public TaskKind Kind => Process is not null ? TaskKind.Process : Agent is not null ? TaskKind.Agent : TaskKind.Handler;
}

/// <summary>What a task and everything below it, detached children aside, may use together. What is spent ends the tree, cause <see cref="EndCause.Budget"/>.</summary>
/// <param name="WallTime">The time from the task's first start. None: no bound.</param>
/// <param name="OutputBytes">The output of all of them. None: no bound.</param>
/// <param name="Tasks">How many tasks may ever be submitted below it; the next one is refused. None: no bound.</param>
public sealed record TreeBudget(TimeSpan? WallTime = null, long? OutputBytes = null, int? Tasks = null);

/// <summary>What a finished task does while its own children are open.</summary>
public enum ChildPolicy
{
    /// <summary>It waits for them.</summary>
    Wait,
    /// <summary>It stops them, and waits for that.</summary>
    Stop,
    /// <summary>It lets them go on without it.</summary>
    Detach,
}

/// <summary>Which ends of an attempt are tried again.</summary>
[Flags]
public enum RetryOn
{
    /// <summary>None.</summary>
    None = 0,
    /// <summary>A failed attempt.</summary>
    Failed = 1,
    /// <summary>A lost attempt.</summary>
    Lost = 2,
    /// <summary>An attempt that a limit ended.</summary>
    TimedOut = 4,
}

/// <summary>At most <paramref name="Max"/> further attempts, <paramref name="Backoff"/> apart (doubled each time; of that between half and all, each task its own share), after the ends in <paramref name="On"/>.</summary>
/// <remarks>The wall-clock limit runs over all attempts: none follows that could not begin before it passes.</remarks>
public sealed record RetryPolicy(int Max, TimeSpan Backoff, RetryOn On);

/// <summary>An OS process, as it would be started by the shell that asked for it.</summary>
public sealed record ProcessSpec
{
    /// <summary>Program and arguments; at least the program.</summary>
    public required ImmutableArray<string> Argv { get; init; }
    /// <summary>The folder it starts in, absolute.</summary>
    public required string Cwd { get; init; }
    /// <summary>The whole environment. Kept in the owner-only store; every output shows names only.</summary>
    public required ImmutableSortedDictionary<string, string> Environment { get; init; }
    /// <summary>What it reads.</summary>
    public StdinSource Stdin { get; init; } = StdinSource.None;
    /// <summary>Whether standard error has a log of its own.</summary>
    public StderrMode Stderr { get; init; }
    /// <summary>Who writes the log.</summary>
    public OutputRoute OutputVia { get; init; }
    /// <summary>The most bytes of output: of both logs together for <see cref="OutputPolicy.Stop"/>, else of each. None: no cap.</summary>
    public long? OutputCap { get; init; }
    /// <summary>What happens at the cap.</summary>
    public OutputPolicy OutputPolicy { get; init; }
    /// <summary>What becomes of processes that it leaves behind at its natural end.</summary>
    public LeftoverPolicy Leftovers { get; init; }
    /// <summary>The signal that asks it to stop: <c>TERM</c>, <c>INT</c>, ...</summary>
    public string StopSignal { get; init; } = "TERM";
    /// <summary>The file mode mask, for example octal 022. None: the host's own at its start.</summary>
    public int? Umask { get; init; }
    /// <summary>The soft limit of open files. None: the host's own before .NET raised it.</summary>
    public long? OpenFiles { get; init; }
}

/// <summary>Where a process reads its standard input from.</summary>
public enum StdinKind
{
    /// <summary>Nothing: <c>/dev/null</c>.</summary>
    None,
    /// <summary>A text known at submit.</summary>
    Text,
    /// <summary>A named pipe <c>stdin</c> in the attempt's folder; the command starts when somebody opens it for writing, and reads end-of-file when that writer closes.</summary>
    Fifo,
    /// <summary>What is sent to it while it runs, over any number of hosts; end-of-file when that is sent.</summary>
    Open,
}

/// <summary>What a process reads.</summary>
public sealed record StdinSource(StdinKind Kind, string? Text = null)
{
    /// <summary><c>/dev/null</c>.</summary>
    public static StdinSource None { get; } = new(StdinKind.None);
    /// <summary>A named pipe in the attempt's folder.</summary>
    public static StdinSource Fifo { get; } = new(StdinKind.Fifo);
    /// <summary>What is sent to it while it runs.</summary>
    public static StdinSource Open { get; } = new(StdinKind.Open);
    /// <summary>That text.</summary>
    public static StdinSource Of(string text) => new(StdinKind.Text, text);
}

/// <summary>Where standard error goes.</summary>
public enum StderrMode
{
    /// <summary>Into <c>output.log</c>, order kept.</summary>
    Merge,
    /// <summary>Into <c>error.log</c>, with offsets of its own.</summary>
    Separate,
}

/// <summary>Who writes the log.</summary>
public enum OutputRoute
{
    /// <summary>A keeper between the command and the log; nothing that the command does can damage what was written.</summary>
    Pipe,
    /// <summary>The command itself, appending. Fastest; a command that re-opens <c>/dev/stderr</c> by name cuts the log.</summary>
    File,
}

/// <summary>What happens when output reaches its cap.</summary>
public enum OutputPolicy
{
    /// <summary>The task ends as <see cref="EndCause.OutputLimit"/>. While no host lives, what lies between its beginning and its last part goes from twice the cap on.</summary>
    Stop,
    /// <summary>The first and the last half of the cap stay; what lies between goes. Offsets do not move.</summary>
    [System.Text.Json.Serialization.JsonStringEnumMemberName("keep-ends")]
    KeepEnds,
    /// <summary>At least the last half of the cap stays; what came before goes. Offsets do not move.</summary>
    Tail,
}

/// <summary>What becomes of processes that outlive their command.</summary>
public enum LeftoverPolicy
{
    /// <summary>They live on; the end names them.</summary>
    Keep,
    /// <summary>They are stopped as a stop would, before the end is written. The end stays the command's own.</summary>
    Stop,
    /// <summary>The task is not over before they have gone by themselves. Its outcome stays the command's.</summary>
    Wait,
}
