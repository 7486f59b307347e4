using System.Collections.Immutable;
using Outlast.Storage;
using Outlast.Supervision;
using Outlast.TestKit;

namespace Outlast.Tests.Supervision;

/// <summary>Waits for several tasks, and waits that would never end.</summary>
public sealed class WaitTests
{
    private static readonly (string, string)[] Roomy = [("concurrency.processes", "20")];

    private static void Same(IEnumerable<TaskId> expected, IEnumerable<TaskId> actual) => Assert.Equal(expected.Select(id => id.ToString()), actual.Select(id => id.ToString()));

    [Fact]
    [Trait("Requirement", "V-03")]
    [Trait("Requirement", "V-04")]
    [Trait("Requirement", "U-52")]
    public async Task One_call_waits_for_any_or_for_all_of_several()
    {
        await using var host = await SupervisedHost.StartAsync(settings: Roomy);
        var (one, oneWork) = await host.RunAsync();
        var (two, twoWork) = await host.RunAsync();

        var any = host.Client.WaitManyAsync(new() { Tasks = [one, two], Any = true, Timeout = TimeSpan.FromHours(1) });
        var all = host.Client.WaitManyAsync(new() { Tasks = [one, two], Timeout = TimeSpan.FromHours(1) });
        twoWork.End(7);

        var first = await any.Soon();
        Assert.True(first.Done);
        Same([two], first.Ended.Select(t => t.Record.Id));
        Same([one], first.Open);
        Assert.False(all.IsCompleted);
        oneWork.End(0);
        var both = await all.Soon();
        Assert.True(both.Done);
        Same([one, two], both.Ended.Select(t => t.Record.Id));
        Assert.Empty(both.Open);
        await Eventually.TrueAsync(() => host.Feed.Waiting == 0, "nobody waits any more");
    }

    [Fact]
    [Trait("Requirement", "A16")]
    public async Task A_wait_whose_time_is_over_says_truthfully_who_is_left()
    {
        await using var host = await SupervisedHost.StartAsync(settings: Roomy);
        var (one, oneWork) = await host.RunAsync();
        var (two, _) = await host.RunAsync();
        oneWork.End(0);
        await host.EndOf(one);

        var wait = host.Client.WaitManyAsync(new() { Tasks = [one, one, two], Timeout = TimeSpan.FromSeconds(30) });
        var seen = await host.PassingUntil(wait);

        Assert.False(seen.Done);
        Same([two], seen.Open);
        Assert.Contains(one, seen.Ended.Select(t => t.Record.Id));
    }

    [Fact]
    [Trait("Requirement", "A16")]
    [Trait("Requirement", "V-72")]
    public async Task A_stop_wakes_all_who_wait_and_what_has_ended_or_was_removed_answers_at_once()
    {
        await using var host = await SupervisedHost.StartAsync(settings: Roomy);
        var (one, _) = await host.RunAsync();
        var waits = Enumerable.Range(0, 5).Select(_ => host.Client.WaitManyAsync(new() { Tasks = [one], Timeout = TimeSpan.FromHours(1) })).ToList();

        await host.Client.StopAsync(one, new(EndCause.User, SupervisedHost.Somebody));
        foreach (var wait in waits) Assert.Equal(TaskState.Stopped, Assert.Single((await wait.Soon()).Ended).Record.State);

        Assert.True((await host.Client.WaitManyAsync(new() { Tasks = [one], Timeout = TimeSpan.FromHours(1) })).Done);
        await host.Client.RemoveAsync(one, new(SupervisedHost.Somebody));
        var removed = await host.Client.WaitManyAsync(new() { Tasks = [one], Timeout = TimeSpan.FromHours(1) });
        Assert.True(removed.Done);
        Assert.Equal(one, Assert.Single(removed.Removed).Id);
        await Assert.ThrowsAsync<TaskNotFoundException>(() => host.Client.WaitManyAsync(new() { Tasks = [TaskId.New(host.Time.GetUtcNow())], Timeout = TimeSpan.FromHours(1) }));
    }

    [Fact]
    public async Task A_group_is_over_when_all_that_ever_joined_it_have_ended()
    {
        await using var host = await SupervisedHost.StartAsync(settings: Roomy);
        var spec = SupervisedHost.Spec() with { Group = "nightly", Session = "s1" };
        var (one, oneWork) = await host.RunAsync(spec);
        var (stranger, _) = await host.RunAsync(SupervisedHost.Spec() with { Group = "nightly", Session = "s2" });
        var wait = host.Client.WaitManyAsync(new() { Group = "nightly", Session = "s1", Timeout = TimeSpan.FromHours(1) });
        await Eventually.TrueAsync(() => host.Feed.Waiting > 0, "somebody waits");
        var (late, lateWork) = await host.RunAsync(spec);

        oneWork.End(0);
        await host.EndOf(one);
        Assert.False(wait.IsCompleted);
        lateWork.End(0);

        Same([one, late], (await wait.Soon()).Ended.Select(t => t.Record.Id));
        Assert.Equal(TaskState.Running, (await host.ReadAsync(stranger)).State);
        Assert.Equal("No task is known as 'group weekly of session s1'.", (await Assert.ThrowsAsync<TaskNotFoundException>(() => host.Client.WaitManyAsync(new() { Group = "weekly", Session = "s1" }))).Message);
    }

