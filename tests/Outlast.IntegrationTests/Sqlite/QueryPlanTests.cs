using System.Collections.Immutable;
using Outlast.Sqlite;
using Outlast.Storage;
using Xunit;
using static Outlast.TestKit.StoredTasks;

namespace Outlast.IntegrationTests.Sqlite;

/// <summary>What the writer and the inboxes ask often is looked up, however much is stored.</summary>
public sealed class QueryPlanTests : IDisposable
{
    private readonly SqliteFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Notices_of_a_task_are_found_by_their_keys()
    {
        await _folder.WithAsync(store => store.CountAsync());
        using var database = Database.OpenReader(_folder.Data.Database);
        foreach (var openOnly in (bool[])[true, false])
            foreach (var session in (string?[])[null, "s"])
                Assert.Contains("(key>? AND key<?)", PlanOf(database, NoticeReader.TextOf(new() { Task = NewId(), OpenOnly = openOnly, Session = session })));
        Assert.Contains("(key>? AND key<?)", PlanOf(database, NoticeReader.ReadOpenOfTask));
        Assert.Contains("(key>? AND key<?)", PlanOf(database, NoticeReader.DeleteFinalOf));
        Assert.Contains("notices_open (session=? AND seq>?)", PlanOf(database, NoticeReader.TextOf(new() { Session = "s" })));
    }

    [Fact]
    public async Task Groups_and_old_final_notices_are_found_by_an_index()
    {
        await _folder.WithAsync(store => store.CountAsync());
        using var database = Database.OpenReader(_folder.Data.Database);
        Assert.Contains("tasks_by_group (grp=? AND session=?)", PlanOf(database, NoticeReader.CountOfGroup));
        var forget = PlanOf(database, ForgetWrite.DeleteFinal);
        Assert.Contains("notices_final (at<?)", forget);
        Assert.DoesNotContain("SCAN", forget);
    }

    [Fact]
    public async Task Old_final_notices_are_forgotten_in_portions_and_all_of_them()
    {
        await using var store = await _folder.OpenAsync();
        var queued = Queued(Spec(session: "s"));
        await store.CommitAsync(StoreCommit.Of(Submit(queued) with
        {
            Notices = [.. Enumerable.Range(1, ForgetWrite.Portion + 500).Select(n => new NoticeDraft($"warning:{n}", NoticeKind.Warning, Start, "build: a warning", "so it is."))],
        }));
        await store.MoveNoticesAsync(new(NoticeDelivery.Acknowledged) { Session = "s" });
        var before = store.Committed.Writes;

        await store.ForgetAsync(Start.AddTicks(1), Start);

        Assert.Empty(await store.NoticesAsync(new() { OpenOnly = false }));
        Assert.Equal(2, store.Committed.Writes - before);
    }

    private static string PlanOf(Database database, string sql)
    {
        using var plan = database.Prepare("EXPLAIN QUERY PLAN " + sql);
        var steps = ImmutableArray.CreateBuilder<string>();
        while (plan.Step()) steps.Add(plan.Text(3));
        return string.Join("; ", steps);
    }
}
