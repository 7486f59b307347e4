using System.Collections.Immutable;
using Outlast.Storage;
using Outlast.Supervision;
using Outlast.TestKit;

namespace Outlast.Tests.Supervision;

/// <summary>Limits of keys, over the whole supervision.</summary>
public sealed class LimitTests
{
    [Fact]
    [Trait("Requirement", "V-15")]
    public async Task Whose_key_is_full_waits_says_for_what_and_holds_up_nobody()
    {
        await using var host = await SupervisedHost.StartAsync(settings: [("concurrency.limits", "session:*=1, label:gpu=1"), ("concurrency.processes", "4")]);
        var (_, first) = await host.RunAsync(Spec("s1"));
        var second = (await host.SubmitAsync(Spec("s1"))).Record.Id;
        var third = (await host.SubmitAsync(Spec("s1"))).Record.Id;
        var (_, other) = await host.RunAsync(Spec("s2", "gpu"));
        var onGpu = (await host.SubmitAsync(Spec(null, "gpu"))).Record.Id;
        await host.RunAsync();
        Assert.Equal(new QueuePlace(1, "session s1: 1 of 1"), (await host.Client.GetAsync(second)).Queue);
        Assert.Equal(new QueuePlace(2, "session s1: 1 of 1"), (await host.Client.GetAsync(third)).Queue);
        Assert.Equal(new QueuePlace(1, "label gpu: 1 of 1"), (await host.Client.GetAsync(onGpu)).Queue);

        first.End(0);
        await host.Runner.AttemptOf(second);
        Assert.False(host.Runner.Knows(third));
        other.End(0);
        await host.Runner.AttemptOf(onGpu);
    }

    [Fact]
    [Trait("Requirement", "S285-1")]
    [Trait("Requirement", "U-25")]
    public async Task Who_asked_to_be_refused_is_told_which_key_is_full()
    {
        await using var host = await SupervisedHost.StartAsync(settings: [("concurrency.limits", "session:*=1"), ("concurrency.processes", "4")]);
        await host.RunAsync(Spec("s1"));
        var refusal = await Assert.ThrowsAsync<FullException>(() => host.SubmitAsync(Spec("s1") with { RefuseWhenFull = true }));
        Assert.Equal(("session s1", 1, 1), (refusal.Limit, refusal.Running, refusal.Max));
        // Others of the same host are not full, whoever waits for that key.
        await host.SubmitAsync(Spec("s1"));
        await host.RunAsync(Spec("s2") with { RefuseWhenFull = true });
    }

    [Fact]
    [Trait("Requirement", "S285-1")]
    public async Task A_child_is_refused_by_the_limit_of_the_session_that_it_has_from_its_parent()
    {
        await using var host = await SupervisedHost.StartAsync(settings: [("concurrency.limits", "session:*=2"), ("concurrency.processes", "8")]);
        var (parent, _) = await host.RunAsync(Spec("s1"));
        await host.RunAsync(Spec("s1"));
        await host.RunAsync(Spec("s1"), parent);
        var refusal = await Assert.ThrowsAsync<FullException>(() => host.SubmitAsync(Spec(null) with { RefuseWhenFull = true }, parent));
        Assert.Equal("session s1", refusal.Limit);
    }

    [Fact]
    public async Task A_key_without_a_name_is_refused_and_one_that_is_stored_all_the_same_holds_up_nothing()
    {
        await using var host = await SupervisedHost.StartAsync(settings: [("concurrency.limits", "label:gpu=1, session:*=1")]);
        Assert.Equal("has a key that is blank", (await Assert.ThrowsAsync<InvalidTaskException>(() => host.SubmitAsync(Spec(null, " ")))).Errors["labels"].Single());
        Assert.Equal("is blank", (await Assert.ThrowsAsync<InvalidTaskException>(() => host.SubmitAsync(Spec(" ")))).Errors["session"].Single());
        Assert.Empty((await host.Client.ListAsync(new())).Tasks);

        Assert.True(LimitRule.TryParse("label:gpu", 1, out var rule, out _));
        var table = new LimitTable(new() { Limits = [rule] });
        Assert.NotEmpty(table.Of(new(TaskKind.Process, null, " ", ImmutableSortedDictionary<string, string>.Empty.Add("", "x"), null)));
    }

