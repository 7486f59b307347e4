using System.Text.Json;
using Outlast.Sqlite;
using Outlast.Storage;
using Xunit;
using static Outlast.TestKit.StoredTasks;

namespace Outlast.IntegrationTests.Sqlite;

public sealed class QuarantineTests : IDisposable
{
    private static readonly FencingToken Own = FencingToken.Of(1, 1);
    private readonly SqliteFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    /// <summary>What is done to the row of the second task, and a word of the reason that is given.</summary>
    public static TheoryData<string, string, string> Damage => new()
    {
        { "empty", "document = ''", "empty" },
        { "cut short", "document = substr(document, 1, 120)", "$" },
        { "not JSON", "document = 'banana'", "$" },
        { "not text", "document = x'ff00fe'", "$" },
        { "an array", "document = '[]'", "$" },
        { "a string", "document = '\"record\"'", "$" },
        { "null", "document = 'null'", "null" },
        { "nothing", "document = '{}'", "v" },
        { "only an id", "document = json_object('id', id)", "v" },
        { "only version and id", "document = json_object('v', 1, 'id', id)", "state" },
        { "a newer document", "document = json_set(document, '$.v', 3)", "newer program" },
        { "an unknown field", "document = json_set(document, '$.colour', 'red')", "colour" },
        { "a doubled field", "document = replace(document, '\"depth\":0', '\"depth\":0,\"depth\":0')", "depth" },
        { "wrong kind", "kind = 'robot'", "kind" },
        { "another kind", "kind = 'agent'", "kind" },
        { "unknown state", "document = json_set(document, '$.state', 'done')", "state" },
        { "unknown state in the column", "state = 'done'", "state" },
        { "another state in the column", "state = 'lost'", "state" },
        { "a state by number", "document = json_set(document, '$.state', 3)", "state" },
        { "no creation time", "document = json_remove(document, '$.createdAt')", "createdAt" },
        { "a time that is none", "document = json_set(document, '$.createdAt', 'yesterday')", "createdAt" },
        { "a time as a number", "document = json_set(document, '$.createdAt', 17)", "createdAt" },
        { "a negative time", "document = json_set(document, '$.createdAt', '1969-12-31T23:59:59+00:00')", "createdAt" },
        { "a negative number of attempts", "attempt = -1, document = json_set(document, '$.attempt', -1)", "attempt" },
        { "version 0", "version = 0, document = json_set(document, '$.version', 0)", "version" },
        { "a version that is none", "version = 'many'", "version" },
        { "a reason of a wrong type", "document = json_set(document, '$.stop', json('{\"cause\":\"user\",\"actor\":{\"type\":\"user\",\"id\":\"u\"},\"reason\":5,\"requestedAt\":\"2026-11-20T10:00:00Z\",\"now\":false,\"measured\":{},\"noRetry\":false}'))", "stop.reason" },
        { "another id in the document", "document = json_set(document, '$.id', (SELECT id FROM tasks WHERE number = 1), '$.root', (SELECT id FROM tasks WHERE number = 1))", "column id" },
        { "an id with path characters", "id = '../../../../../etc/passwd1'", "id" },
        { "the same id in another format", "id = (SELECT upper(id) FROM tasks WHERE number = 1)", "id" },
        { "no parent but another root", "document = json_set(document, '$.root', (SELECT id FROM tasks WHERE number = 1)), root = (SELECT id FROM tasks WHERE number = 1)", "root" },
        { "another number of events", "events = 99", "events" },
        { "another token", "token = 99", "token" },
    };

    /// <summary>What is done to the spec of the second task.</summary>
    public static TheoryData<string, string, string> SpecDamage => new()
    {
        { "missing", "DELETE FROM specs WHERE number = 2", "spec" },
        { "cut short", "UPDATE specs SET spec = substr(spec, 1, 60) WHERE number = 2", "spec" },
        { "of another type", "UPDATE specs SET spec = '7' WHERE number = 2", "spec" },
        { "of two kinds", "UPDATE specs SET spec = json_set(spec, '$.spec.agent', 'reviewer') WHERE number = 2", "exactly one" },
        { "of no kind", "UPDATE specs SET spec = json_remove(spec, '$.spec.process') WHERE number = 2", "exactly one" },
        { "without a program", "UPDATE specs SET spec = json_set(spec, '$.spec.process.argv', json('[]')) WHERE number = 2", "argv" },
        { "with a null", "UPDATE specs SET spec = json_set(spec, '$.spec.process.environment.PATH', null) WHERE number = 2", "PATH" },
    };

