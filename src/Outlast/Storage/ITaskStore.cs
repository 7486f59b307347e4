using System.Collections.Immutable;

namespace Outlast.Storage;

/// <summary>Where tasks live. A narrow set of verbs; every write is compare-and-set and durable when it returns.</summary>
/// <remarks>
/// Thread-safe. A store never learns that anything runs. This contract will change until a second implementation outside this repository exists.
/// Every member may throw <see cref="StoreUnavailableException"/>; then nothing of the call has happened, and the same call may be made again later.
/// </remarks>
public interface ITaskStore : IAsyncDisposable
{
    /// <summary>What this store is and what it can honour.</summary>
    StoreDescription Description { get; }

    /// <summary>Opens the store for a new host and counts its boot epoch up, durably. Called once, before anything else.</summary>
    /// <exception cref="StoreRefusedException">A newer schema (left untouched), or not our file.</exception>
    Task<StoreOpening> OpenAsync(CancellationToken cancel = default);

    /// <summary>Writes all changes of one commit, or none. Commits of concurrent callers share a transaction; each gets its own verdict.</summary>
    /// <remarks>Steps are refused as changes are: a wrong token is told. New records of one commit get numbers that follow one another, in the order of the changes. A key that is taken is told before anything else, then a wrong token before a wrong version, in the order of the changes. Cancelling a commit that was handed over does not undo it: its verdict is awaited.</remarks>
    /// <exception cref="ArgumentException">The commit breaks a rule that no store may break; it is the caller's fault.</exception>
    Task<CommitVerdict> CommitAsync(StoreCommit commit, CancellationToken cancel = default);

    /// <summary>Reads one record; none if it was never there or has been removed.</summary>
    Task<TaskRecord?> FindAsync(TaskId id, CancellationToken cancel = default);

    /// <summary>Who has an idempotency key; none if nobody has.</summary>
    Task<KeyOwner?> FindKeyAsync(string key, CancellationToken cancel = default);

    /// <summary>The ids that a name fits: a number, a whole id, or an end of an id of at least 4 characters; of records and tombstones. At most 10.</summary>
    Task<ImmutableArray<TaskId>> ResolveAsync(string name, CancellationToken cancel = default);

    /// <summary>Lists records, newest first.</summary>
    Task<ImmutableArray<TaskRecord>> ListAsync(TaskQuery query, CancellationToken cancel = default);

    /// <summary>Every record that has not ended, in order of number, without its spec: cheap however many have ended and however large their environments are.</summary>
    Task<ImmutableArray<OpenTask>> ListOpenAsync(CancellationToken cancel = default);

    /// <summary>How many records there are in each state, zero included; kept, not counted.</summary>
    Task<ImmutableDictionary<TaskState, long>> CountAsync(CancellationToken cancel = default);

    /// <summary>Events after a number, oldest first.</summary>
    Task<EventPage> EventsAsync(EventQuery query, CancellationToken cancel = default);

    /// <summary>What is left of a removed task.</summary>
    Task<Tombstone?> FindTombstoneAsync(TaskId id, CancellationToken cancel = default);

    /// <summary>Ended records whose end is before <paramref name="endedBefore"/> and of which no notice is open, oldest end first.</summary>
    Task<ImmutableArray<TaskId>> ListExpiredAsync(DateTimeOffset endedBefore, int limit, CancellationToken cancel = default);

    /// <summary>Replaces ended records by tombstones, with one event each; an id that is open or unknown is passed over. Their journals and the notices of theirs that are final go with them; open ones stay, to be delivered, and go with <see cref="ForgetAsync"/> once they are final. Returns the tombstones made.</summary>
    Task<ImmutableArray<Tombstone>> RemoveAsync(ImmutableArray<TaskId> ids, DateTimeOffset at, string reason, CancellationToken cancel = default);

    /// <summary>The journal of a task: its finished steps, in order.</summary>
    Task<ImmutableArray<TaskStep>> StepsAsync(TaskId id, CancellationToken cancel = default);

    /// <summary>Notices, in the order in which they came about.</summary>
    Task<ImmutableArray<Notice>> NoticesAsync(NoticeQuery query, CancellationToken cancel = default);

    /// <summary>Moves open notices on in their delivery; one that is final already, or belongs to another session, is left as it is.</summary>
    /// <returns>Those that were moved, as they are now.</returns>
    Task<ImmutableArray<Notice>> MoveNoticesAsync(NoticeMove move, CancellationToken cancel = default);

