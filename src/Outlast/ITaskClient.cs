using System.Collections.Immutable;

namespace Outlast;

/// <summary>The one door: every task of a host is submitted, read and steered here, whoever asks.</summary>
/// <remarks>Thread-safe. Everything that changes a task returns only after the change is on disk.</remarks>
public interface ITaskClient
{
    /// <summary>Accepts a task. When it returns, the task is durable.</summary>
    /// <exception cref="InvalidTaskException">The spec is not acceptable.</exception>
    /// <exception cref="FullException">The host is full and the spec asked to be refused then. Nothing of the task came into being.</exception>
    /// <exception cref="IdempotencyMismatchException">The key belongs to another submission.</exception>
    /// <exception cref="ParentEndedException">The parent is over, or asked to stop.</exception>
    /// <exception cref="TreeFullException">Its tree has no room for it.</exception>
    /// <exception cref="TaskNotFoundException">The parent is unknown.</exception>
    /// <exception cref="DrainingException">The host is going away.</exception>
    /// <exception cref="StoreUnavailableException">Nothing was accepted.</exception>
    Task<TaskSnapshot> SubmitAsync(TaskSubmission submission, CancellationToken cancel = default);

    /// <summary>Accepts several tasks, all of them or none. When it returns, all are durable; their numbers follow one another.</summary>
    /// <returns>The tasks, in the order of the batch.</returns>
    /// <exception cref="InvalidTaskException">A spec is not acceptable; the fields are named with the task's place: <c>tasks[3].kind</c>.</exception>
    /// <exception cref="FullException">A task asked to be refused when there is no place for it.</exception>
    /// <exception cref="IdempotencyMismatchException">The key belongs to another submission.</exception>
    /// <exception cref="ParentEndedException">A parent is over, or asked to stop.</exception>
    /// <exception cref="TreeFullException">A tree has no room for one of them.</exception>
    /// <exception cref="TaskNotFoundException">A parent is unknown.</exception>
    /// <exception cref="TaskRemovedException">The batch is repeated, and retention has removed one of its tasks.</exception>
    /// <exception cref="DrainingException">The host is going away.</exception>
    /// <exception cref="StoreUnavailableException">Nothing was accepted.</exception>
    Task<ImmutableArray<TaskSnapshot>> SubmitManyAsync(TaskBatch batch, CancellationToken cancel = default);

    /// <summary>Reads a task. Reading never consumes anything.</summary>
    /// <exception cref="TaskNotFoundException">It was never known.</exception>
    /// <exception cref="TaskRemovedException">It was, and retention has removed it.</exception>
    Task<TaskSnapshot> GetAsync(TaskId id, CancellationToken cancel = default);

    /// <summary>Reads the task that a person named: by number (all digits), by id, or by an end of its id of at least 4 characters.</summary>
    /// <exception cref="TaskNotFoundException">Nothing matches.</exception>
    /// <exception cref="TaskRemovedException">It was removed.</exception>
    Task<ImmutableArray<TaskId>> ResolveAsync(string name, CancellationToken cancel = default);

    /// <summary>Waits until the task has ended or <paramref name="wait"/> is over, then reads it. A removed task answers by exception at once.</summary>
    Task<TaskSnapshot> WaitAsync(TaskId id, TimeSpan wait, CancellationToken cancel = default);

    /// <summary>Waits until one or all of several tasks have ended, or the time is over. What has been removed has ended.</summary>
    /// <exception cref="TaskNotFoundException">One was never known, or no task is of that group.</exception>
    /// <exception cref="WaitCycleException">The wait would never end: who is awaited waits for the <see cref="WaitCommand.Waiter"/>.</exception>
    Task<WaitResult> WaitManyAsync(WaitCommand command, CancellationToken cancel = default);

    /// <summary>Lists tasks, newest first.</summary>
    Task<TaskPage> ListAsync(TaskQuery query, CancellationToken cancel = default);

    /// <summary>The task and everything below it, detached children too.</summary>
    Task<TaskTree> TreeAsync(TaskId id, CancellationToken cancel = default);

    /// <summary>Asks the task and its attached descendants to stop. Returns when the request is on disk; asking again changes nothing but may skip the grace.</summary>
    /// <exception cref="TaskEndedException">It has ended, and how.</exception>
    Task<TaskSnapshot> StopAsync(TaskId id, StopCommand command, CancellationToken cancel = default);

    /// <summary>Ends processes that an ended task has left behind: what its end named, each if it is still that very process, and whatever else carries the task's mark. Returns when it was looked whether they are gone; what was done is noted in the record.</summary>
    /// <exception cref="TaskNotEndedException">It has not ended: <see cref="StopAsync"/> takes everything.</exception>
    /// <exception cref="DrainingException">The host is going away; some may be alive.</exception>
    Task<LeftoverSnapshot> StopLeftoversAsync(TaskId id, StopCommand command, CancellationToken cancel = default);

