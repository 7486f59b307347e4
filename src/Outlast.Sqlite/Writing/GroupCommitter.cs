
namespace Outlast.Sqlite;

/// <summary>The one writer: takes everything that waits, writes it in one transaction with one fsync, and tells each caller its own verdict.</summary>
/// <remarks>Nobody waits for a timer: what comes while a transaction is synced is the next group. README.md says what happens on each failure.</remarks>
internal sealed class GroupCommitter
{
    // More would only hold the first callers up; the fsync is shared by enough already.
    private const int LargestGroup = 1_024;

    private readonly object _gate = new();
    private readonly Database _database;
    private readonly WriteSession _session;
    private readonly string _path;
    private readonly long _epoch;
    private readonly Thread _thread;
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _transactions;
    private long _writes;

    // Guarded by _gate.
    private readonly Queue<StoreWrite> _waiting = [];
    private bool _closing;

    public GroupCommitter(Database database, string path, long epoch)
    {
        _database = database;
        _path = path;
        _epoch = epoch;
        _session = new WriteSession(database, epoch);
        _thread = new Thread(Run) { IsBackground = true, Name = "outlast store writer" };
        _thread.Start();
    }

    /// <summary>How many transactions were committed, and how many writes they held.</summary>
    public (long Transactions, long Writes) Committed => (Volatile.Read(ref _transactions), Volatile.Read(ref _writes));

    /// <summary>Hands a write over; it completes when it is on disk or refused.</summary>
    public Task<T> WriteAsync<T>(StoreWrite<T> write)
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_closing, typeof(SqliteTaskStore));
            _waiting.Enqueue(write);
            if (_waiting.Count == 1) Monitor.Pulse(_gate);
        }
        return write.Told;
    }

    /// <summary>Takes nothing more, finishes what it was given, and ends.</summary>
    public Task CloseAsync()
    {
        lock (_gate)
        {
            _closing = true;
            Monitor.Pulse(_gate);
        }
        return _ended.Task;
    }

    private void Run()
    {
        var group = new List<StoreWrite>();
        while (TakeGroup(group)) CommitGroup(group);
        _ended.SetResult();
    }

    private bool TakeGroup(List<StoreWrite> group)
    {
        group.Clear();
        lock (_gate)
        {
            while (_waiting.Count == 0 && !_closing) Monitor.Wait(_gate);
            while (group.Count < LargestGroup && _waiting.TryDequeue(out var write)) group.Add(write);
        }
        return group.Count > 0;
    }

    private void CommitGroup(List<StoreWrite> group)
    {
        try
        {
            while (!TryCommit(group)) { }
            TellSuccess(group);
        }
        catch (Exception e)
        {
            if (IsThereAfterAll()) TellSuccess(group);
            else TellFailure(group, ToCallersException(e));
        }
    }

    /// <summary>Writes the group in one transaction. A write that is itself at fault is told so and taken out, the rest is undone and has to be tried again.</summary>
    private bool TryCommit(List<StoreWrite> group)
    {
        if (_database.InTransaction) _database.RollBack();
        _session.Begin();
        foreach (var write in group)
        {
            try
            {
                write.Execute(_session);
            }
            catch (Exception e) when (IsOwnFault(e))
            {
                _database.RollBack();
                group.Remove(write);
                write.Fail(e is SqliteFault fault ? new ArgumentException($"the store refuses what was to be written: {fault.Message}", fault) : e);
                return group.Count == 0;
            }
        }
        _session.Commit();
        return true;
    }

    // What breaks before or in one write's own statements hurts that write alone; only the database and the disk concern the whole group.
    private static bool IsOwnFault(Exception e) => e is SqliteFault fault ? fault.IsOfTheStatement : e is not (SupersededException or OutOfMemoryException);

    /// <summary>Whether the transaction that failed is in the database nevertheless, and makes sure of the answer.</summary>
    /// <remarks>
    /// A failed sync may leave a complete transaction behind the end of the log, which the next process would take for real. A further small transaction overwrites
    /// it; if the failed one was counted after all, the same small transaction makes it durable.
    /// </remarks>
    private bool IsThereAfterAll()
    {
        var failed = _session.Transaction;
        try
        {
            _database.RollBack();
            _session.Begin();
            var isThere = _session.Transaction > failed && failed > 0;
            _session.Commit();
            return isThere;
        }
        catch (Exception e) when (e is SqliteFault or SupersededException)
        {
            return false;
        }
        finally
        {
            UndoWhatIsUnderWay();
        }
    }

    private void UndoWhatIsUnderWay()
    {
        try
        {
            _database.RollBack();
        }
        catch (SqliteFault)
        {
            // The next transaction tries again before it begins.
        }
    }

    private void TellSuccess(List<StoreWrite> group)
    {
        if (group.Count == 0) return;
        Interlocked.Increment(ref _transactions);
        Interlocked.Add(ref _writes, group.Count);
        foreach (var write in group) write.Succeed();
    }

    private static void TellFailure(List<StoreWrite> group, Exception why)
    {
        foreach (var write in group) write.Fail(why);
    }

    private Exception ToCallersException(Exception e) => e switch
    {
        SqliteFault fault => fault.ToUnavailable(_path),
        SupersededException superseded => new StoreUnavailableException(superseded.Message, superseded) { IsForGood = true },
        _ => e,
    };
}