    /// <summary>The sessions that a notice is open for, by name.</summary>
    Task<ImmutableArray<string>> AddresseesAsync(CancellationToken cancel = default);

    /// <summary>Every session that has a task, a notice or a policy of its own, by name.</summary>
    /// <param name="name">Only this one; it is there even if nobody ever used it.</param>
    /// <param name="cancel">Gives up.</param>
    Task<ImmutableArray<SessionFacts>> SessionsAsync(string? name = null, CancellationToken cancel = default);

    /// <summary>Sets what holds for a session. When it is closed, its open notices are dropped with it.</summary>
    Task SetSessionAsync(SessionChange change, CancellationToken cancel = default);

    /// <summary>How many of a group's tasks there are, counted from their records.</summary>
    /// <param name="session">The group's session; none: the group of that name that has none.</param>
    /// <param name="group">Its name.</param>
    /// <param name="cancel">Gives up.</param>
    Task<GroupCount> CountGroupAsync(string? session, string group, CancellationToken cancel = default);

    /// <summary>Drops tombstones (with their idempotency keys) made before <paramref name="removedBefore"/>, notices that came about before it and are final, whether their task is there still or not, and events older than <paramref name="eventsBefore"/>.</summary>
    Task ForgetAsync(DateTimeOffset removedBefore, DateTimeOffset eventsBefore, CancellationToken cancel = default);

    /// <summary>Rows that could not be read and were set aside, with the reason.</summary>
    Task<ImmutableArray<QuarantinedRow>> ListQuarantinedAsync(CancellationToken cancel = default);

    /// <summary>Writes and removes something small, durably: whether the store would accept work now.</summary>
    Task ProbeAsync(CancellationToken cancel = default);
}

/// <summary>What opening found.</summary>
/// <param name="Epoch">This host's boot epoch, from 1; larger than any before.</param>
/// <param name="Quarantined">How many rows were set aside at this opening.</param>
public sealed record StoreOpening(long Epoch, int Quarantined);

/// <summary>Changes that happen together or not at all.</summary>
public sealed record StoreCommit(ImmutableArray<RecordChange> Changes)
{
    /// <summary>Steps that are finished with them; each only if its task's claim has its token.</summary>
    public ImmutableArray<StepWrite> Steps { get; init; } = [];

    /// <summary>Events of the host itself that go with them.</summary>
    public ImmutableArray<TaskEventDraft> HostEvents { get; init; } = [];

    /// <summary>A commit of one change.</summary>
    public static StoreCommit Of(RecordChange change) => new([change]);

    /// <summary>Refuses what no store may be asked to write. Every store calls it before anything else.</summary>
    /// <exception cref="ArgumentException">A record breaks one of the <see cref="RecordRules"/>, its version or events do not count on, or it comes twice.</exception>
    public void Validate()
    {
        foreach (var change in Changes) change.Validate();
        foreach (var (task, _, step) in Steps)
            if (string.IsNullOrWhiteSpace(step.Name) || step.Ordinal < 1) throw new ArgumentException($"Step {step.Ordinal} '{step.Name}' of task {task} cannot be written: it needs a name, and an ordinal from 1.");
        if (Changes.Length < 2) return;
        var changed = new HashSet<TaskId>(Changes.Length);
        foreach (var change in Changes)
            if (!changed.Add(change.After.Id)) throw new ArgumentException($"Task {change.After.Id} is changed twice in one commit.");
    }
}

/// <summary>One record as it shall be.</summary>
/// <param name="After">The record with its new version, which is <paramref name="ExpectedVersion"/> + 1, and with <see cref="TaskRecord.Events"/> already counting <paramref name="Events"/>.</param>
/// <param name="ExpectedVersion">The version that must be there; 0: the record must be new.</param>
/// <param name="ExpectedToken">The token that the stored claim must have; none: whoever has it.</param>
/// <param name="Events">What happened.</param>
public sealed record RecordChange(TaskRecord After, long ExpectedVersion, FencingToken? ExpectedToken, ImmutableArray<TaskEventDraft> Events)
{
    /// <summary>What its session is to be told. The store gives each its number, its key and what the group says.</summary>
    public ImmutableArray<NoticeDraft> Notices { get; init; } = [];

    /// <summary>Why its open questions are over, if they are: their notices are dropped for that reason.</summary>
    public string? QuestionOver { get; init; }

    /// <summary>With a new record: its key, and the hash of what was submitted under it.</summary>
    public IdempotencyKey? Key { get; init; }