    /// <summary>Answers the question that a task waits for. When it returns, the answer is on disk; where a host runs the task it goes on, otherwise it is queued, first in line.</summary>
    /// <exception cref="QuestionOverException">It asks nothing: it was answered before, or the question has expired, or the task has ended. The first wins.</exception>
    /// <exception cref="InvalidAnswerException">The question takes other answers.</exception>
    Task<TaskSnapshot> AnswerAsync(TaskId id, AnswerCommand command, CancellationToken cancel = default);

    /// <summary>Runs an ended task again, as a new one with the same spec: environment, session, labels, group. Its parent is the same if that still takes children, otherwise it has none; moments (not before, start by) are not repeated. The ended task is told in the same commit.</summary>
    /// <exception cref="TaskNotEndedException">It has not ended.</exception>
    /// <exception cref="TaskRemovedException">It was removed, and its spec with it.</exception>
    /// <exception cref="FullException">The host is full and the spec asked to be refused then.</exception>
    /// <exception cref="IdempotencyMismatchException">The key belongs to something else.</exception>
    /// <exception cref="DrainingException">The host is going away.</exception>
    Task<TaskSnapshot> RetryAsync(TaskId id, RetryCommand command, CancellationToken cancel = default);

    /// <summary>Removes an ended task and its output now; a tombstone answers for it. When it returns, it never comes back.</summary>
    /// <exception cref="TaskNotEndedException">It has not ended.</exception>
    /// <exception cref="LeftoversAliveException">Processes that its end named are alive, and nobody insists.</exception>
    /// <exception cref="TaskRemovedException">It was removed before.</exception>
    Task<Tombstone> RemoveAsync(TaskId id, RemoveCommand command, CancellationToken cancel = default);

    /// <summary>Moves limits of a task that has not ended and is not asked to stop.</summary>
    /// <exception cref="TaskEndedException">It has ended.</exception>
    /// <exception cref="TaskStoppingException">It is being stopped: no limit holds any more.</exception>
    Task<TaskSnapshot> ExtendAsync(TaskId id, ExtendCommand command, CancellationToken cancel = default);

    /// <summary>Hands bytes, and then end-of-file where that is wanted, to the open standard input of a running process. When it returns, the pipe has them: they are in the system's memory, not on disk, and survive every host but not the machine.</summary>
    /// <remarks>Waits some seconds for a task that is about to start or to read. What one call sends is not mixed with another's, as far as it is taken at once.</remarks>
    /// <exception cref="InputFullException">Only the first bytes fitted; no end-of-file was given.</exception>
    /// <exception cref="InputClosedException">It takes nothing, or nothing more.</exception>
    /// <exception cref="TaskNotStartedException">It has not started.</exception>
    /// <exception cref="TaskEndedException">It has ended.</exception>
    Task SendAsync(TaskId id, ReadOnlyMemory<byte> bytes, bool end, CancellationToken cancel = default);

    /// <summary>Measures what running tasks use at this moment: one look at the machine for all of them. What does not run here is absent.</summary>
    Task<ImmutableDictionary<TaskId, LiveFacts>> MeasureAsync(IReadOnlyCollection<TaskId> tasks, CancellationToken cancel = default);

    /// <summary>Events after a number, oldest first; <see cref="EventPage.GapUntil"/> says if older ones are no longer kept.</summary>
    Task<EventPage> EventsAsync(EventQuery query, CancellationToken cancel = default);

    /// <summary>Returns when an event with a larger number than <paramref name="after"/> may exist. Never polls.</summary>
    Task WaitForEventAsync(long after, CancellationToken cancel = default);

    /// <summary>Where the task's output is. The folder of an attempt that has not started does not exist yet.</summary>
    /// <exception cref="TaskNotFoundException">It was never known.</exception>
    /// <exception cref="TaskRemovedException">It was removed.</exception>
    Task<OutputLocation> LocateOutputAsync(TaskId id, bool errorStream, CancellationToken cancel = default);
}

/// <summary>A task that somebody wants to start.</summary>
/// <param name="Spec">What to run.</param>
/// <param name="Actor">Who asks.</param>
/// <param name="Parent">The task that asks, if one does.</param>
/// <param name="IdempotencyKey">The same key and body again gives the same task.</param>
/// <param name="BodyHash">What "the same body" means: SHA-256 of the request as it was given, in hex. Needed with a key.</param>
public sealed record TaskSubmission(TaskSpec Spec, Actor Actor, TaskId? Parent = null, string? IdempotencyKey = null, string? BodyHash = null)
{
    /// <summary>The ended task that it repeats, which is told in the same commit. Its parent is then the one that it has if that takes children.</summary>
    internal TaskId? RetryOf { get; init; }
}

