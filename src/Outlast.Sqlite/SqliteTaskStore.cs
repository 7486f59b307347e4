using System.Collections.Immutable;
using System.Globalization;
using Outlast.Storage;
using SQLitePCL;

namespace Outlast.Sqlite;

/// <summary>The durable store of one host: an SQLite database in its data folder.</summary>
/// <remarks>Thread-safe. Acknowledged means synced to disk. README.md beside it describes the protocol and what happens on each failure.</remarks>
public sealed class SqliteTaskStore : ITaskStore
{
    private readonly DataFolder _folder;
    private readonly SqliteStoreOptions _options;
    private readonly TimeProvider _time;
    private ReaderPool? _readers;
    private GroupCommitter? _writer;
    private Database? _database;

    /// <summary>A store in that folder. Nothing is touched before <see cref="OpenAsync"/>.</summary>
    public SqliteTaskStore(DataFolder folder, SqliteStoreOptions options, TimeProvider time)
    {
        ArgumentNullException.ThrowIfNull(folder);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(time);
        (_folder, _options, _time) = (folder, options, time);
        Description = new StoreDescription("sqlite", SqliteLibrary.Use(), "full");
    }

    /// <inheritdoc/>
    public StoreDescription Description { get; }

    /// <summary>How many transactions were committed, and how many writes of callers they held.</summary>
    internal (long Transactions, long Writes) Committed => Writer.Committed;

    private GroupCommitter Writer => _writer ?? throw new InvalidOperationException("The store is not open.");

    private ReaderPool Readers => _readers ?? throw new InvalidOperationException("The store is not open.");

    /// <summary>Whether <see cref="OpenAsync"/> would take the database, as far as its file says. Makes and changes nothing.</summary>
    /// <exception cref="StoreRefusedException">It is another program's, or of a newer schema.</exception>
    public void Check() => new StoreFile(_folder.Database).Check();

    /// <inheritdoc/>
    public async Task<StoreOpening> OpenAsync(CancellationToken cancel = default)
    {
        cancel.ThrowIfCancellationRequested();
        if (_writer is not null) throw new InvalidOperationException("The store is open already.");
        var epoch = OpenDatabase();
        _readers = new ReaderPool(_folder.Database, _options.Readers);
        _writer = new GroupCommitter(_database!, _folder.Database, epoch);
        return new StoreOpening(epoch, await QuarantineOpenAsync(cancel).ConfigureAwait(false));
    }

    /// <inheritdoc/>
    public Task<CommitVerdict> CommitAsync(StoreCommit commit, CancellationToken cancel = default)
    {
        ArgumentNullException.ThrowIfNull(commit);
        commit.Validate();
        return cancel.IsCancellationRequested ? Task.FromCanceled<CommitVerdict>(cancel) : Writer.WriteAsync(new CommitWrite(commit));
    }

    /// <inheritdoc/>
    public async Task<TaskRecord?> FindAsync(TaskId id, CancellationToken cancel = default)
    {
        var found = await Readers.ReadAsync(database => TaskReader.Find(database, id), cancel).ConfigureAwait(false);
        if (found.Unreadable is { } number) await QuarantineAsync([number]).ConfigureAwait(false);
        return found.Record;
    }

    /// <inheritdoc/>
    public Task<KeyOwner?> FindKeyAsync(string key, CancellationToken cancel = default) => Readers.ReadAsync(database => NameReader.FindKey(database, key), cancel);

    /// <inheritdoc/>
    public Task<ImmutableArray<TaskId>> ResolveAsync(string name, CancellationToken cancel = default)
    {
        var wanted = TaskName.Parse(name);
        return Readers.ReadAsync(database => NameReader.Resolve(database, wanted), cancel);
    }

    /// <inheritdoc/>
    public async Task<ImmutableArray<TaskRecord>> ListAsync(TaskQuery query, CancellationToken cancel = default)
    {
        ArgumentNullException.ThrowIfNull(query);
        var found = await Readers.ReadAsync(database => TaskReader.List(database, query), cancel).ConfigureAwait(false);
        await QuarantineAsync(found.Unreadable).ConfigureAwait(false);
        return found.Records;
    }

    /// <inheritdoc/>
    public Task<ImmutableArray<OpenTask>> ListOpenAsync(CancellationToken cancel = default) => Readers.ReadAsync(OpenTaskReader.List, cancel);

    /// <inheritdoc/>
    public Task<ImmutableDictionary<TaskState, long>> CountAsync(CancellationToken cancel = default) => Readers.ReadAsync(TaskReader.Count, cancel);

    /// <inheritdoc/>
    public Task<EventPage> EventsAsync(EventQuery query, CancellationToken cancel = default)
    {
        ArgumentNullException.ThrowIfNull(query);
        return Readers.ReadAsync(database => EventReader.Read(database, query), cancel);
    }

    /// <inheritdoc/>
    public Task<Tombstone?> FindTombstoneAsync(TaskId id, CancellationToken cancel = default) => Readers.ReadAsync(database => NameReader.FindTombstone(database, id), cancel);

    /// <inheritdoc/>
    public Task<ImmutableArray<TaskId>> ListExpiredAsync(DateTimeOffset endedBefore, int limit, CancellationToken cancel = default) =>
        Readers.ReadAsync(database => TaskReader.ListExpired(database, endedBefore, limit), cancel);

