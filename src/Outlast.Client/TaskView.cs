using System.Text.Json;
using System.Text.Json.Serialization;

namespace Outlast.Client;

/// <summary>A task as every route, stream and <c>--json</c> shows it. What has no value is absent.</summary>
public sealed record TaskView
{
    /// <summary>The whole id.</summary>
    public required string Id { get; init; }
    /// <summary>The number within the host's store.</summary>
    public required long Number { get; init; }
    /// <summary><c>process</c>, <c>agent</c> or <c>handler</c>.</summary>
    public required string Kind { get; init; }
    /// <summary>A short name for people.</summary>
    public required string Name { get; init; }
    /// <summary>One of <see cref="TaskStateNames"/>.</summary>
    public required string State { get; init; }
    /// <summary>The attempt that runs or ran last; 0 before the first.</summary>
    public int Attempt { get; init; }
    /// <summary>Counts the record's changes.</summary>
    public long Version { get; init; }
    /// <summary>The conversation or client that wants to know of the end.</summary>
    public string? Session { get; init; }
    /// <summary>The task that started it.</summary>
    public string? Parent { get; init; }
    /// <summary>The top of its tree; itself where it has no parent.</summary>
    public required string Root { get; init; }
    /// <summary>0 at the top of its tree.</summary>
    public int Depth { get; init; }
    /// <summary>How many of the notices of it are <c>queued</c>, <c>handed_over</c>, <c>acknowledged</c>, <c>consumed</c>, <c>dropped</c>; only where a task is read by itself.</summary>
    public IReadOnlyDictionary<string, int>? Notices { get; init; }
    /// <summary>The ended task that it repeats.</summary>
    public string? RetryOf { get; init; }
    /// <summary>Tasks that are awaited together.</summary>
    public string? Group { get; init; }
    /// <summary>Of which of its ends the session is told: <c>last</c>, <c>failures</c> or <c>none</c>; absent: of each.</summary>
    public string? Notify { get; init; }
    /// <summary>Free marks.</summary>
    public IReadOnlyDictionary<string, string>? Labels { get; init; }
    /// <summary>What was asked for; can be posted again.</summary>
    public required SpecView Spec { get; init; }
    /// <summary>The limits in force: the spec's, as extended since.</summary>
    public LimitsView? Limits { get; init; }
    /// <summary>Only while queued.</summary>
    public QueueView? Queue { get; init; }
    /// <summary>Once started.</summary>
    public ProcessView? Process { get; init; }
    /// <summary>How often a later host took over a living attempt.</summary>
    public int Adoptions { get; init; }
    /// <summary>How far the work is, where it says so.</summary>
    public ProgressView? Progress { get; init; }
    /// <summary>How long it has been silent; only while it runs.</summary>
    public long? IdleMs { get; init; }
    /// <summary>What it uses now; only of a running task, and only when asked for.</summary>
    public LiveView? Live { get; init; }
    /// <summary>That it is asked to stop.</summary>
    public StopView? Stop { get; init; }
    /// <summary><c>finishing</c> while its own work is over and its children are awaited.</summary>
    public string? Phase { get; init; }
    /// <summary>What is below it, where something is or was.</summary>
    public BelowView? Below { get; init; }
    /// <summary>How much it printed.</summary>
    public required OutputView Output { get; init; }
    /// <summary>When it was accepted.</summary>
    public required DateTimeOffset CreatedAt { get; init; }
    /// <summary>It is not claimed before; only while queued.</summary>
    public DateTimeOffset? NotBefore { get; init; }
    /// <summary>When its first attempt was claimed.</summary>
    public DateTimeOffset? StartedAt { get; init; }
    /// <summary>When the work last showed that it advances; only while it runs.</summary>
    public DateTimeOffset? LastActivityAt { get; init; }
    /// <summary>When it ended.</summary>
    public DateTimeOffset? EndedAt { get; init; }
    /// <summary>Once ended.</summary>
    public EndView? End { get; init; }
    /// <summary>Processes that its end named and that are alive still; only where an ended task is read by itself.</summary>
    public IReadOnlyList<SurvivorView>? Survivors { get; init; }
    /// <summary>Facts beside the main story, oldest first.</summary>
    public IReadOnlyList<AnnotationView> Annotations { get; init; } = [];

    /// <summary>Whether its state is final.</summary>
    [JsonIgnore]
    public bool HasEnded => TaskStateNames.IsTerminal(State);
}