/// <summary>Tasks that come into being together or not at all.</summary>
/// <param name="Tasks">1 to <see cref="MostTasks"/>, none with a key of its own.</param>
/// <param name="IdempotencyKey">The same key and body again gives the same tasks.</param>
/// <param name="BodyHash">What "the same body" means, as in a <see cref="TaskSubmission"/>. Needed with a key.</param>
public sealed record TaskBatch(ImmutableArray<TaskSubmission> Tasks, string? IdempotencyKey = null, string? BodyHash = null)
{
    /// <summary>How many tasks a batch may have.</summary>
    public const int MostTasks = 1_000;
}

/// <summary>A record and what is true of it at this moment.</summary>
public sealed record TaskSnapshot(TaskRecord Record)
{
    /// <summary>Whether this answer repeats an earlier submission with the same idempotency key.</summary>
    public bool Repeated { get; init; }
    /// <summary>How many notices of it are in which state of their delivery. Only of a task that is read by itself.</summary>
    public ImmutableSortedDictionary<NoticeDelivery, int> Notices { get; init; } = ImmutableSortedDictionary<NoticeDelivery, int>.Empty;
    /// <summary>Its place in the queue, from 1, and what it waits for. Only while queued.</summary>
    public QueuePlace? Queue { get; init; }
    /// <summary>When the work last showed that it advances. Only while running or stopping.</summary>
    public DateTimeOffset? LastActivityAt { get; init; }
    /// <summary>How long it has been silent. Only while running or stopping.</summary>
    public TimeSpan? Idle { get; init; }
    /// <summary>How far it says that it is. Only while a host runs it.</summary>
    public TaskProgress? Progress { get; init; }
    /// <summary>How much it has printed, now.</summary>
    public OutputFacts Output { get; init; } = Record.Output;
    /// <summary>Its process as far as it is known now, the command's own pid once it was seen.</summary>
    public ProcessFacts? Process { get; init; } = Record.Process;
    /// <summary>Those processes that its end named which are alive still. Only of an ended task that is read by itself.</summary>
    public ImmutableArray<Survivor> Survivors { get; init; } = [];
}

/// <summary>What became of an ended task's leftovers.</summary>
/// <param name="Task">The task, with the note.</param>
/// <param name="Ended">What was alive and is not any more.</param>
/// <param name="Survivors">What is alive still.</param>
public sealed record LeftoverSnapshot(TaskSnapshot Task, ImmutableArray<Survivor> Ended, ImmutableArray<Survivor> Survivors);

/// <summary>A place in the queue.</summary>
/// <param name="Position">From 1.</param>
/// <param name="WaitsFor">In words: <c>kind process: 8 of 8</c>, <c>not before 2026-11-20T10:00:00.000Z</c>.</param>
public sealed record QueuePlace(int Position, string WaitsFor);

/// <summary>What a running task uses, measured when it was asked for.</summary>
/// <param name="Cpu">CPU time of everything that belongs to it, as far as it was looked at.</param>
/// <param name="MemoryBytes">The resident memory of all its processes together.</param>
/// <param name="Processes">How many of its processes are alive, with the shell that keeps its end.</param>
/// <param name="CpuPercent">CPU time since the measurement before, 100 for one processor; none at the first.</param>
/// <param name="OutputBytesPerSecond">What it printed since the measurement before; none at the first.</param>
public sealed record LiveFacts(TimeSpan Cpu, long MemoryBytes, int Processes, double? CpuPercent, double? OutputBytesPerSecond);

/// <summary>Which tasks.</summary>
public sealed record TaskQuery
{
    /// <summary>Any of these states; none: all.</summary>
    public ImmutableArray<TaskState> States { get; init; } = [];
    /// <summary>Of this kind.</summary>
    public TaskKind? Kind { get; init; }
    /// <summary>Of this session.</summary>
    public string? Session { get; init; }
    /// <summary>Of this group.</summary>
    public string? Group { get; init; }
    /// <summary>Children of this task.</summary>
    public TaskId? Parent { get; init; }
    /// <summary>Of this tree.</summary>
    public TaskId? Root { get; init; }
    /// <summary>Ended before then.</summary>
    public DateTimeOffset? EndedBefore { get; init; }
    /// <summary>With this mark (<c>key</c>, or <c>key=value</c>).</summary>
    public string? Label { get; init; }
    /// <summary>Whose name or command contains this text, case ignored.</summary>
    public string? Text { get; init; }
    /// <summary>Only numbers below this: the cursor.</summary>
    public long? Before { get; init; }
    /// <summary>At most so many, 1 to 1,000.</summary>
    public int Limit { get; init; } = 50;
}

