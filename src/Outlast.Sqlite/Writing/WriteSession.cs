using System.Collections.Immutable;
using Outlast.Storage;

namespace Outlast.Sqlite;

/// <summary>One transaction of the writer: the statements that writes are made of, and the numbers they are given.</summary>
/// <remarks>The counters are read anew in each transaction, so that one that was undone leaves no trace here either.</remarks>
internal sealed class WriteSession(Database database, long epoch)
{
    private static readonly TaskState[] AllStates = Enum.GetValues<TaskState>();

    // Prepared once: looking a statement up by its text would cost as much as running it.
    private readonly Statement _begin = database.Prepare("BEGIN IMMEDIATE");
    private readonly Statement _commit = database.Prepare("COMMIT");
    private readonly Statement _readMeta = database.Prepare("SELECT epoch, transactions, last_number, last_event, last_notice FROM meta");
    private readonly Statement _writeMeta = database.Prepare("UPDATE meta SET transactions = ?, last_number = ?, last_event = ?, last_notice = ?");
    private readonly Statement _writeCount = database.Prepare("UPDATE counts SET tasks = tasks + ? WHERE state = ?");
    private readonly Statement _findHead = database.Prepare("SELECT number, state, version, token, ended_at, events FROM tasks WHERE id = ?");
    private readonly Statement _isBuried = database.Prepare("SELECT 1 FROM tombstones WHERE id = ?");
    private readonly Statement _insertKey = database.Prepare("INSERT INTO idempotency_keys (key, task, body_hash) VALUES (?, ?, ?)");
    private readonly Statement _insertTask = database.Prepare(
        "INSERT INTO tasks (state, version, attempt, events, token, first_in_line, not_before, ended_at, cause, question_expires, document, number, id, kind, parent, root, detached, start_by, session, labels, subject, grp, notify, priority) " +
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    private readonly Statement _insertSpec = database.Prepare("INSERT INTO specs (number, search, spec) VALUES (?, ?, ?)");
    private readonly Statement _updateTask = database.Prepare(
        "UPDATE tasks SET state = ?, version = ?, attempt = ?, events = ?, token = ?, first_in_line = ?, not_before = ?, ended_at = ?, cause = ?, question_expires = ?, document = ? WHERE number = ?");
    private readonly Statement _insertStep = database.Prepare("INSERT INTO steps (task, name, ordinal, attempt, at, result) VALUES (?, ?, ?, ?, ?, ?)");
    private readonly Statement _insertNotice = database.Prepare(
        "INSERT INTO notices (seq, key, kind, session, task, number, at, title, text, state, cause, grp, delivery, open, deliveries, reason) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    private readonly Statement _insertEvent = database.Prepare("INSERT INTO events (seq, task, task_seq, type, at, state, attempt, session, data) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)");

    private readonly long[] _countChanges = new long[AllStates.Length];
    // Ids are in order of time and tombstones are of old ones: of what is newer than all of them nobody need look one up.
    private string _newestBuried = database.Text("SELECT max(id) FROM tombstones") ?? "";
    private long _lastNumber;
    private long _lastEvent;
    private long _lastNotice;

    /// <summary>The number of the transaction under way; 0 when none has begun.</summary>
    public long Transaction { get; private set; }

    /// <summary>Begins, and refuses to go on when a later host has opened the store.</summary>
    /// <exception cref="SupersededException">It has.</exception>
    public void Begin()
    {
        Transaction = 0;
        _begin.Ready().Run();
        using var meta = _readMeta.Ready();
        if (!meta.Step()) throw new SqliteFault(SQLitePCL.raw.SQLITE_CORRUPT, "the row of meta is missing");
        if (meta.Number(0) != epoch) throw new SupersededException(meta.Number(0), epoch);
        Transaction = meta.Number(1) + 1;
        _lastNumber = meta.Number(2);
        _lastEvent = meta.Number(3);
        _lastNotice = meta.Number(4);
        Array.Clear(_countChanges);
    }

    /// <summary>Writes the counters and commits: the one fsync.</summary>
    public void Commit()
    {
        _writeMeta.Ready().With(Transaction).With(_lastNumber).With(_lastEvent).With(_lastNotice).Run();
        foreach (var state in AllStates)
            if (_countChanges[(int)state] is not 0 and var change)
                _writeCount.Ready().With(change).With(Columns.Of(state)).Run();
        _commit.Ready().Run();
    }

    public TaskHead? FindHead(TaskId id) => FindHead(id.ToString());

    public TaskHead? FindHead(string id)
    {
        using var row = _findHead.Ready().With(id);
        if (!row.Step()) return null;
        // A state that no program wrote makes the row unreadable; whoever changes the record has read it before.
        var state = Columns.State(row.TextOrNone(1)) ?? throw new SqliteFault(SQLitePCL.raw.SQLITE_MISMATCH, $"task {id} has no known state");
        return new(row.Number(0), state, row.Number(2), row.NumberOrNone(3), Columns.Time(row.NumberOrNone(4)), row.Number(5));
    }

    public bool IsBuried(string id)
    {
        if (string.CompareOrdinal(id, _newestBuried) > 0) return false;
        using var row = _isBuried.Ready().With(id);
        return row.Step();
    }

    public KeyOwner? FindKey(string key) => NameReader.FindKey(database, key);

    public void InsertKey(IdempotencyKey key, TaskId task) =>
        _insertKey.Ready().With(key.Key).With(task.ToString()).With(key.BodyHash).Run();

    /// <summary>Writes a new record and gives it its number. None: its id is taken, and nothing was written.</summary>
    public long? Insert(TaskRecord record, TaskDocuments documents)
    {
        var number = _lastNumber + 1;
        try
        {
            InsertTask(record, documents, number);
        }
        catch (SqliteFault fault) when (fault.IsTakenId)
        {
            return null;
        }
        _insertSpec.Ready().With(number).With(documents.Search).With(documents.Spec).Run();
        _countChanges[(int)record.State]++;
        return _lastNumber = number;
    }

    private void InsertTask(TaskRecord record, TaskDocuments documents, long number) =>
        _insertTask.Ready()
            .WithState(record, documents).With(number).With(documents.Id).With(Columns.Of(record.Spec.Kind)).With(record.Parent?.ToString()).With(record.Root == record.Id ? documents.Id : record.Root.ToString())
            .With(record.Spec.Detached ? 1 : 0).With(Columns.Of(record.Spec.StartBy)).With(record.Spec.Session).With(LabelsOf(record.Spec))
            .With(record.Spec.Subject).With(record.Spec.Group).With(record.Spec.Notify == NotifyPolicy.Each ? null : Columns.Of(record.Spec.Notify)).With(record.Spec.Priority).Run();

    public long Update(TaskHead head, TaskRecord record, TaskDocuments documents)
    {
        _updateTask.Ready().WithState(record, documents).With(head.Number).Run();
        _countChanges[(int)head.State]--;
        _countChanges[(int)record.State]++;
        return head.Number;
    }

    public long NextEvent() => ++_lastEvent;

    /// <param name="e">The event.</param>
    /// <param name="task">Its task's id; none: the host's own.</param>
    /// <param name="data">Its details.</param>
    public TaskEvent Insert(TaskEvent e, string? task, byte[]? data)
    {
        _insertEvent.Ready()
            .With(e.Seq).With(task).With(e.TaskSeq).With(Columns.Of(e.Type)).With(Columns.Of(e.At)).With(e.State is { } state ? Columns.Of(state) : null)
            .With(e.Attempt).With(e.Session).With(data).Run();
        return e;
    }

    /// <summary>The largest number that a task has.</summary>
    public long LastNumber => _lastNumber;

    /// <summary>Writes a finished step.</summary>
    public void Insert(TaskId task, TaskStep step, byte[]? result) =>
        _insertStep.Ready().With(task.ToString()).With(step.Name).With(step.Ordinal).With(step.Attempt).With(Columns.Of(step.At)).With(result).Run();

    /// <summary>Writes what sessions are told of a commit, once all its rows are written.</summary>
    public ImmutableArray<Notice> Tell(StoreCommit commit, ImmutableArray<TaskRecord> records)
    {
        foreach (var change in commit.Changes)
            if (change.QuestionOver is { } why) Move(NoticeWriting.QuestionOver(change.After.Id, why));
        var notices = NoticeWriting.Complete(
            commit, records, _lastNotice, session => NoticeReader.Rule(database, session), spec => NoticeReader.CountGroup(database, spec.Session, spec.Group!, all: false));
        foreach (var notice in notices) Insert(notice);
        _lastNotice += notices.Length;
        return notices;
    }

    /// <summary>Moves notices on in their delivery.</summary>
    public ImmutableArray<Notice> Move(NoticeMove move)
    {
        ImmutableArray<Notice> moved = [.. NoticeReader.ReadConcerned(database, move).Select(notice => NoticeWriting.Moved(move, notice))];
        foreach (var notice in moved)
            database.Prepare("UPDATE notices SET delivery = ?, open = ?, deliveries = ?, reason = ? WHERE seq = ?")
                .With(Columns.Of(notice.Delivery)).With(notice.IsOpen ? 1 : 0).With(notice.Deliveries).With(notice.DroppedReason).With(notice.Seq).Run();
        return moved;
    }

    private void Insert(Notice n) => _insertNotice.Ready()
        .With(n.Seq).With(n.Key).With(Columns.Of(n.Kind)).With(n.Session).With(n.Task.ToString()).With(n.Number).With(Columns.Of(n.At)).With(n.Title).With(n.Text).With(Columns.Of(n.State))
        .With(n.Cause is { } cause ? Columns.Of(cause) : null).With(n.Group).With(Columns.Of(n.Delivery)).With(n.IsOpen ? 1 : 0).With(n.Deliveries).With(n.DroppedReason).Run();

    public void Bury(Tombstone tombstone)
    {
        if (string.CompareOrdinal(tombstone.Id.ToString(), _newestBuried) > 0) _newestBuried = tombstone.Id.ToString();
        database.Prepare("INSERT OR IGNORE INTO tombstones (number, id, state, ended_at, removed_at, reason) VALUES (?, ?, ?, ?, ?, ?)")
            .With(tombstone.Number).With(tombstone.Id.ToString()).With(Columns.Of(tombstone.State)).With(Columns.Of(tombstone.EndedAt)).With(Columns.Of(tombstone.RemovedAt)).With(tombstone.Reason).Run();
    }

    public void Delete(long number, TaskState? countedAs)
    {
        database.Prepare("DELETE FROM tasks WHERE number = ?").With(number).Run();
        database.Prepare("DELETE FROM specs WHERE number = ?").With(number).Run();
        if (countedAs is { } state) _countChanges[(int)state]--;
    }

    /// <summary>Drops what belongs to a removed task alone: its journal, and the notices that are final.</summary>
    public void DeleteWith(TaskId task)
    {
        database.Prepare("DELETE FROM steps WHERE task = ?").With(task.ToString()).Run();
        database.Prepare(NoticeReader.DeleteFinalOf).With(NoticeWriting.KeyPrefix(task)).With(NoticeReader.EndOfKeys(task)).Run();
    }

    /// <summary>Counts anew what is in the table now, this transaction's own changes included.</summary>
    public void Recount()
    {
        database.Prepare("WITH now AS (SELECT state, count(*) AS n FROM tasks GROUP BY state) UPDATE counts SET tasks = coalesce((SELECT n FROM now WHERE now.state = counts.state), 0)").Run();
        Array.Clear(_countChanges);
    }

    /// <summary>Any statement, for the rarer writes.</summary>
    public Statement Prepare(string sql) => database.Prepare(sql);

    private static byte[]? LabelsOf(TaskSpec spec) => spec.Labels.IsEmpty ? null : RecordSerializer.WriteLabels(spec.Labels);
}

/// <summary>What decides whether a change may be written.</summary>
internal readonly record struct TaskHead(long Number, TaskState State, long Version, long? Token, DateTimeOffset? EndedAt, long Events);

/// <summary>A later host has opened the store.</summary>
internal sealed class SupersededException(long by, long own) : Exception($"another host (epoch {by}) has opened this store; this one (epoch {own}) may write no more");

internal static class TaskColumns
{
    /// <summary>Binds what changes over a task's life.</summary>
    public static Statement WithState(this Statement statement, TaskRecord record, TaskDocuments documents) => statement
        .With(Columns.Of(record.State)).With(record.Version).With(record.Attempt).With(record.Events).With(record.Claim?.Token.Value).With(record.FirstInLine ? 1 : 0)
        .With(Columns.Of(record.NotBefore)).With(Columns.Of(record.EndedAt)).With(record.End is { } end ? Columns.Of(end.Cause) : null)
        .With(record.State == TaskState.Waiting ? Columns.Of(record.Question?.ExpiresAt) : null).With(documents.State);
}