    /// <summary>An event of this change with its number.</summary>
    /// <param name="index">Its place among <see cref="Events"/>, from 0.</param>
    /// <param name="seq">Its number over all events of the store.</param>
    public TaskEvent EventAt(int index, long seq) => new(
        seq, After.Id, After.Spec.Session, After.Events - Events.Length + index + 1, Events[index].Type, Events[index].At, After.State, After.Attempt, Events[index].Data);

    /// <summary>Refuses a change of a stored record that is no step forward: a terminal state is final, and events are counted without gaps.</summary>
    /// <exception cref="ArgumentException">It is none.</exception>
    public void ValidateAgainst(TaskState state, DateTimeOffset? endedAt, long events)
    {
        if (state.IsTerminal() && (After.State != state || After.EndedAt != endedAt))
            throw new ArgumentException($"Task {After.Id} has ended as {state}; it cannot become {After.State}.");
        if (After.Events != events + Events.Length)
            throw new ArgumentException($"Task {After.Id} has had {events} events; with {Events.Length} more there cannot be {After.Events}.");
    }

    internal void Validate()
    {
        var breach = (ExpectedVersion == 0 ? RecordRules.FindBreach(After.Spec) : null) ?? RecordRules.FindBreachBesideSpec(After);
        if (breach is var (field, problem)) throw new ArgumentException($"Task {After.Id} cannot be written: {field} {problem}.");
        if (After.Version != ExpectedVersion + 1) throw new ArgumentException($"Task {After.Id}: version {After.Version} cannot follow {ExpectedVersion}.");
        if (ExpectedVersion == 0 && After.Events != Events.Length) throw new ArgumentException($"Task {After.Id} is new and cannot have had {After.Events} events.");
        if (!Notices.IsEmpty && After.Spec.Session is null) throw new ArgumentException($"Task {After.Id} has no session that could be told.");
        if (ExpectedVersion != 0 && Key is not null) throw new ArgumentException($"Task {After.Id} is not new; an idempotency key comes with a new record only.");
    }
}

/// <summary>A step that has finished, under the claim of whoever ran it.</summary>
public sealed record StepWrite(TaskId Task, FencingToken Token, TaskStep Step);

/// <summary>Which notices.</summary>
public sealed record NoticeQuery
{
    /// <summary>Of this session.</summary>
    public string? Session { get; init; }
    /// <summary>Of this task.</summary>
    public TaskId? Task { get; init; }
    /// <summary>Only those that are still to be delivered.</summary>
    public bool OpenOnly { get; init; } = true;
    /// <summary>Only larger numbers.</summary>
    public long After { get; init; }
    /// <summary>Only those that came about before then.</summary>
    public DateTimeOffset? Before { get; init; }
    /// <summary>At most so many.</summary>
    public int Limit { get; init; } = 100;
}

/// <summary>A step in the delivery of notices: those of a session, or with these keys, or of these tasks. One that names none of them moves nothing.</summary>
/// <param name="To">Where they come to. <see cref="NoticeDelivery.HandedOver"/> counts a delivery; the rest is final.</param>
public sealed record NoticeMove(NoticeDelivery To)
{
    /// <summary>Only of this session; none: of any.</summary>
    public string? Session { get; init; }
    /// <summary>Those with these keys; none: whichever else fits.</summary>
    public ImmutableArray<string> Keys { get; init; } = [];
    /// <summary>Those of these tasks.</summary>
    public ImmutableArray<TaskId> Tasks { get; init; } = [];
    /// <summary>Only of this kind.</summary>
    public NoticeKind? Kind { get; init; }
    /// <summary>Why, when they are dropped.</summary>
    public string? Reason { get; init; }

    internal bool NamesNothing => Session is null && Keys.IsDefaultOrEmpty && Tasks.IsDefaultOrEmpty;
}

/// <summary>What shall hold for a session from now on; what is not given stays.</summary>
/// <param name="Name">Which.</param>
/// <param name="Policy">When it is told.</param>
/// <param name="Closed">Whether it is over: of the tasks that it has now nothing more is told, neither to it nor to another one of its name.</param>
public sealed record SessionChange(string Name, SessionPolicy? Policy = null, bool Closed = false);

/// <summary>How many of a group's tasks there are.</summary>
/// <param name="Open">Those that have not ended.</param>
/// <param name="Ended">Those that have.</param>
/// <param name="Completed">Those of them that did what they were asked to do.</param>
public readonly record struct GroupCount(int Open, int Ended, int Completed)
{
    /// <summary>All of them.</summary>
    public int All => Open + Ended;
}

