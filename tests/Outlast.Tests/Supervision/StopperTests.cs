using Outlast.Runners;
using Outlast.Storage;
using Outlast.TestKit;

namespace Outlast.Tests.Supervision;

public sealed class StopperTests
{
    private static readonly StopCommand Stop = new(EndCause.User, SupervisedHost.Somebody, "wrong branch");

    [Fact]
    [Trait("Requirement", "C3")]
    [Trait("Requirement", "C10")]
    public async Task One_is_stopped_the_others_go_on_and_asking_again_is_the_same()
    {
        await using var host = await SupervisedHost.StartAsync();
        var ladder = new TaskCompletionSource<StopReport>();
        host.Runner.Ladder = async (attempt, _, _) => { var report = await ladder.Task; attempt.End(143, "TERM", "TERM"); return report; };
        var (id, _) = await host.RunAsync();
        var (other, _) = await host.RunAsync();
        var first = await host.Client.StopAsync(id, Stop);
        var again = await host.Client.StopAsync(id, Stop with { Reason = "another reason" });
        Assert.Equal((TaskState.Stopping, first.Record.Version), (again.Record.State, again.Record.Version));
        ladder.SetResult(new([], ["verified gone"]));
        var record = await host.EndOf(id);
        Assert.Equal((TaskState.Stopped, EndCause.User, "wrong branch"), (record.State, record.End!.Cause, record.Stop!.Reason));
        Assert.Contains("verified gone", record.End.Evidence);
        Assert.Equal(SupervisedHost.Somebody, record.End.Actor);
        await Assert.ThrowsAsync<TaskEndedException>(() => host.Client.StopAsync(id, Stop));
        Assert.Equal(TaskState.Running, (await host.ReadAsync(other)).State);
    }

    [Fact]
    [Trait("Requirement", "C13")]
    public async Task Now_skips_the_rest_of_the_grace()
    {
        await using var host = await SupervisedHost.StartAsync();
        host.Runner.Ladder = async (attempt, _, hurry) =>
        {
            await Task.Delay(Timeout.Infinite, hurry).ContinueWith(_ => { }, TaskScheduler.Default);
            attempt.End(137, "KILL", "TERM");
            return new([], ["KILL"]);
        };
        var (id, _) = await host.RunAsync();
        await host.Client.StopAsync(id, Stop);
        await host.Client.StopAsync(id, Stop with { Now = true });
        Assert.Equal(TaskState.Stopped, (await host.EndOf(id)).State);
        Assert.Contains(await host.EventsOf(id), e => e.Type == TaskEventType.StoppingNow);
    }

    [Fact]
    [Trait("Requirement", "C15")]
    public async Task Work_that_had_ended_by_itself_keeps_its_end()
    {
        await using var host = await SupervisedHost.StartAsync();
        host.Runner.Ladder = (attempt, _, _) => { attempt.End(0); return Task.FromResult(new StopReport([], [])); };
        var (id, _) = await host.RunAsync();
        await host.Client.StopAsync(id, Stop);
        var record = await host.EndOf(id);
        Assert.Equal((TaskState.Completed, EndCause.Exit), (record.State, record.End!.Cause));
        Assert.NotEmpty(record.Annotations);
    }

    [Fact]
    [Trait("Requirement", "U-17")]
    [Trait("Requirement", "U-30")]
    public async Task What_survives_everything_is_named_and_the_record_closes_all_the_same()
    {
        await using var host = await SupervisedHost.StartAsync();
        host.Runner.Ladder = (_, _, _) => Task.FromResult(new StopReport([new(99, 1, "stuck in the kernel")], ["KILL at 10 s"]));
        var (id, _) = await host.RunAsync();
        await host.Client.StopAsync(id, Stop);
        await Eventually.TrueAsync(async () => { host.Time.Advance(TimeSpan.FromSeconds(1)); return (await host.ReadAsync(id)).State.IsTerminal(); }, "it is closed");
        var end = (await host.ReadAsync(id)).End!;
        Assert.Equal(TaskState.Stopped, end.State);
        Assert.Equal("stuck in the kernel", Assert.Single(end.Leftovers).Command);
    }

    [Fact]
    [Trait("Requirement", "U-17")]
    public async Task A_ladder_that_breaks_is_climbed_again_and_the_record_stays_open_until_it_has_reported()
    {
        await using var host = await SupervisedHost.StartAsync();
        var climbs = 0;
        host.Runner.Ladder = (attempt, _, _) =>
        {
            if (Interlocked.Increment(ref climbs) < 3) throw new IOException("too many open files");
            attempt.End(143, "TERM", "TERM");
            return Task.FromResult(new StopReport([], ["verified gone"]));
        };
        var (id, _) = await host.RunAsync();
        await host.Client.StopAsync(id, Stop);
        await Eventually.TrueAsync(() => Volatile.Read(ref climbs) == 1, "the ladder has broken once");
        Assert.Equal(TaskState.Stopping, (await host.ReadAsync(id)).State);
        await Eventually.TrueAsync(async () => { host.Time.Advance(TimeSpan.FromSeconds(1)); return (await host.ReadAsync(id)).State.IsTerminal(); }, "it is closed");
        Assert.Equal(3, climbs);
        Assert.Contains("verified gone", (await host.ReadAsync(id)).End!.Evidence);
    }

