using System.Collections.Concurrent;
using Microsoft.Extensions.Logging.Abstractions;
using Outlast.Lifecycle;
using Outlast.Sqlite;
using Outlast.Storage;
using Outlast.Supervision;
using Outlast.TestKit;
using Xunit;

namespace Outlast.IntegrationTests.Sqlite;

/// <summary>Trees of which much happens at once: what is counted in their records is the truth, and a parent is written once for all that come together.</summary>
public sealed class TreeCommitTests : IDisposable
{
    private static readonly Actor Somebody = new(ActorType.User, "uid 1000", "test");
    private readonly SqliteFolder _folder = new();
    private uint _tokens;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Children_that_end_at_once_cost_few_transactions_and_few_versions_of_their_parent()
    {
        const int children = 256;
        await using var store = await _folder.OpenAsync();
        var ledger = Ledger(store);
        var parent = (await SubmitAsync(ledger, [null]))[0];
        var submitted = await SubmitAsync(ledger, [.. Enumerable.Repeat<TaskId?>(parent, children)]);
        var claims = await Task.WhenAll(submitted.Select(async id => (Id: id, Claim: await ClaimAsync(ledger, id))));
        var (before, version) = (store.Committed.Transactions, (await store.FindAsync(parent))!.Version);

        await Task.WhenAll(claims.Select(c => Task.Run(() => SettleAsync(ledger, c.Id, c.Claim!))));

        var after = (await store.FindAsync(parent))!;
        Assert.Equal((0, 0, children), (after.OpenChildren, after.OpenBelow, after.EverBelow));
        Assert.All(await Task.WhenAll(submitted.Select(id => store.FindAsync(id))), r => Assert.Equal(TaskState.Completed, r!.State));
        Assert.InRange(store.Committed.Transactions - before, 1, children / 4);
        Assert.InRange(after.Version - version, 1, children / 4);
    }