/// <summary>What was asked for, as it is read back. Values of the environment are never told.</summary>
public sealed record SpecView
{
    /// <summary>The OS process.</summary>
    public ProcessSpecView? Process { get; init; }
    /// <summary>The agent.</summary>
    public string? Agent { get; init; }
    /// <summary>The registered handler.</summary>
    public string? Handler { get; init; }
    /// <summary>The wall-clock limit; absent: none.</summary>
    public long? TimeoutMs { get; init; }
    /// <summary>The inactivity limit; absent: none.</summary>
    public long? IdleTimeoutMs { get; init; }
    /// <summary>After how much silence a warning goes out; absent: never.</summary>
    public long? IdleWarningMs { get; init; }
    /// <summary>How long a stop waits between asking and killing.</summary>
    public long StopGraceMs { get; init; }
    /// <summary>True where it may be run again when its outcome is unknown.</summary>
    public bool? Repeatable { get; init; }
    /// <summary><c>refuse</c> where a full host refuses it instead of queueing it.</summary>
    public string? WhenFull { get; init; }
    /// <summary>It is not started before.</summary>
    public DateTimeOffset? At { get; init; }
    /// <summary>It ends as <c>timed_out</c> if it has not started by then.</summary>
    public DateTimeOffset? StartBy { get; init; }
    /// <summary>Larger ones go first, from -100 to 100; absent: 0.</summary>
    public int? Priority { get; init; }
    /// <summary>Whether and how a failed attempt is tried again.</summary>
    public RetryView? Retry { get; init; }
    /// <summary>True where its parent's end and stop pass it by.</summary>
    public bool? Detached { get; init; }
    /// <summary>What its end does to its own children, where it does not wait for them: <c>stop</c> or <c>detach</c>.</summary>
    public string? Children { get; init; }
    /// <summary>What it and everything below it may use together.</summary>
    public BudgetView? Budget { get; init; }
    /// <summary>The names of the process's environment, as in <see cref="ProcessSpecView.EnvNames"/>.</summary>
    public IReadOnlyList<string>? EnvNames { get; init; }
}

/// <summary>Whether and how a failed attempt is tried again.</summary>
/// <param name="Max">At most so many further attempts.</param>
/// <param name="BackoffMs">How long the first of them waits; each further one twice as long, of which between half and all is waited.</param>
/// <param name="On">After which ends: <c>failed</c>, <c>lost</c>, <c>timed_out</c>.</param>
public sealed record RetryView(int Max, long? BackoffMs = null, IReadOnlyList<string>? On = null);

/// <summary>What a task and everything below it may use together; absent: no bound.</summary>
public sealed record BudgetView(long? WallMs, long? OutputBytes, int? Tasks);

/// <summary>What is below a task, at any depth.</summary>
/// <param name="Open">How many of them have not ended; counted at the top of a tree.</param>
/// <param name="Ever">How many ever were; counted at the top of a tree, and where a budget counts tasks.</param>
/// <param name="Stopped">How many of those that have ended a stop ended; detached ones aside.</param>
public sealed record BelowView(int? Open, int? Ever, int? Stopped);

/// <summary>An OS process, as it is read back.</summary>
public sealed record ProcessSpecView
{
    /// <summary>Program and arguments.</summary>
    public required IReadOnlyList<string> Argv { get; init; }
    /// <summary>The folder it starts in.</summary>
    public required string Cwd { get; init; }
    /// <summary>What it reads.</summary>
    public required StdinView Stdin { get; init; }
    /// <summary><c>merge</c> or <c>separate</c>.</summary>
    public string? Stderr { get; init; }
    /// <summary><c>pipe</c> or <c>file</c>.</summary>
    public string? OutputVia { get; init; }
    /// <summary>The most bytes of output; 0: no cap.</summary>
    public long? OutputCap { get; init; }
    /// <summary>What happens at the cap: <c>keep-ends</c>, <c>tail</c> or <c>stop</c>; absent: there is none.</summary>
    public string? OutputPolicy { get; init; }
    /// <summary><c>keep</c>, <c>stop</c> or <c>wait</c>.</summary>
    public string? Leftovers { get; init; }
    /// <summary><c>TERM</c>, <c>INT</c>, ...</summary>
    public string? StopSignal { get; init; }
    /// <summary>In octal: <c>022</c>.</summary>
    public string? Umask { get; init; }
    /// <summary>The soft limit of open files.</summary>
    public long? OpenFiles { get; init; }
    /// <summary>The names of its environment; their values are never told.</summary>
    public IReadOnlyList<string> EnvNames { get; init; } = [];
}

/// <summary>The limits in force, as extended since the submission; absent: none.</summary>
public sealed record LimitsView(long? TimeoutMs, long? IdleTimeoutMs, long? IdleWarningMs);

/// <summary>A place in the queue, from 1, and what it waits for.</summary>
public sealed record QueueView(int Position, string WaitsFor);

/// <summary>An OS process, named so that a recycled pid cannot be mistaken for it.</summary>
public sealed record ProcessView(int Pid, int? CommandPid, string BootId, long StartTicks);

/// <summary>How far the work is.</summary>
public sealed record ProgressView(double? Fraction, string? Text);