    [Theory]
    [MemberData(nameof(Damage))]
    [Trait("Requirement", "S285-2")]
    public async Task An_open_record_that_cannot_be_read_is_set_aside_at_opening(string what, string change, string reason)
    {
        Assert.NotEmpty(what);
        await OpenIsCleanedAsync($"UPDATE tasks SET {change} WHERE number = 2", reason);
    }

    [Theory]
    [MemberData(nameof(SpecDamage))]
    [Trait("Requirement", "S285-2")]
    public async Task An_open_record_whose_spec_cannot_be_read_is_set_aside_at_opening(string what, string script, string reason)
    {
        Assert.NotEmpty(what);
        await OpenIsCleanedAsync(script, reason);
    }

    [Theory]
    [InlineData("document = substr(document, 1, 200)", "$")]
    [InlineData("document = json_set(document, '$.endedAt', '2026-11-20T10:00:00.9+00:00'), ended_at = 17951688009000000", "before startedAt")]
    [InlineData("document = json_remove(document, '$.end')", "end")]
    [InlineData("document = json_remove(document, '$.endedAt')", "endedAt")]
    [InlineData("document = json_set(document, '$.end.state', 'failed')", "end.state")]
    [InlineData("document = json_set(document, '$.end.cause', 7)", "end.cause")]
    [InlineData("ended_at = 5", "ended_at")]
    [Trait("Requirement", "S285-2")]
    public async Task An_ended_record_that_cannot_be_read_is_set_aside_when_it_is_met(string change, string reason)
    {
        var (good, bad) = await TwoAsync(ended: true);
        _folder.Meddle($"UPDATE tasks SET {change} WHERE number = 2");
        var (document, spec) = Bytes(2);

        await using var store = _folder.NewStore();
        Assert.Equal(0, (await store.OpenAsync()).Quarantined);
        Assert.Equal([good.Id], (await store.ListAsync(new TaskQuery())).Select(r => r.Id));
        await ExpectQuarantinedAsync(store, bad, reason, document, spec);
        var tombstone = (await store.FindTombstoneAsync(bad.Id))!;
        Assert.Equal(TaskState.Completed, tombstone.State);
        Assert.Equal(Text(good), Text((await store.FindAsync(good.Id))!));
    }

    [Fact]
    [Trait("Requirement", "S285-2")]
    [Trait("Requirement", "U-01")]
    public async Task Looked_up_by_id_an_unreadable_record_answers_with_a_tombstone_that_says_so()
    {
        var (_, bad) = await TwoAsync(ended: true);
        _folder.Meddle("UPDATE tasks SET document = '{' WHERE number = 2");
        await using var store = await _folder.OpenAsync();

        Assert.Null(await store.FindAsync(bad.Id));
        var tombstone = (await store.FindTombstoneAsync(bad.Id))!;
        Assert.Equal((2, TaskState.Completed, bad.EndedAt!.Value), (tombstone.Number, tombstone.State, tombstone.EndedAt));
        Assert.Contains("could not be read", tombstone.Reason);
        Assert.Contains("quarantine/task-2.json", tombstone.Reason);
        Assert.Equal([bad.Id], (await store.ResolveAsync("2")).ToArray());
    }

    [Fact]
    [Trait("Requirement", "S285-2")]
    public async Task What_cannot_be_read_is_never_pruned_away_but_set_aside()
    {
        var (good, bad) = await TwoAsync(ended: true);
        _folder.Meddle("UPDATE tasks SET document = '{' WHERE number = 2");
        await using var store = await _folder.OpenAsync();

        var due = await store.ListExpiredAsync(Start.AddDays(1), 10);
        Assert.Equal([good.Id], (await store.RemoveAsync(due, Start.AddDays(1), "old")).Select(t => t.Id));
        Assert.Equal("{", await File.ReadAllTextAsync(Assert.Single(await store.ListQuarantinedAsync()).File));
        Assert.Empty(await store.ListExpiredAsync(Start.AddDays(1), 10));
        Assert.NotNull(await store.FindTombstoneAsync(bad.Id));
    }