    /// <inheritdoc/>
    public async Task<ImmutableArray<Tombstone>> RemoveAsync(ImmutableArray<TaskId> ids, DateTimeOffset at, string reason, CancellationToken cancel = default)
    {
        cancel.ThrowIfCancellationRequested();
        var (made, unreadable) = await Writer.WriteAsync(new RemoveWrite(ids, at, reason)).ConfigureAwait(false);
        await QuarantineAsync(unreadable).ConfigureAwait(false);
        return made;
    }

    /// <inheritdoc/>
    public Task<ImmutableArray<TaskStep>> StepsAsync(TaskId id, CancellationToken cancel = default) => Readers.ReadAsync(database => NoticeReader.Steps(database, id), cancel);

    /// <inheritdoc/>
    public Task<ImmutableArray<Notice>> NoticesAsync(NoticeQuery query, CancellationToken cancel = default)
    {
        ArgumentNullException.ThrowIfNull(query);
        return Readers.ReadAsync(database => NoticeReader.Read(database, query), cancel);
    }

    /// <inheritdoc/>
    public Task<ImmutableArray<Notice>> MoveNoticesAsync(NoticeMove move, CancellationToken cancel = default)
    {
        ArgumentNullException.ThrowIfNull(move);
        return cancel.IsCancellationRequested ? Task.FromCanceled<ImmutableArray<Notice>>(cancel) : Writer.WriteAsync(new MoveNoticesWrite(move));
    }

    /// <inheritdoc/>
    public Task<ImmutableArray<string>> AddresseesAsync(CancellationToken cancel = default) => Readers.ReadAsync(NoticeReader.Addressees, cancel);

    /// <inheritdoc/>
    public Task<ImmutableArray<SessionFacts>> SessionsAsync(string? name = null, CancellationToken cancel = default) => Readers.ReadAsync(database => NoticeReader.Sessions(database, name), cancel);

    /// <inheritdoc/>
    public Task SetSessionAsync(SessionChange change, CancellationToken cancel = default)
    {
        ArgumentNullException.ThrowIfNull(change);
        return cancel.IsCancellationRequested ? Task.FromCanceled(cancel) : Writer.WriteAsync(new SetSessionWrite(change));
    }

    /// <inheritdoc/>
    public Task<GroupCount> CountGroupAsync(string? session, string group, CancellationToken cancel = default) => Readers.ReadAsync(database => NoticeReader.CountGroup(database, session, group, all: true), cancel);

    /// <inheritdoc/>
    public async Task ForgetAsync(DateTimeOffset removedBefore, DateTimeOffset eventsBefore, CancellationToken cancel = default)
    {
        do cancel.ThrowIfCancellationRequested();
        while (await Writer.WriteAsync(new ForgetWrite(removedBefore, eventsBefore)).ConfigureAwait(false));
    }

    /// <inheritdoc/>
    public Task<ImmutableArray<QuarantinedRow>> ListQuarantinedAsync(CancellationToken cancel = default) => Readers.ReadAsync(TaskReader.ListQuarantined, cancel);

    /// <inheritdoc/>
    public Task ProbeAsync(CancellationToken cancel = default) => cancel.IsCancellationRequested ? Task.FromCanceled(cancel) : Writer.WriteAsync(new ProbeWrite());

    /// <summary>Finishes what it was given, moves the log into the database and closes it.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_writer is not null) await _writer.CloseAsync().ConfigureAwait(false);
        _readers?.Dispose();
        if (Interlocked.Exchange(ref _database, null) is not { } database) return;
        using (database)
        {
            try
            {
                database.Run("PRAGMA wal_checkpoint(TRUNCATE)");
            }
            catch (SqliteFault)
            {
                // What is in the log is as durable there; the next host moves it.
            }
        }
    }

    private long OpenDatabase()
    {
        var path = _folder.Database;
        try
        {
            new StoreFile(path).Prepare();
            _database = Database.OpenWriter(path);
            Configure(_database);
            Migrations.Apply(_database);
            return CountEpoch(_database);
        }
        catch (SqliteFault fault)
        {
            throw fault.Code is raw.SQLITE_NOTADB or raw.SQLITE_CORRUPT
                ? new StoreRefusedException($"{path} is damaged: {fault.Message}. Move it away, or put a copy in its place.")
                : fault.ToUnavailable(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new StoreUnavailableException($"cannot open {path}: {e.Message}", e);
        }
    }

    private void Configure(Database database)
    {
        if (database.Text("PRAGMA journal_mode = WAL") is not "wal") throw new StoreUnavailableException($"{_folder.Database}: its file system allows no write-ahead log.");
        database.Run("PRAGMA synchronous = FULL");
        database.Run(string.Create(CultureInfo.InvariantCulture, $"PRAGMA wal_autocheckpoint = {_options.CheckpointPages}"));
        // The pages of the hot ends of a few trees.
        database.Run("PRAGMA cache_size = -16384");
    }

    private static long CountEpoch(Database database)
    {
        database.Run("BEGIN IMMEDIATE");
        database.Run("UPDATE meta SET epoch = epoch + 1, transactions = transactions + 1");
        var epoch = database.Number("SELECT epoch FROM meta");
        database.Run("COMMIT");
        return epoch;
    }

    private async Task<int> QuarantineOpenAsync(CancellationToken cancel) =>
        await QuarantineAsync(await Readers.ReadAsync(TaskReader.FindUnreadableOpen, cancel).ConfigureAwait(false)).ConfigureAwait(false);

    private Task<int> QuarantineAsync(ImmutableArray<long> numbers) => numbers.IsEmpty ? Task.FromResult(0) : Writer.WriteAsync(new QuarantineWrite(numbers, _folder, _time));
}