    [Fact]
    public async Task What_was_refused_or_has_ended_leaves_no_key_behind()
    {
        await using var host = await SupervisedHost.StartAsync(settings: [("concurrency.limits", "session:*=1"), ("concurrency.processes", "8")]);
        for (var i = 0; i < 5; i++)
        {
            var (id, attempt) = await host.RunAsync(Spec($"s{i}") with { RefuseWhenFull = true });
            await Assert.ThrowsAsync<FullException>(() => host.SubmitAsync(Spec($"s{i}") with { RefuseWhenFull = true }));
            attempt.End(0);
            await host.EndOf(id);
        }
        await Eventually.TrueAsync(() => host.Dispatcher.Taken == 0, "every place is free");
        Assert.DoesNotContain(host.Dispatcher.Counts, c => c.Key.Scope == LimitScope.Session);
    }

    [Fact]
    public async Task The_larger_priority_goes_first_then_the_smaller_number()
    {
        await using var host = await SupervisedHost.StartAsync(settings: ("concurrency.processes", "1"));
        var (_, running) = await host.RunAsync();
        var ids = new List<TaskId>();
        foreach (var priority in (int[])[0, 5, -3, 5, 100, 0]) ids.Add((await host.SubmitAsync(SupervisedHost.Spec() with { Priority = priority })).Record.Id);
        foreach (var next in (int[])[4, 1, 3, 0, 5, 2])
        {
            running.End(0);
            running = await host.Runner.AttemptOf(ids[next]);
            Assert.Equal(host.Runner.Started - 1, ids.Count(host.Runner.Knows));
        }
    }

    [Fact]
    [Trait("Requirement", "V-65")]
    public async Task Waiting_for_children_lends_the_place_under_every_key()
    {
        await using var host = await SupervisedHost.StartAsync(settings: [("concurrency.limits", "session:*=1, label:gpu=1, parent:*=1"), ("concurrency.processes", "1"), ("concurrency.total", "1")]);
        var line = new List<(TaskId Id, ScriptedAttempt Attempt)>();
        for (var depth = 0; depth < 4; depth++) line.Add(await host.RunAsync(Spec("s1", "gpu"), depth == 0 ? null : line[^1].Id));
        var queued = (await host.SubmitAsync(Spec("s1", "gpu"))).Record.Id;
        foreach (var (id, attempt) in Enumerable.Reverse(line))
        {
            Assert.False(host.Runner.Knows(queued));
            attempt.End(0);
            await host.EndOf(id);
        }
        (await host.Runner.AttemptOf(queued)).End(0);
        await host.EndOf(queued);
        await Eventually.TrueAsync(() => host.Dispatcher.Taken == 0, "all places are free");
    }

    [Fact]
    [Trait("Requirement", "U-80")]
    public async Task The_next_host_counts_what_runs_and_what_waits_under_its_keys()
    {
        var (store, runner, time) = (new InMemoryTaskStore(), new ScriptedRunner(), new ManualTime());
        (string, string)[] settings = [("concurrency.limits", "session:*=1, parent:*=1"), ("concurrency.processes", "8")];
        TaskId running, queued, high;
        await using (var first = await SupervisedHost.StartAsync(store, runner, time, settings: settings))
        {
            (running, _) = await first.RunAsync(Spec("s1"));
            queued = (await first.SubmitAsync(Spec("s1"))).Record.Id;
            high = (await first.SubmitAsync(Spec("s1") with { Priority = 1 })).Record.Id;
            await first.AbandonAsync();
        }
        await using var second = await SupervisedHost.StartAsync(store, runner, time, settings: settings);
        Assert.Equal(new QueuePlace(2, "session s1: 1 of 1"), (await second.Client.GetAsync(queued)).Queue);
        await Eventually.TrueAsync(() => second.Attempts.Find(running) is not null, "it is followed");
        (await runner.AttemptOf(running)).End(0);
        (await runner.AttemptOf(high)).End(0);
        (await runner.AttemptOf(queued)).End(0);
        await second.EndOf(queued);
        await Eventually.TrueAsync(() => second.Dispatcher.Taken == 0 && second.Dispatcher.Counts.All(c => c.Taken == 0), "all places are free");
    }

