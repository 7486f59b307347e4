using Outlast.Lifecycle;
using Outlast.Runners;
using Outlast.Supervision;
using Outlast.TestKit;

namespace Outlast.Tests.Supervision;

public sealed class LedgerTests
{
    [Fact]
    public async Task A_step_that_is_decided_from_an_old_record_is_decided_anew()
    {
        await using var host = await SupervisedHost.StartAsync();
        var old = (await host.SubmitAsync()).Record;
        await host.Runner.AttemptOf(old.Id);
        var running = await host.ReadAsync(old.Id);

        // The old record allows it, the new one does not.
        var claimed = await host.Ledger.ApplyAsync(old.Id, _ => Transition.Claimed(running.Claim!, host.Time.GetUtcNow()), default, old);
        Assert.Equal(RefusalReason.WrongState, claimed.Refusal);

        // The new record allows it, the old one does not.
        var settled = await host.Ledger.ApplyAsync(old.Id, _ => Transition.Settled(running.Claim!, new TaskOutcome { Kind = OutcomeKind.Succeeded, Cause = EndCause.Exit, Exit = new(0, null, []) }, null, host.Time.GetUtcNow()), default, old);
        Assert.True(settled.Changed);
        Assert.Equal((TaskState.Completed, running.Version + 1), (settled.Record.State, settled.Record.Version));
        Assert.Equal(TaskState.Completed, (await host.ReadAsync(old.Id)).State);
    }

    [Fact]
    public async Task A_command_that_ends_at_once_is_recorded_in_one_step_with_its_process()
    {
        var runner = new ScriptedRunner { EndAtOnce = true, TellsLaunch = false };
        await using var host = await SupervisedHost.StartAsync(runner: runner);
        var id = (await host.SubmitAsync()).Record.Id;

        var ended = await host.EndOf(id);

        Assert.Equal(TaskState.Completed, ended.State);
        Assert.Equal(4711, ended.Process!.Pid);
        Assert.Equal([TaskEventType.Submitted, TaskEventType.Started, TaskEventType.Ended], (await host.EventsOf(id)).Select(e => e.Type));
        Assert.Equal(3, ended.Version); // submitted, claimed, ended
    }

    [Fact]
    [Trait("Requirement", "U-04")]
    public async Task Nobody_hears_of_an_end_that_is_not_on_disk_yet()
    {
        var store = new FailingStore();
        await using var host = await SupervisedHost.StartAsync(store);
        var (id, attempt) = await host.RunAsync(SupervisedHost.Spec() with { Session = "s" });
        using var end = host.Feed.WatchEnd(id);
        var disk = new TaskCompletionSource();
        store.Gate = disk.Task;
        attempt.End(0);
        await Eventually.TrueAsync(() => attempt.Outcome.Task.IsCompleted, "the work is over");
        await Task.Yield();
        Assert.False(end.Ended.IsCompleted);
        Assert.Equal(TaskState.Running, (await host.ReadAsync(id)).State);
        Assert.Empty(await store.NoticesAsync(new() { Session = "s" }));

        disk.SetResult();
        Assert.Equal(TaskState.Completed, (await end.Ended.Soon()).State);
        Assert.Equal(TaskState.Completed, (await host.ReadAsync(id)).State);
        Assert.Single(await store.NoticesAsync(new() { Session = "s" }));
    }
}
