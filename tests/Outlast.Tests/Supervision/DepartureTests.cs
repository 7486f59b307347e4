using Outlast.TestKit;
using Xunit;

namespace Outlast.Tests.Supervision;

public sealed class DepartureTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60), Look = TimeSpan.FromMilliseconds(50);

    [Fact]
    [Trait("Requirement", "B16")]
    [Trait("Requirement", "B3")]
    public async Task What_goes_on_is_told_while_the_host_can_still_be_reached()
    {
        await using var host = await SupervisedHost.StartAsync();
        var (id, _) = await host.RunAsync();

        var left = await host.Departure.PrepareAsync(new(DepartureMode.Restart, SupervisedHost.Somebody));

        Assert.Equal(id, Assert.Single(left.Followed).Id);
        var told = Assert.Single((await host.Client.EventsAsync(new EventQuery(0, 100))).Events, e => e.Type is TaskEventType.HostDraining);
        Assert.Equal(("restart", 1), (told.Data["mode"].GetString(), told.Data["running"].GetInt32()));
        Assert.Equal("the host is draining: it takes no new work", Assert.Single(host.Status.NotReady));
        await Assert.ThrowsAsync<DrainingException>(() => host.SubmitAsync());
    }

    [Fact]
    [Trait("Requirement", "A20")]
    [Trait("Requirement", "U-100")]
    [Trait("Requirement", "A5")]
    public async Task A_drain_waits_for_what_runs_and_starts_nothing_more()
    {
        await using var host = await SupervisedHost.StartAsync(settings: ("concurrency.processes", "2"));
        var (_, one) = await host.RunAsync();
        var (_, two) = await host.RunAsync();
        var queued = (await host.SubmitAsync()).Record.Id;

        var drain = host.Departure.PrepareAsync(new(DepartureMode.Drain, SupervisedHost.Somebody));
        one.End(0);
        await host.EndOf(one.Context.Task);
        for (var looks = 0; looks < 3; looks++) await LookedAgainAsync(host, drain);
        two.End(0);
        await host.EndOf(two.Context.Task);

        var left = await host.PassingUntil(drain);
        Assert.Equal((0, 1), (left.Running, left.Queued));
        Assert.Equal(TaskState.Queued, (await host.ReadAsync(queued)).State);
        Assert.False(host.Runner.Knows(queued));
    }

    [Fact]
    [Trait("Requirement", "V-34")]
    public async Task What_is_wedged_is_waited_for_no_longer_than_the_limit()
    {
        await using var host = await SupervisedHost.StartAsync();
        var (wedged, _) = await host.RunAsync();
        var drain = host.Departure.PrepareAsync(new(DepartureMode.Drain, SupervisedHost.Somebody));
        await host.DrainingAsync();

        await LookedAgainAsync(host, drain, after: Limit - TimeSpan.FromSeconds(1));

        Assert.Equal(wedged, Assert.Single((await host.PassingUntil(drain)).Followed).Id);
        Assert.Equal(TaskState.Running, (await host.ReadAsync(wedged)).State);
    }

    [Fact]
    [Trait("Requirement", "V-33")]
    public async Task Who_asks_and_those_above_are_neither_awaited_nor_stopped()
    {
        await using var host = await SupervisedHost.StartAsync();
        var (top, _) = await host.RunAsync();
        var (asker, _) = await host.RunAsync(parent: top);
        var order = new DepartureOrder(DepartureMode.Drain, SupervisedHost.Somebody) { Asker = asker, Limit = Timeout.InfiniteTimeSpan };

        var drained = await host.Departure.PrepareAsync(order).Soon();
        Assert.Equal([top, asker], drained.Followed.Select(r => r.Id));

        var (stopped, running) = (await host.Departure.PrepareAsync(order with { Mode = DepartureMode.StopTasks }).Soon(), await host.ReadAsync(asker));
        Assert.Equal((0, TaskState.Running), (stopped.Stopped, running.State));
    }

    [Fact]
    public async Task With_its_tasks_everything_is_stopped_by_whoever_asked_queued_ones_too()
    {
        await using var host = await SupervisedHost.StartAsync(settings: ("concurrency.processes", "2"));
        var (top, _) = await host.RunAsync();
        var (child, _) = await host.RunAsync(parent: top);
        var queued = (await host.SubmitAsync()).Record.Id;

        var left = await host.PassingUntil(host.Departure.PrepareAsync(new(DepartureMode.StopTasks, SupervisedHost.Somebody)));

        Assert.Equal((0, 0, 3), (left.Running, left.Queued, left.Stopped));
        foreach (var (id, cause) in new[] { (top, EndCause.Shutdown), (child, EndCause.Parent), (queued, EndCause.Shutdown) })
        {
            var record = await host.ReadAsync(id);
            Assert.Equal((TaskState.Stopped, cause, SupervisedHost.Somebody), (record.State, record.End!.Cause, record.End.Actor));
        }
    }

    [Fact]
    [Trait("Requirement", "V-34")]
    public async Task What_came_through_the_door_before_it_closed_is_stopped_though_it_is_written_later()
    {
        var store = new FailingStore();
        await using var host = await SupervisedHost.StartAsync(store);
        var gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        store.Gate = gate.Task;
        var late = host.SubmitAsync();
        store.Gate = Task.CompletedTask;

        var shutdown = host.Departure.PrepareAsync(new(DepartureMode.StopTasks, SupervisedHost.Somebody));
        await LookedAgainAsync(host, shutdown);
        gate.SetResult();

        Assert.Equal(1, (await host.PassingUntil(shutdown)).Stopped);
        Assert.Equal(TaskState.Stopped, (await host.ReadAsync((await late).Record.Id)).State);
    }

    [Fact]
    [Trait("Requirement", "A20")]
    [Trait("Requirement", "A5")]
    public async Task What_a_drain_waits_for_may_start_children_and_nobody_else_may()
    {
        await using var host = await SupervisedHost.StartAsync(settings: ("concurrency.processes", "2"));
        var (top, parent) = await host.RunAsync();
        var (_, other) = await host.RunAsync();
        var drain = host.Departure.PrepareAsync(new(DepartureMode.Drain, SupervisedHost.Somebody));
        await host.DrainingAsync();

        await Assert.ThrowsAsync<DrainingException>(() => host.SubmitAsync());
        await Assert.ThrowsAsync<DrainingException>(() => host.Client.SubmitManyAsync(new([new(SupervisedHost.Spec(), SupervisedHost.Somebody, top), new(SupervisedHost.Spec(), SupervisedHost.Somebody)])));
        var (_, first) = await host.RunAsync(parent: top);
        // The one that waits for children has lent its place to the first of them; the second has to wait for another.
        var second = (await host.SubmitAsync(parent: top)).Record.Id;
        Assert.NotNull((await host.Client.GetAsync(second)).Queue);
        other.End(0);
        var waiting = await host.Runner.AttemptOf(second);
        var (_, grandchild) = await host.RunAsync(parent: second);
        await LookedAgainAsync(host, drain);
        foreach (var attempt in new[] { first, grandchild, waiting, parent }) attempt.End(0);

        var left = await host.PassingUntil(drain);
        Assert.Equal((0, 0), (left.Running, left.Queued));
        await Assert.ThrowsAsync<DrainingException>(() => host.SubmitAsync(parent: top));
    }

    [Fact]
    [Trait("Requirement", "A20")]
    public async Task A_drain_starts_the_children_that_what_it_waits_for_has_queued_before()
    {
        await using var host = await SupervisedHost.StartAsync(settings: ("concurrency.processes", "2"));
        var (top, parent) = await host.RunAsync();
        var (_, first) = await host.RunAsync(parent: top);
        var (_, second) = await host.RunAsync(parent: top);
        var queued = (await host.SubmitAsync(parent: top)).Record.Id;
        var stranger = (await host.SubmitAsync()).Record.Id;
        var drain = host.Departure.PrepareAsync(new(DepartureMode.Drain, SupervisedHost.Somebody));
        await host.DrainingAsync();

        first.End(0);
        (await host.Runner.AttemptOf(queued)).End(0);
        second.End(0);
        parent.End(0);
        var left = await host.PassingUntil(drain);
        Assert.Equal((0, 1), (left.Running, left.Queued));
        Assert.Equal(TaskState.Queued, (await host.ReadAsync(stranger)).State);
    }

    [Fact]
    public async Task A_shutdown_that_waits_for_nothing_takes_no_children_even_if_it_comes_during_a_drain()
    {
        await using var host = await SupervisedHost.StartAsync();
        var (top, _) = await host.RunAsync();
        var drain = host.Departure.PrepareAsync(new(DepartureMode.Drain, SupervisedHost.Somebody) { Limit = TimeSpan.Zero });
        await drain.Soon();
        await Assert.ThrowsAsync<DrainingException>(() => host.SubmitAsync(parent: top));

        await using var hurried = await SupervisedHost.StartAsync();
        (top, _) = await hurried.RunAsync();
        var waiting = hurried.Departure.PrepareAsync(new(DepartureMode.Drain, SupervisedHost.Somebody));
        await hurried.DrainingAsync();
        await hurried.Departure.PrepareAsync(new(DepartureMode.Leave, SupervisedHost.Somebody));
        await Assert.ThrowsAsync<DrainingException>(() => hurried.SubmitAsync(parent: top));
        Assert.False(waiting.IsCompleted);
    }

    [Fact]
    [Trait("Requirement", "V-38")]
    public async Task One_that_is_called_off_leaves_the_host_open()
    {
        await using var host = await SupervisedHost.StartAsync(settings: ("concurrency.processes", "1"));
        var (_, running) = await host.RunAsync();
        var queued = (await host.SubmitAsync()).Record.Id;
        using var patience = new CancellationTokenSource();
        var drain = host.Departure.PrepareAsync(new(DepartureMode.Drain, SupervisedHost.Somebody), patience.Token);
        await host.DrainingAsync();
        running.End(0);
        await host.EndOf(running.Context.Task);

        await patience.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => drain);
        Assert.Empty(host.Status.NotReady);
        await host.Runner.AttemptOf(queued);
        await host.SubmitAsync();
        Assert.Equal(TaskEventType.HostResumed, (await host.Client.EventsAsync(new EventQuery(0, 100))).Events.Last(e => e.Task is null).Type);
    }

    [Fact]
    public async Task Of_two_that_ready_the_host_to_go_one_called_off_opens_nothing()
    {
        await using var host = await SupervisedHost.StartAsync();
        await host.RunAsync();
        using var patience = new CancellationTokenSource();
        var drain = host.Departure.PrepareAsync(new(DepartureMode.Drain, SupervisedHost.Somebody), patience.Token);
        await host.DrainingAsync();
        await host.Departure.PrepareAsync(new(DepartureMode.Leave, SupervisedHost.Somebody));

        await patience.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => drain);
        await Assert.ThrowsAsync<DrainingException>(() => host.SubmitAsync());
    }

    /// <summary>Time passes; who waits looks, and waits on.</summary>
    private static async Task LookedAgainAsync(SupervisedHost host, Task waits, TimeSpan? after = null)
    {
        await WaitsAsync();
        host.Time.Advance(after ?? Look);
        await WaitsAsync();

        async Task WaitsAsync() => Assert.NotSame(waits, await Task.WhenAny(waits, host.Time.WhenArmedAsync(Look)));
    }
}