    [Fact]
    [Trait("Requirement", "S285-2")]
    public async Task Many_bad_records_are_all_set_aside_and_the_good_ones_all_there()
    {
        var good = new List<TaskId>();
        await using (var store = await _folder.OpenAsync())
            for (var i = 1; i <= 60; i++)
            {
                var record = (await store.CommitAsync(StoreCommit.Of(Submit(Queued())))).Records[0];
                if (i % 3 != 0) good.Add(record.Id);
            }
        _folder.Meddle("UPDATE tasks SET document = '' WHERE number % 3 = 0");

        await using var after = _folder.NewStore();
        Assert.Equal(20, (await after.OpenAsync()).Quarantined);
        Assert.Equal(good, (await after.ListOpenAsync()).Select(t => t.Id));
        Assert.Equal(20, (await after.ListQuarantinedAsync()).Length);
        Assert.Equal(40, (await after.CountAsync())[TaskState.Queued]);
    }

    private async Task OpenIsCleanedAsync(string script, string reason)
    {
        var (good, bad) = await TwoAsync(ended: false);
        var events = await _folder.WithAsync(store => store.EventsAsync(new EventQuery(0)));
        _folder.Meddle(script);
        var (document, spec) = Bytes(2);

        await using (var store = _folder.NewStore())
        {
            Assert.Equal(1, (await store.OpenAsync()).Quarantined);
            await ExpectQuarantinedAsync(store, bad, reason, document, spec);
            Assert.Equal(Text(good), Text((await store.FindAsync(good.Id))!));
            Assert.Equal([good.Id], (await store.ListOpenAsync()).Select(t => t.Id));
            Assert.Equal((1, 0), await store.CountAsync() is var c ? (c[TaskState.Queued], c.Where(p => p.Key != TaskState.Queued).Sum(p => p.Value)) : default);
            Assert.Equal(events.Next, (await store.EventsAsync(new EventQuery(0))).Next);
        }
        await using var again = _folder.NewStore();
        Assert.Equal(0, (await again.OpenAsync()).Quarantined);
        Assert.Single(await again.ListQuarantinedAsync());
    }

    private async Task ExpectQuarantinedAsync(SqliteTaskStore store, TaskRecord bad, string reason, byte[] document, byte[]? spec)
    {
        var row = Assert.Single(await store.ListQuarantinedAsync());
        Assert.Equal("tasks 2", row.Source);
        Assert.Contains(reason, row.Reason);
        Assert.StartsWith(_folder.Data.Quarantine, row.File);
        Assert.Equal(document, await File.ReadAllBytesAsync(row.File));
        Assert.Equal(spec ?? [], await File.ReadAllBytesAsync(Path.ChangeExtension(row.File, ".spec.json")));
        using var beside = JsonDocument.Parse(await File.ReadAllBytesAsync(Path.ChangeExtension(row.File, ".reason.json")));
        Assert.Equal(row.Reason, beside.RootElement.GetProperty("reason").GetString());
        Assert.Equal("2", beside.RootElement.GetProperty("columns").GetProperty("number").GetString());
        Assert.Null(await store.FindAsync(bad.Id));
        Assert.Equal("0", _folder.Read("SELECT count(*) FROM tasks WHERE number = 2"));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(row.File));
    }

    private Task<(TaskRecord Good, TaskRecord Bad)> TwoAsync(bool ended) => _folder.WithAsync(async store =>
    {
        var good = (await store.CommitAsync(StoreCommit.Of(Submit(Queued())))).Records[0];
        var bad = (await store.CommitAsync(StoreCommit.Of(Submit(Queued())))).Records[0];
        if (!ended) return (good, bad);
        return (await EndAsync(store, good), await EndAsync(store, bad));
    });

    private static async Task<TaskRecord> EndAsync(SqliteTaskStore store, TaskRecord queued)
    {
        var running = Running(queued, Own);
        await store.CommitAsync(StoreCommit.Of(Change(queued, running)));
        return (await store.CommitAsync(StoreCommit.Of(Change(running, Ended(running), Own)))).Records[0];
    }

    private (byte[] Document, byte[]? Spec) Bytes(long number)
    {
        var document = _folder.Read($"SELECT hex(document) FROM tasks WHERE number = {number}")!;
        var spec = _folder.Read($"SELECT hex(spec) FROM specs WHERE number = {number}");
        return (Convert.FromHexString(document), spec is null ? null : Convert.FromHexString(spec));
    }
}