    [Fact]
    [Trait("Requirement", "U-80")]
    public async Task A_place_that_nobody_has_is_found_in_two_looks_told_and_put_right()
    {
        using var folder = new ScratchFolder();
        await using var host = await SupervisedHost.StartAsync(folder: new(folder.Path), settings: ("concurrency.processes", "1"));
        // As if somebody had forgotten to give it back.
        host.Dispatcher.Reserve(LimitedTask.Of(SupervisedHost.Spec(), null));
        var id = (await host.SubmitAsync()).Record.Id;
        host.Places.Compare();
        Assert.False(host.Runner.Knows(id));
        Assert.Null(host.Places.Found);
        host.Places.Compare();
        await host.Runner.AttemptOf(id);
        Assert.Equal(1, host.Places.Found!.Value.Count);
        var check = (await host.Status.ExamineAsync()).Single(c => c.Name == "slots");
        Assert.Equal(CheckLevel.Warn, check.Level);
        Assert.Contains("taken by nobody", check.Text);
    }

    [Fact]
    [Trait("Requirement", "U-80")]
    public async Task What_runs_and_what_is_on_its_way_is_no_difference()
    {
        using var folder = new ScratchFolder();
        await using var host = await SupervisedHost.StartAsync(folder: new(folder.Path), settings: ("concurrency.processes", "3"));
        var (parent, _) = await host.RunAsync();
        await host.RunAsync(parent: parent);
        await host.RunAsync();
        for (var look = 0; look < 3; look++) host.Places.Compare();
        Assert.Null(host.Places.Found);
        Assert.Equal(CheckLevel.Ok, (await host.Status.ExamineAsync()).Single(c => c.Name == "slots").Level);
    }