    [Fact]
    [Trait("Requirement", "C8")]
    [Trait("Requirement", "C18")]
    [Trait("Requirement", "U-26")]
    public async Task A_tree_stops_with_its_top_and_a_sibling_goes_on()
    {
        await using var host = await SupervisedHost.StartAsync();
        var (top, _) = await host.RunAsync();
        var (x, _) = await host.RunAsync(parent: top);
        var (y, _) = await host.RunAsync(parent: x);
        var (sibling, _) = await host.RunAsync(parent: top);
        await host.Client.StopAsync(x, Stop);
        Assert.Equal(EndCause.User, (await host.EndOf(x)).End!.Cause);
        Assert.Equal((TaskState.Stopped, EndCause.Parent), ((await host.EndOf(y)).State, (await host.EndOf(y)).End!.Cause));
        Assert.Equal(SupervisedHost.Somebody, (await host.EndOf(y)).End!.Actor);
        Assert.Equal(TaskState.Running, (await host.ReadAsync(sibling)).State);
        Assert.Equal(TaskState.Running, (await host.ReadAsync(top)).State);
        Assert.Equal(1, (await host.ReadAsync(top)).OpenChildren);
        var tree = await host.Client.TreeAsync(top);
        Assert.Equal([x, sibling], tree.Children.Select(c => c.Task.Record.Id));
        Assert.Equal(y, Assert.Single(tree.Children[0].Children).Task.Record.Id);
    }

    [Fact]
    public async Task A_task_is_not_over_before_its_children_and_a_stop_then_reaches_only_them()
    {
        await using var host = await SupervisedHost.StartAsync();
        var (top, attempt) = await host.RunAsync();
        var (child, _) = await host.RunAsync(parent: top);
        attempt.End(7);
        await Eventually.TrueAsync(async () => (await host.ReadAsync(top)).IsFinishing, "its own work is over");
        await Assert.ThrowsAsync<ParentEndedException>(() => host.SubmitAsync(parent: top));
        await host.Client.StopAsync(top, Stop);
        Assert.Equal(TaskState.Stopped, (await host.EndOf(child)).State);
        var end = await host.EndOf(top);
        Assert.Equal((TaskState.Failed, 7), (end.State, end.End!.Exit!.Code));
    }

    [Fact]
    [Trait("Requirement", "C16")]
    public async Task A_stop_goes_on_under_the_next_host_and_the_run_does_not()
    {
        var (time, runner, store) = (new ManualTime(), new ScriptedRunner(), new InMemoryTaskStore());
        var first = await SupervisedHost.StartAsync(store, runner, time);
        var (id, _) = await first.RunAsync();
        runner.Ladder = (_, _, hurry) => new TaskCompletionSource<StopReport>().Task;
        await first.Client.StopAsync(id, Stop);
        await first.AbandonAsync();

        runner.Ladder = (attempt, _, _) => { attempt.End(143, "TERM", "TERM"); return Task.FromResult(new StopReport([], ["verified gone"])); };
        await using var second = await SupervisedHost.StartAsync(store, runner, time);
        var record = await second.EndOf(id);
        Assert.Equal((TaskState.Stopped, EndCause.User, 1), (record.State, record.End!.Cause, record.Attempt));
        Assert.Equal(1, runner.Started);
    }

    [Fact]
    [Trait("Requirement", "U-12")]
    public async Task A_stop_between_the_claim_and_the_start_is_heard()
    {
        await using var host = await SupervisedHost.StartAsync();
        host.Feed.Changed += record =>
        {
            if (record is { State: TaskState.Running, Process: null, Stop: null }) host.Client.StopAsync(record.Id, Stop).GetAwaiter().GetResult();
        };
        var record = await host.EndOf((await host.SubmitAsync()).Record.Id);
        Assert.Equal((TaskState.Stopped, EndCause.User), (record.State, record.End!.Cause));
        await Eventually.TrueAsync(() => host.Dispatcher.Taken == 0, "its place is free");
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    [Trait("Requirement", "U-12")]
    public async Task A_stop_is_heard_too_where_another_claimer_of_the_task_comes_too_late(bool withdraws)
    {
        await using var host = await SupervisedHost.StartAsync();
        host.Feed.Changed += record =>
        {
            if (record is not { State: TaskState.Running, Process: null, Stop: null }) return;
            if (withdraws) host.Attempts.Expect(record.Id);
            host.Client.StopAsync(record.Id, Stop).GetAwaiter().GetResult();
            if (withdraws) host.Attempts.Unexpect(record.Id);
            else host.Attempts.Expect(record.Id);
        };
        var record = await host.EndOf((await host.SubmitAsync()).Record.Id);
        Assert.Equal((TaskState.Stopped, EndCause.User), (record.State, record.End!.Cause));
        host.Attempts.Unexpect(record.Id);
    }
}