/// <summary>A page of a list, newest first.</summary>
/// <param name="Tasks">The tasks.</param>
/// <param name="Next">The <see cref="TaskQuery.Before"/> of the next page; none on the last.</param>
public sealed record TaskPage(ImmutableArray<TaskSnapshot> Tasks, long? Next);

/// <summary>A task with everything below it.</summary>
public sealed record TaskTree(TaskSnapshot Task, ImmutableArray<TaskTree> Children);

/// <summary>What somebody waits for.</summary>
public sealed record WaitCommand
{
    /// <summary>The most tasks of one wait; a group may have more.</summary>
    public const int MostTasks = 1_000;

    /// <summary>The tasks.</summary>
    public ImmutableArray<TaskId> Tasks { get; init; } = [];
    /// <summary>Or those of a group, also those that join it meanwhile.</summary>
    public string? Group { get; init; }
    /// <summary>The session of the group; none: the group of that name that has none.</summary>
    public string? Session { get; init; }
    /// <summary>Whether the end of one is enough; otherwise all must have ended.</summary>
    public bool Any { get; init; }
    /// <summary>It is a wait for all, but returns with each end on the way, for who tells of each as it comes; then it is asked again for what is open.</summary>
    public bool UntilNext { get; init; }
    /// <summary>How long at most, up to a day; zero: only a look.</summary>
    public TimeSpan Timeout { get; init; }
    /// <summary>The task inside which somebody waits: it holds no place meanwhile, and a wait that would come back to it is refused.</summary>
    public TaskId? Waiter { get; init; }
}

/// <summary>What a wait came to.</summary>
/// <param name="Done">Whether what was waited for has come about; otherwise the time was over before.</param>
/// <param name="Ended">Those that have ended, in the order in which they were named; of a group by their numbers.</param>
/// <param name="Open">Those that have not.</param>
/// <param name="Removed">Those that had ended and whose records have been removed.</param>
public sealed record WaitResult(bool Done, ImmutableArray<TaskSnapshot> Ended, ImmutableArray<TaskId> Open, ImmutableArray<Tombstone> Removed);

/// <summary>That somebody wants a task to stop.</summary>
public sealed record StopCommand(EndCause Cause, Actor Actor, string? Reason = null, bool Now = false);

/// <summary>That somebody answers a task's question.</summary>
/// <param name="Text">What; one of the choices, where there are some.</param>
/// <param name="Actor">Who.</param>
public sealed record AnswerCommand(string Text, Actor Actor);

/// <summary>That somebody wants an ended task to run again.</summary>
/// <param name="Actor">Who.</param>
/// <param name="IdempotencyKey">The same key again gives the same new task.</param>
public sealed record RetryCommand(Actor Actor, string? IdempotencyKey = null);

/// <summary>That somebody wants an ended task removed.</summary>
/// <param name="Actor">Who.</param>
/// <param name="Force">Also if processes that it left behind are alive.</param>
public sealed record RemoveCommand(Actor Actor, bool Force = false);

/// <summary>That somebody moves limits.</summary>
/// <param name="Actor">Who.</param>
/// <param name="Timeout">The wall-clock limit.</param>
/// <param name="IdleTimeout">The inactivity limit.</param>
public sealed record ExtendCommand(Actor Actor, LimitChange? Timeout = null, LimitChange? IdleTimeout = null);

/// <summary>How a limit is moved.</summary>
/// <param name="By">How far. None: the limit is lifted.</param>
/// <param name="FromNow">Whether it counts from now; otherwise it is added to what is left.</param>
public sealed record LimitChange(TimeSpan? By, bool FromNow);

/// <summary>Which events.</summary>
/// <param name="After">Only larger numbers.</param>
/// <param name="Limit">At most so many.</param>
/// <param name="Task">Only of this task.</param>
/// <param name="Session">Only of this session's tasks.</param>
public sealed record EventQuery(long After, int Limit = 100, TaskId? Task = null, string? Session = null);

/// <summary>Events, oldest first.</summary>
/// <param name="Events">The events.</param>
/// <param name="Next">The cursor after them; grows also when nothing matched.</param>
/// <param name="GapUntil">The first number that is kept, when some after the cursor are not.</param>
public sealed record EventPage(ImmutableArray<TaskEvent> Events, long Next, long? GapUntil = null);

/// <summary>Where a log is.</summary>
/// <param name="Path">The file; it may not exist yet, or not any more.</param>
/// <param name="Record">The task, read at the same moment.</param>
public sealed record OutputLocation(string Path, TaskRecord Record);