/// <summary>What a running task uses, measured when it was read.</summary>
/// <param name="CpuMs">CPU time so far.</param>
/// <param name="MemoryBytes">Resident memory of all its processes together.</param>
/// <param name="Processes">How many of them are alive.</param>
/// <param name="CpuPercent">CPU since the measurement before, 100 for one processor; absent at the first.</param>
/// <param name="OutputBytesPerSecond">Output since the measurement before; absent at the first.</param>
public sealed record LiveView(long CpuMs, long MemoryBytes, int Processes, double? CpuPercent, long? OutputBytesPerSecond);

/// <summary>Who did something, and through which door.</summary>
public sealed record ActorView(string Type, string Id, string? Via);

/// <summary>That a task is asked to stop: the first request stands.</summary>
public sealed record StopView
{
    /// <summary>Why.</summary>
    public required string Cause { get; init; }
    /// <summary>Who.</summary>
    public required ActorView Actor { get; init; }
    /// <summary>In their words.</summary>
    public string? Reason { get; init; }
    /// <summary>When.</summary>
    public required DateTimeOffset RequestedAt { get; init; }
    /// <summary>True where the grace is skipped.</summary>
    public bool? Now { get; init; }
    /// <summary>What a rule measured, with the unit in the name.</summary>
    public IReadOnlyDictionary<string, long>? Measured { get; init; }
}

/// <summary>How much was printed, in bytes.</summary>
public sealed record OutputView(long Bytes, long ErrorBytes, long DroppedBytes, long LostBytes, DateTimeOffset? RemovedAt = null, string? RemovedReason = null);

/// <summary>How a task ended, and why.</summary>
public sealed record EndView
{
    /// <summary>The final state.</summary>
    public required string State { get; init; }
    /// <summary>The first cause.</summary>
    public required string Cause { get; init; }
    /// <summary>For people.</summary>
    public string? Reason { get; init; }
    /// <summary>What a shell would see.</summary>
    public int? ExitCode { get; init; }
    /// <summary>The signal that killed it, without <c>SIG</c>, when that was observed.</summary>
    public string? Signal { get; init; }
    /// <summary>Processes of it that were alive at the end.</summary>
    public IReadOnlyList<SurvivorView> Leftovers { get; init; } = [];
    /// <summary>Who wanted it, when somebody did.</summary>
    public ActorView? Actor { get; init; }
    /// <summary>What a rule measured, with the unit in the name.</summary>
    public IReadOnlyDictionary<string, long>? Measured { get; init; }
    /// <summary>What code threw.</summary>
    public ErrorView? Error { get; init; }
    /// <summary>What the work returned.</summary>
    public JsonElement? Result { get; init; }
    /// <summary>What the conclusion rests on.</summary>
    public IReadOnlyList<string> Evidence { get; init; } = [];
    /// <summary>What it used.</summary>
    public ResourcesView? Resources { get; init; }
}

/// <summary>What code threw.</summary>
public sealed record ErrorView(string Type, string Message, string? Stack);

/// <summary>What an attempt used.</summary>
public sealed record ResourcesView(long WallMs, long? CpuMs, long? PeakBytes);

/// <summary>A process that is or was alive.</summary>
public sealed record SurvivorView(int Pid, long StartTicks, string Command);

/// <summary>What became of an ended task's leftovers: what was ended, and what is alive still.</summary>
public sealed record LeftoversView(TaskView Task, IReadOnlyList<SurvivorView> Ended, IReadOnlyList<SurvivorView> Survivors);

/// <summary>What is left of a removed task.</summary>
public sealed record RemovedView(string Id, long Number, string State, DateTimeOffset EndedAt, DateTimeOffset RemovedAt, string Reason);

/// <summary>A fact beside the main story.</summary>
public sealed record AnnotationView(DateTimeOffset At, string Text);

/// <summary>What the standard input of a task took.</summary>
/// <param name="Taken">How many bytes: all that were sent.</param>
/// <param name="Eof">True where end-of-file followed.</param>
public sealed record InputView(long Taken, bool? Eof = null);

/// <summary>A page of a list, newest first.</summary>
/// <param name="Tasks">The tasks.</param>
/// <param name="NextCursor">Absent on the last page.</param>
public sealed record TaskListView(IReadOnlyList<TaskView> Tasks, string? NextCursor);

/// <summary>A task and everything below it.</summary>
public sealed record TaskTreeView(TaskView Task, IReadOnlyList<TaskTreeView> Children);

/// <summary>What a wait found.</summary>
/// <param name="Done">Whether what was waited for has come about; otherwise the time was over before.</param>
/// <param name="Ended">The tasks that have ended.</param>
/// <param name="Open">The ids of those that have not.</param>
/// <param name="Removed">Those that had ended and whose records have been removed.</param>
public sealed record WaitView(bool Done, IReadOnlyList<TaskView> Ended, IReadOnlyList<string> Open, IReadOnlyList<RemovedView> Removed);

/// <summary>The whole ids that a name fits, at most 10.</summary>
public sealed record ResolveView(IReadOnlyList<string> Ids);