    [Fact]
    [Trait("Requirement", "U-100")]
    [Trait("Requirement", "V-23")]
    public async Task A_draining_host_admits_children_only_and_counts_them_under_their_keys()
    {
        await using var host = await SupervisedHost.StartAsync(settings: [("concurrency.limits", "session:*=1"), ("concurrency.processes", "4")]);
        var (parent, attempt) = await host.RunAsync();
        var drained = host.Departure.PrepareAsync(new(DepartureMode.Drain, SupervisedHost.Somebody));
        await host.DrainingAsync();
        await Assert.ThrowsAsync<DrainingException>(() => host.SubmitAsync());
        var (first, child) = await host.RunAsync(Spec("s1"), parent);
        var second = (await host.SubmitAsync(Spec("s1"), parent)).Record.Id;
        Assert.Equal("session s1: 1 of 1", (await host.Client.GetAsync(second)).Queue!.WaitsFor);
        child.End(0);
        (await host.Runner.AttemptOf(second)).End(0);
        await host.EndOf(second);
        attempt.End(0);
        await host.EndOf(parent);
        Assert.Equal(0, (await host.PassingUntil(drained)).Running);
        _ = first;
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [Trait("Requirement", "U-80")]
    [Trait("Requirement", "V-12")]
    public async Task Whatever_comes_in_whatever_order_no_key_has_more_than_its_places_none_leaks_and_everything_ends(int seed)
    {
        var random = new Random(seed);
        var (store, runner, time) = (new InMemoryTaskStore(), new ScriptedRunner(), new ManualTime());
        (string, string)[] settings = [("concurrency.limits", "session:*=2, session:s1=1, label:gpu=2, label:repo=*=1, parent:*=2"), ("concurrency.processes", "4"), ("concurrency.total", "5")];
        var host = await SupervisedHost.StartAsync(store, runner, time, settings: settings);
        var ids = new List<TaskId>();
        // What a host finds claimed holds its place from its first moment, also where it had been lent before.
        HashSet<TaskId> found = [];
        try
        {
            for (var step = 0; step < 250; step++)
            {
                switch (random.Next(12))
                {
                    case < 5:
                        var parent = random.Next(4) == 0 ? host.Attempts.All.Select(a => a.Id).OrderBy(i => i).FirstOrDefault() : default;
                        try
                        {
                            ids.Add((await host.SubmitAsync(AnySpec(random), parent == default ? null : parent)).Record.Id);
                        }
                        catch (OutlastException e) when (e is FullException or ParentEndedException)
                        {
                            // It asked for that, or was slower.
                        }
                        break;
                    case < 9:
                        if (host.Attempts.All.OrderBy(a => a.Id).Skip(random.Next(4)).FirstOrDefault() is { } live && runner.Knows(live.Id)) (await runner.AttemptOf(live.Id)).End(random.Next(2));
                        break;
                    case 9 when ids.Count > 0:
                        try
                        {
                            await host.Client.StopAsync(ids[random.Next(ids.Count)], new(EndCause.User, SupervisedHost.Somebody));
                        }
                        catch (TaskEndedException)
                        {
                            // It was quicker.
                        }
                        break;
                    case 10:
                        time.Advance(TimeSpan.FromSeconds(random.Next(90)));
                        break;
                    case 11 when random.Next(4) == 0:
                        await host.DisposeAsync();
                        found.UnionWith((await store.ListOpenAsync()).Where(t => t.Token is not null).Select(t => t.Id));
                        host = await SupervisedHost.StartAsync(store, runner, time, settings: settings);
                        break;
                }
                AssertWithinLimits(host);
            }
            await Eventually.TrueAsync(async () =>
            {
                foreach (var live in host.Attempts.All.Where(a => runner.Knows(a.Id))) (await runner.AttemptOf(live.Id)).End(0);
                time.Advance(TimeSpan.FromSeconds(1));
                AssertWithinLimits(host);
                return (await store.ListOpenAsync()).IsEmpty;
            }, "everything ends");
            await Eventually.TrueAsync(() => host.Dispatcher is { Taken: 0, Queued: 0 } && host.Dispatcher.Places.IsEmpty && host.Dispatcher.Counts.All(c => c.Taken == 0 && c.Waiting == 0), "no place is taken");
            Assert.Empty(host.Dispatcher.Recount());
            Assert.Null(host.Places.Found);
            Assert.Equal(0, host.Due.Count);
        }
        finally
        {
            await host.DisposeAsync();
        }

        // Only who took his own again, after his children or over a host's death, goes beyond.
        void AssertWithinLimits(SupervisedHost host)
        {
            // Two looks at what moves: what is beyond counts where nothing has moved between them.
            for (var look = 0; look < 100; look++)
            {
                var counts = host.Dispatcher.Counts;
                var returned = host.Dispatcher.Places.Count(p => p.Task is { } id && found.Contains(id)) + host.Attempts.All.Count(a => !found.Contains(a.Id) && a.Record.EverHadChildren());
                var beyond = counts.Where(c => c.Taken > c.Max + Math.Max(1, returned)).ToList();
                if (beyond.Count == 0) return;
                if (counts.SequenceEqual(host.Dispatcher.Counts)) Assert.Fail(string.Join(", ", beyond));
            }
        }
    }

    private static TaskSpec AnySpec(Random random) => Spec(random.Next(3) == 0 ? null : $"s{random.Next(3)}", random.Next(3) switch { 0 => "gpu", 1 => "repo", _ => null }) with
    {
        Priority = random.Next(3) - 1,
        RefuseWhenFull = random.Next(5) == 0,
        Retry = random.Next(5) == 0 ? new(1, TimeSpan.FromSeconds(5), RetryOn.Failed) : null,
    };

    private static TaskSpec Spec(string? session, string? label = null) => SupervisedHost.Spec() with
    {
        Session = session,
        Labels = label is null ? ImmutableSortedDictionary<string, string>.Empty : ImmutableSortedDictionary<string, string>.Empty.Add(label, "x"),
    };
}

file static class Records
{
    /// <summary>Whether it may have lent its place: it has changed more often than its own life takes.</summary>
    public static bool EverHadChildren(this TaskRecord record) => record.Version > 3;
}