/// <summary>A key under which a submission may come twice.</summary>
public sealed record IdempotencyKey(string Key, string BodyHash);

/// <summary>The task that was submitted under a key, and the hash of what was submitted.</summary>
public sealed record KeyOwner(TaskId Task, string BodyHash);

/// <summary>What became of a commit.</summary>
public enum CommitResult
{
    /// <summary>All of it is on disk.</summary>
    Committed,
    /// <summary>Nothing happened: a record has another version, or exists already, or is gone. Read again and decide again.</summary>
    WrongVersion,
    /// <summary>Nothing happened: a record's claim has another token. Stop.</summary>
    WrongToken,
    /// <summary>Nothing happened: the idempotency key is taken.</summary>
    KeyTaken,
}

/// <summary>What became of a commit.</summary>
/// <param name="Result">Which of the four.</param>
/// <param name="Records">When committed: the records in the order of the changes, with their numbers.</param>
/// <param name="Events">When committed: the events with their numbers.</param>
/// <param name="Offender">When not: the record that did not match, or the task that has the key.</param>
/// <param name="KeyHash">When the key is taken: the hash of what was submitted under it.</param>
public sealed record CommitVerdict(
    CommitResult Result, ImmutableArray<TaskRecord> Records, ImmutableArray<TaskEvent> Events, TaskId? Offender = null, string? KeyHash = null)
{
    /// <summary>When committed: the notices with their numbers; those that were dropped as they were written, too.</summary>
    public ImmutableArray<Notice> Notices { get; init; } = [];

    /// <summary>All of it is on disk.</summary>
    public static CommitVerdict Committed(ImmutableArray<TaskRecord> records, ImmutableArray<TaskEvent> events, ImmutableArray<Notice> notices = default) =>
        new(CommitResult.Committed, records, events) { Notices = notices.IsDefault ? [] : notices };

    /// <summary>Nothing happened: that record did not match.</summary>
    public static CommitVerdict Refused(CommitResult result, TaskId offender) => new(result, [], [], offender);

    /// <summary>Nothing happened: that task has the key.</summary>
    public static CommitVerdict KeyTakenBy(TaskId task, string keyHash) => new(CommitResult.KeyTaken, [], [], task, keyHash);
}

/// <summary>A record that has not ended, in short.</summary>
public sealed record OpenTask(
    TaskId Id, long Number, TaskKind Kind, TaskState State, long Version, TaskId? Parent, TaskId Root, bool Detached, FencingToken? Token, bool FirstInLine, DateTimeOffset? NotBefore, DateTimeOffset? StartBy)
{
    /// <summary>The handler or agent that it runs; none for processes.</summary>
    public string? Subject { get; init; }
    /// <summary>Its session.</summary>
    public string? Session { get; init; }
    /// <summary>Its marks.</summary>
    public ImmutableSortedDictionary<string, string> Labels { get; init; } = ImmutableSortedDictionary<string, string>.Empty;
    /// <summary>Larger ones go first.</summary>
    public int Priority { get; init; }
    /// <summary>The attempt that runs or ran last; 0 before the first.</summary>
    public int Attempt { get; init; }
    /// <summary>When the question that it waits with expires.</summary>
    public DateTimeOffset? QuestionExpiresAt { get; init; }

    /// <summary>That record, in short.</summary>
    public static OpenTask Of(TaskRecord record)
    {
        ArgumentNullException.ThrowIfNull(record);
        return new(record.Id, record.Number, record.Spec.Kind, record.State, record.Version, record.Parent, record.Root, record.Spec.Detached,
            record.Claim?.Token, record.FirstInLine, record.NotBefore, record.Spec.StartBy)
        {
            Subject = record.Spec.Subject,
            Session = record.Spec.Session,
            Labels = record.Spec.Labels,
            Priority = record.Spec.Priority,
            Attempt = record.Attempt,
            QuestionExpiresAt = record.State == TaskState.Waiting ? record.Question?.ExpiresAt : null,
        };
    }
}

/// <summary>A row that could not be read.</summary>
/// <param name="Source">Table and row, or the name of a file.</param>
/// <param name="Reason">What is wrong with it.</param>
/// <param name="File">Where it is kept, byte for byte.</param>
public sealed record QuarantinedRow(string Source, string Reason, string File);
