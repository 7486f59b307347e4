using System.Collections.Immutable;
using Outlast.Lifecycle;
using Outlast.Sqlite;
using Outlast.Storage;
using Outlast.TestKit;
using Xunit;

namespace Outlast.IntegrationTests.Faults;

/// <summary>The database file of a host that is down: what is in it, and faults planted into it.</summary>
internal static class StoreFile
{
    /// <summary>A record as it is on disk; none if there is none. Looks at a copy, so that the next host finds everything as the last one left it.</summary>
    public static Task<TaskRecord?> PeekAsync(DataFolder data, string id) => WithCopyAsync(data, store => store.FindAsync(TaskId.Parse(id)));

    /// <summary>The steps that are in the journal: what has happened for good.</summary>
    public static IReadOnlyList<(string Task, string Step)> FinishedSteps(DataFolder data)
    {
        using var scratch = new ScratchFolder();
        Copy(data, scratch);
        if (!File.Exists(scratch.File(Path.GetFileName(data.Database)))) return [];
        using var database = Database.OpenWriter(scratch.File(Path.GetFileName(data.Database)));
        // The host may have died before it had made its tables.
        if (database.Number("SELECT count(*) FROM sqlite_schema WHERE name = 'steps'") == 0) return [];
        var steps = new List<(string, string)>();
        using var row = database.Prepare("SELECT task, name FROM steps");
        while (row.Step()) steps.Add((row.Text(0)!, row.Text(1)!));
        return steps;
    }

    /// <summary>The id of the only task there is.</summary>
    public static Task<string> OnlyTaskAsync(DataFolder data) => WithCopyAsync(data, async store => Assert.Single(await store.ListAsync(new TaskQuery())).Id.ToString());

    /// <summary>Plants a loss: the record is gone as if it had never been.</summary>
    public static void Erase(DataFolder data, string id)
    {
        using var database = Database.OpenWriter(data.Database);
        database.Run($"DELETE FROM tasks WHERE id = '{TaskId.Parse(id)}'");
    }

    /// <summary>Plants whatever a statement does.</summary>
    public static void Plant(DataFolder data, string statement)
    {
        using var database = Database.OpenWriter(data.Database);
        database.Run(statement);
    }

    /// <summary>Plants an early end: a record that says, by every rule, that the running command has exited with that code.</summary>
    public static async Task EndAsync(DataFolder data, string id, int exitCode)
    {
        await using var store = new SqliteTaskStore(data, new(), TimeProvider.System);
        await store.OpenAsync();
        var record = (await store.FindAsync(TaskId.Parse(id)))!;
        var outcome = new TaskOutcome { Kind = exitCode == 0 ? OutcomeKind.Succeeded : OutcomeKind.Failed, Cause = EndCause.Exit, Exit = new(exitCode, null, []) };
        var decision = (Decision.Changed)TaskLifecycle.Apply(record, Transition.Settled(record.Claim!, outcome, null, DateTimeOffset.UtcNow));
        var verdict = await store.CommitAsync(StoreCommit.Of(new(decision.After, record.Version, record.Claim!.Token, decision.Events)));
        Assert.Equal(CommitResult.Committed, verdict.Result);
    }

    /// <summary>Fills the store with tasks that ended long ago.</summary>
    public static async Task AddEndedAsync(DataFolder data, int tasks)
    {
        Directory.CreateDirectory(data.Path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        await using var store = new SqliteTaskStore(data, new(), TimeProvider.System);
        await store.OpenAsync();
        var at = DateTimeOffset.UtcNow.AddDays(-1);
        var spec = new TaskSpec { Name = "old", Process = new() { Argv = ["/bin/true"], Cwd = "/", Environment = ImmutableSortedDictionary<string, string>.Empty.Add("PATH", "/usr/bin:/bin") } };
        foreach (var batch in Enumerable.Range(0, tasks).Chunk(1000))
        {
            var changes = batch.Select(n => Ended(spec, at.AddMilliseconds(n))).ToImmutableArray();
            Assert.Equal(CommitResult.Committed, (await store.CommitAsync(new StoreCommit(changes))).Result);
        }
    }

    private static RecordChange Ended(TaskSpec spec, DateTimeOffset at)
    {
        var submitted = TaskLifecycle.Submit(TaskId.New(at), spec, null, new(ActorType.User, "test"), at);
        var stopped = (Decision.Changed)TaskLifecycle.Apply(submitted.After, Transition.StopAsked(new() { Cause = EndCause.User, Actor = new(ActorType.User, "test"), RequestedAt = at }));
        return new(stopped.After with { Version = 1 }, 0, null, [.. submitted.Events, .. stopped.Events]);
    }

    private static void Copy(DataFolder data, ScratchFolder to)
    {
        if (!Directory.Exists(data.Path)) return;
        foreach (var file in Directory.EnumerateFiles(data.Path, "outlast.db*")) File.Copy(file, to.File(Path.GetFileName(file)));
    }

    private static async Task<T> WithCopyAsync<T>(DataFolder data, Func<ITaskStore, Task<T>> read)
    {
        using var scratch = new ScratchFolder();
        Copy(data, scratch);
        await using var store = new SqliteTaskStore(new(scratch.Path), new(), TimeProvider.System);
        await store.OpenAsync();
        return await read(store);
    }
}