    [Fact]
    public async Task A_wait_that_would_come_back_to_the_one_that_asks_is_refused_with_its_path()
    {
        await using var host = await SupervisedHost.StartAsync(settings: Roomy);
        var (parent, _) = await host.RunAsync();
        var (child, _) = await host.RunAsync(parent: parent);
        var (other, _) = await host.RunAsync();
        Task<WaitResult> Wait(TaskId waiter, params ImmutableArray<TaskId> awaited) => host.Client.WaitManyAsync(new() { Tasks = awaited, Waiter = waiter, Timeout = TimeSpan.FromHours(1) });

        Same([parent, parent], (await Assert.ThrowsAsync<WaitCycleException>(() => Wait(parent, parent))).Path);
        Same([child, parent, child], (await Assert.ThrowsAsync<WaitCycleException>(() => Wait(child, other, parent))).Path);

        var lasting = Wait(other, parent);
        await Eventually.TrueAsync(() => host.Attempts.Find(other)!.IsWaiting, "it waits");
        var closed = await Assert.ThrowsAsync<WaitCycleException>(() => Wait(child, other));
        Same([child, other, parent, child], closed.Path);
        Assert.Equal($"That wait would never end, for they wait for each other: {child} waits for {other} waits for {parent} waits for {child}.", closed.Message);
        Assert.False(lasting.IsCompleted);

        // What is refused is forgotten: what does not come back is waited for.
        var harmless = Wait(parent, child);
        await Eventually.TrueAsync(() => host.Attempts.Find(parent)!.IsWaiting, "it waits");
        await host.Client.StopAsync(parent, new(EndCause.User, SupervisedHost.Somebody));
        await harmless.Soon();
        await lasting.Soon();
    }

    [Fact]
    public async Task A_wait_for_all_that_tells_of_each_returns_with_the_next_and_is_refused_where_one_of_them_never_ends()
    {
        await using var host = await SupervisedHost.StartAsync(settings: Roomy);
        var (parent, _) = await host.RunAsync();
        var (child, _) = await host.RunAsync(parent: parent);
        var (other, otherWork) = await host.RunAsync();
        var (third, _) = await host.RunAsync();
        var step = new WaitCommand { UntilNext = true, Timeout = TimeSpan.FromHours(1) };

        await Assert.ThrowsAsync<WaitCycleException>(() => host.Client.WaitManyAsync(step with { Tasks = [other, parent], Waiter = child }));
        var next = host.Client.WaitManyAsync(step with { Tasks = [other, third], Waiter = child });
        await Eventually.TrueAsync(() => host.Attempts.Find(child)!.IsWaiting, "it waits");
        otherWork.End(0);
        var seen = await next.Soon();
        Assert.Equal((true, other, third), (seen.Done, Assert.Single(seen.Ended).Record.Id, Assert.Single(seen.Open)));
    }

    [Fact]
    public async Task Of_two_waits_that_close_a_circle_the_later_one_is_refused()
    {
        var store = new InMemoryTaskStore();
        var graph = new WaitGraph(store);
        var (a, b, c) = (TaskId.New(DateTimeOffset.UnixEpoch), TaskId.New(DateTimeOffset.UnixEpoch), TaskId.New(DateTimeOffset.UnixEpoch));

        using var first = await graph.BeginAsync(a, [b], any: false, default);
        await Assert.ThrowsAsync<WaitCycleException>(() => graph.BeginAsync(b, [a], any: false, default));
        // One that can end without it closes nothing, until nothing else is left.
        using (await graph.BeginAsync(b, [a, c], any: true, default))
        {
            await Assert.ThrowsAsync<WaitCycleException>(() => graph.BeginAsync(c, [b], any: false, default));
            await Assert.ThrowsAsync<WaitCycleException>(() => graph.BeginAsync(c, [a], any: true, default));
        }
        using (await graph.BeginAsync(c, [b], any: false, default)) { }
        first.Dispose();
        using var now = await graph.BeginAsync(b, [a], any: false, default);
    }

    [Fact]
    [Trait("Requirement", "V-65")]
    public async Task Who_waits_inside_a_task_holds_no_place_and_its_silence_is_no_fault()
    {
        await using var host = await SupervisedHost.StartAsync(settings: ("concurrency.processes", "1"));
        var (waiter, waiterWork) = await host.RunAsync(SupervisedHost.Spec() with { IdleTimeout = TimeSpan.FromMinutes(1) });
        var queued = (await host.SubmitAsync()).Record.Id;
        Assert.Equal(TaskState.Queued, (await host.ReadAsync(queued)).State);

        var wait = host.Client.WaitManyAsync(new() { Tasks = [queued], Waiter = waiter, Timeout = TimeSpan.FromHours(1) });
        var work = await host.Runner.AttemptOf(queued);
        await host.PassAsync(TimeSpan.FromMinutes(2));
        Assert.Equal(TaskState.Running, (await host.ReadAsync(waiter)).State);
        work.End(0);

        Assert.True((await wait.Soon()).Done);
        Assert.False(host.Attempts.Find(waiter)!.IsWaiting);
        waiterWork.End(0);
        Assert.Equal(TaskState.Completed, (await host.EndOf(waiter)).State);
        await Eventually.TrueAsync(() => host.Dispatcher.Taken == 0, "every place is free");
    }
}