    [Fact]
    public async Task Callers_who_submit_children_of_one_parent_at_once_each_get_their_own()
    {
        await using var store = await _folder.OpenAsync();
        var ledger = Ledger(store, children: 40);
        var parent = (await SubmitAsync(ledger, [null]))[0];
        var refused = 0;

        var taken = await Task.WhenAll(Enumerable.Range(0, 64).Select(i => Task.Run(async () =>
        {
            try
            {
                var (records, _) = await ledger.SubmitAsync([new(StoredTasks.Spec($"c{i}"), Somebody, parent)], new($"key {i % 60}", "hash"), default);
                return (i, records[0]);
            }
            catch (TreeFullException)
            {
                Interlocked.Increment(ref refused);
                return (i, null!);
            }
        })));

        var accepted = taken.Where(t => t.Item2 is not null).ToList();
        Assert.Equal(40, accepted.Select(t => t.Item2.Id).Distinct().Count());
        Assert.All(accepted, t => Assert.Equal(t.i % 60, int.Parse(t.Item2.Spec.Name[1..], null) % 60));
        Assert.Equal((40, 40), await store.FindAsync(parent) is { } p ? (p.OpenChildren, p.OpenBelow) : default);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    [Trait("Requirement", "M-28")]
    [Trait("Requirement", "S2293-4")]
    public async Task Whatever_happens_at_once_in_trees_their_counts_are_the_truth_also_after_a_restart(bool inMemory)
    {
        ITaskStore store = inMemory ? new InMemoryTaskStore() : _folder.NewStore();
        await store.OpenAsync();
        var walk = new Walk(this, seed: 4);
        // Two that know nothing of each other, as a host that another one has followed.
        TaskLedger[] ledgers = [Ledger(store), Ledger(store)];
        await Task.WhenAll(Enumerable.Range(0, 8).Select(worker => Task.Run(() => walk.TakeAsync(ledgers[worker % 2], worker, steps: 60))));
        await Walk.CheckAsync(store);
        if (!inMemory)
        {
            await store.DisposeAsync();
            store = _folder.NewStore();
            await store.OpenAsync();
            await Walk.CheckAsync(store);
        }
        await walk.EndAllAsync(Ledger(store), store);
        await Walk.CheckAsync(store);
        Assert.Empty(await store.ListOpenAsync());
        var events = (await store.EventsAsync(new EventQuery(0, 10_000))).Events;
        Assert.All(events.Where(e => e.Task is not null).GroupBy(e => e.Task), task => Assert.Single(task, e => e.Type == TaskEventType.Ended));
        await store.DisposeAsync();
    }

    private static TaskLedger Ledger(ITaskStore store, int children = 1000) =>
        new(store, new TaskFeed(), new StoreHealth(store, TimeProvider.System, NullLogger<StoreHealth>.Instance), new TreeOptions { Children = children }, TimeProvider.System);

    private static async Task<List<TaskId>> SubmitAsync(TaskLedger ledger, IReadOnlyList<TaskId?> parents, Func<TaskSpec, TaskSpec>? with = null) =>
        [.. (await ledger.SubmitAsync([.. parents.Select(p => new TaskSubmission((with ?? (s => s))(StoredTasks.Spec()), Somebody, p))], null, default)).Records.Select(r => r.Id)];

    private async Task<TaskClaim?> ClaimAsync(TaskLedger ledger, TaskId id)
    {
        var claim = new TaskClaim(HostId.OfEpoch(1), FencingToken.Of(1, Interlocked.Increment(ref _tokens)));
        return (await ledger.ApplyAsync(id, _ => Transition.Claimed(claim, DateTimeOffset.UtcNow), default)).Changed ? claim : null;
    }

    private static Task<LedgerAnswer> SettleAsync(TaskLedger ledger, TaskId id, TaskClaim claim) => ledger.ApplyAsync(id, _ => Transition.Settled(claim, Exited, null, DateTimeOffset.UtcNow), default);

    private static TaskOutcome Exited { get; } = new() { Kind = OutcomeKind.Succeeded, Cause = EndCause.Exit, Exit = new(0, null, []), Output = OutputFacts.Empty with { Bytes = 10 } };

    /// <summary>Several workers who do by chance what hosts and people do with trees.</summary>
    private sealed class Walk(TreeCommitTests tests, int seed)
    {
        private readonly ConcurrentBag<TaskId> _known = [];
        private readonly ConcurrentDictionary<TaskId, TaskClaim> _claims = new();

        public async Task TakeAsync(TaskLedger ledger, int worker, int steps)
        {
            var random = new Random(seed * 100 + worker);
            for (var i = 0; i < steps; i++)
            {
                var known = _known.ToArray();
                TaskId? one = known.Length == 0 ? null : known[random.Next(known.Length)];
                try
                {
                    await StepAsync(ledger, random, one);
                }
                catch (Exception e) when (e is ParentEndedException or TreeFullException)
                {
                    // As it should be.
                }
            }
        }

        private async Task StepAsync(TaskLedger ledger, Random random, TaskId? one)
        {
            switch (random.Next(10))
            {
                case < 4:
                    var parent = random.Next(6) == 0 ? null : one;
                    var variant = random.Next(100);
                    foreach (var id in await SubmitAsync(ledger, [.. Enumerable.Repeat(parent, random.Next(1, 4))], s => s with
                    {
                        Detached = variant % 5 == 0,
                        Children = (ChildPolicy)(variant % 3),
                        Budget = variant % 4 == 0 ? new(Tasks: 12) : null,
                    })) _known.Add(id);
                    break;
                case < 7 when one is { } queued:
                    if (await tests.ClaimAsync(ledger, queued) is { } claim) _claims[queued] = claim;
                    break;
                case < 9 when one is { } running && _claims.TryGetValue(running, out var held):
                    await SettleAsync(ledger, running, held);
                    break;
                case 9 when one is { } unwanted && random.Next(4) == 0:
                    await ledger.StopTreeAsync(unwanted, new() { Cause = EndCause.User, Actor = Somebody, RequestedAt = DateTimeOffset.UtcNow }, default);
                    break;
            }
        }

        public async Task EndAllAsync(TaskLedger ledger, ITaskStore store)
        {
            while (await store.ListOpenAsync() is { IsEmpty: false } open)
            {
                await Task.WhenAll(open.Select(t => ledger.StopTreeAsync(t.Id, new() { Cause = EndCause.User, Actor = Somebody, RequestedAt = DateTimeOffset.UtcNow }, default)));
                await Task.WhenAll(open.Where(t => _claims.ContainsKey(t.Id)).Select(t => SettleAsync(ledger, t.Id, _claims[t.Id])));
            }
        }

        public static async Task CheckAsync(ITaskStore store)
        {
            var all = (await store.ListAsync(new TaskQuery { Limit = 10_000 })).ToDictionary(r => r.Id);
            var below = all.Keys.ToDictionary(id => id, _ => new List<TaskRecord>());
            foreach (var record in all.Values)
                for (var above = record.Parent; above is { } id; above = all[id].Parent) below[id].Add(record);
            foreach (var record in all.Values)
            {
                var open = below[record.Id].Where(r => r.Parent == record.Id && !r.Spec.Detached && !r.State.IsTerminal()).ToList();
                if (record.State.IsTerminal())
                {
                    if (record.Spec.Children != ChildPolicy.Detach) Assert.Empty(open);
                    continue;
                }
                Assert.Equal(open.Count, record.OpenChildren);
                if (record.Parent is null) Assert.Equal((below[record.Id].Count(r => !r.State.IsTerminal()), below[record.Id].Count), (record.OpenBelow, record.EverBelow));
                else if (record.Spec.Budget is not null) Assert.Equal(below[record.Id].Count, record.EverBelow);
            }
        }
    }
}
