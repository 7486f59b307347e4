using Outlast.Storage;
using Xunit;
using static Outlast.TestKit.StoredTasks;

namespace Outlast.IntegrationTests.Sqlite;

public sealed class GroupCommitTests : IDisposable
{
    private readonly SqliteFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Commits_of_64_callers_share_transactions()
    {
        await using var store = await _folder.OpenAsync();
        await Task.WhenAll(Enumerable.Range(0, 64).Select(_ => Task.Run(async () =>
        {
            for (var i = 0; i < 50; i++) Assert.Equal(CommitResult.Committed, (await store.CommitAsync(StoreCommit.Of(Submit(Queued())))).Result);
        })));

        var (transactions, writes) = store.Committed;
        Assert.Equal(64 * 50, writes);
        Assert.True(transactions < writes / 4, $"{transactions} transactions for {writes} commits");
        Assert.Equal(64 * 50, (await store.CountAsync())[TaskState.Queued]);
    }

    [Fact]
    public async Task A_lone_commit_is_a_transaction_of_its_own_at_once()
    {
        await using var store = await _folder.OpenAsync();
        for (var i = 0; i < 10; i++) await store.CommitAsync(StoreCommit.Of(Submit(Queued())));
        Assert.Equal((10, 10), store.Committed);
    }

    [Fact]
    public async Task Commits_of_a_group_see_those_before_them()
    {
        await using var store = await _folder.OpenAsync();
        var record = Queued();
        // Handed over without waiting: the second and third are decided while the first is not yet acknowledged.
        var submitted = store.CommitAsync(StoreCommit.Of(Submit(record)));
        var next = store.CommitAsync(StoreCommit.Of(Change(record, Next(record))));
        var again = store.CommitAsync(StoreCommit.Of(Change(record, Next(record))));
        Assert.Equal([CommitResult.Committed, CommitResult.Committed, CommitResult.WrongVersion], (await Task.WhenAll(submitted, next, again)).Select(v => v.Result));
    }

    [Fact]
    public async Task One_commit_that_the_database_refuses_hurts_only_itself()
    {
        await using var store = await _folder.OpenAsync();
        // Something that no rule of the store knows, so that the fault comes in the middle of a transaction.
        _folder.Meddle("CREATE TRIGGER refuse BEFORE INSERT ON events WHEN NEW.session = 'refused' BEGIN SELECT RAISE(ABORT, 'not this one'); END");
        var commits = Enumerable.Range(0, 40).Select(i => store.CommitAsync(StoreCommit.Of(Submit(Queued(Spec(session: i % 10 == 3 ? "refused" : "fine")))))).ToArray();

        for (var i = 0; i < commits.Length; i++)
        {
            if (i % 10 == 3) Assert.Contains("not this one", (await Assert.ThrowsAsync<ArgumentException>(() => commits[i])).Message);
            else Assert.Equal(CommitResult.Committed, (await commits[i]).Result);
        }
        Assert.Equal(36, (await store.ListAsync(new TaskQuery { Limit = 100 })).Length);
        Assert.Equal(36, (await store.CountAsync())[TaskState.Queued]);
        Assert.Equal("36", _folder.Read("SELECT count(*) FROM specs"));
        Assert.Equal(Enumerable.Range(1, 36).Select(i => (long)i), (await store.EventsAsync(new EventQuery(0))).Events.Select(e => e.Seq));
    }

    [Fact]
    public async Task Readers_do_not_wait_for_the_writer()
    {
        await using var store = await _folder.OpenAsync();
        var record = (await store.CommitAsync(StoreCommit.Of(Submit(Queued())))).Records[0];
        using var other = Outlast.Sqlite.Database.OpenWriter(_folder.Data.Database);
        other.Run("BEGIN IMMEDIATE");
        var blocked = store.CommitAsync(StoreCommit.Of(Submit(Queued())));
        Assert.Equal(Text(record), Text((await store.FindAsync(record.Id))!));
        Assert.False(blocked.IsCompleted);
        other.Run("ROLLBACK");
        Assert.Equal(CommitResult.Committed, (await blocked).Result);
    }
}
