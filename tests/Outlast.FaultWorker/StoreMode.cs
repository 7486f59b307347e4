using System.Collections.Immutable;
using System.Text.Json;
using Outlast.Sqlite;
using Outlast.Storage;

namespace Outlast.FaultWorker;

/// <summary>Writes to a SQLite store from 64 callers, one of them whole batches, until it is killed; and tells each acknowledgement on a line of its own: id, version, number of events.</summary>
internal static class StoreMode
{
    private const int Callers = 64, Batch = 50;
    private static readonly Lock Told = new();

    public static int Run(string[] arguments)
    {
        var store = new SqliteTaskStore(new DataFolder(arguments[0]), new SqliteStoreOptions(), TimeProvider.System);
        var epoch = store.OpenAsync().GetAwaiter().GetResult().Epoch;
        Task.WaitAll(Enumerable.Range(1, Callers).Select(caller => Task.Run(() =>
            caller == Callers ? WriteBatchesForEverAsync(store, epoch) : WriteForEverAsync(store, FencingToken.Of(epoch, (uint)caller)))));
        return 1;
    }

    /// <summary>The tasks of a batch share a session of their own, by which a reader tells whether all are there.</summary>
    private static async Task WriteBatchesForEverAsync(SqliteTaskStore store, long epoch)
    {
        for (var n = 1; ; n++)
        {
            var records = Enumerable.Range(0, Batch).Select(_ => NewRecord($"batch {epoch}.{n}"));
            var verdict = await store.CommitAsync(new StoreCommit([.. records.Select(r => new RecordChange(r, 0, null, [DraftFor(r)]))]));
            foreach (var record in verdict.Records) Tell(record);
        }
    }

    private static async Task WriteForEverAsync(SqliteTaskStore store, FencingToken token)
    {
        while (true)
        {
            var record = await CommitAsync(store, NewRecord(), 0, null);
            record = await CommitAsync(store, record with
            {
                State = TaskState.Running,
                Version = 2,
                Attempt = 1,
                Claim = new TaskClaim(HostId.OfEpoch(token.Epoch), token),
                StartedAt = record.CreatedAt,
                Events = 2,
            }, 1, null);
            await CommitAsync(store, record with
            {
                State = TaskState.Completed,
                Version = 3,
                Claim = null,
                EndedAt = record.CreatedAt,
                End = new TaskEnd { State = TaskState.Completed, Cause = EndCause.Exit },
                Events = 3,
            }, 2, token);
        }
    }

    private static TaskRecord NewRecord(string? session = null)
    {
        var at = TimeProvider.System.GetUtcNow();
        var id = TaskId.New(at);
        var spec = new TaskSpec { Name = "fault", Session = session, Process = new ProcessSpec { Argv = ["/bin/true"], Cwd = "/", Environment = ImmutableSortedDictionary<string, string>.Empty } };
        return new() { Id = id, Spec = spec, State = TaskState.Queued, Version = 1, Root = id, Limits = TaskLimits.Of(spec), CreatedAt = at, Events = 1 };
    }

    private static async Task<TaskRecord> CommitAsync(SqliteTaskStore store, TaskRecord record, long expected, FencingToken? token)
    {
        var verdict = await store.CommitAsync(StoreCommit.Of(new RecordChange(record, expected, token, [DraftFor(record)])));
        if (verdict.Result != CommitResult.Committed) throw new InvalidOperationException($"{record.Id}: {verdict.Result}");
        Tell(record);
        return verdict.Records[0];
    }

    private static TaskEventDraft DraftFor(TaskRecord record) => new(TaskEventType.Annotated, record.CreatedAt, ImmutableSortedDictionary<string, JsonElement>.Empty);

    private static void Tell(TaskRecord record)
    {
        lock (Told) Console.Out.WriteLine($"{record.Id} {record.Version} {record.Events}");
    }
}
