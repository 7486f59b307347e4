using System.Text.Json;
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
    public async Task An_end_that_cannot_be_written_takes_none_with_it_that_came_together_with_it()
    {
        var store = new FailingStore { WritesDocuments = true };
        await using var host = await SupervisedHost.StartAsync(store, settings: ("concurrency.processes", "8"));
        var (parent, _) = await host.RunAsync();
        var children = new List<TaskRecord>();
        for (var i = 0; i < 3; i++) children.Add(await host.ReadAsync((await host.RunAsync(parent: parent)).Id));
        var tooDeep = JsonElement.Parse(new string('[', 64) + new string(']', 64));
        var disk = new TaskCompletionSource();
        store.Gate = disk.Task;
        // What comes while the first is written goes into the next commit together.
        var (first, bad, good) = (SettleAsync(children[0]), SettleAsync(children[1], tooDeep), SettleAsync(children[2]));
        disk.SetResult();

        Assert.Equal(TaskState.Completed, (await first).Record.State);
        Assert.Equal(TaskState.Completed, (await good).Record.State);
        await Assert.ThrowsAsync<JsonException>(() => bad);

        Task<LedgerAnswer> SettleAsync(TaskRecord child, JsonElement? result = null) => host.Ledger.ApplyAsync(
            child.Id, _ => Transition.Settled(child.Claim!, new() { Kind = OutcomeKind.Succeeded, Cause = EndCause.Exit, Result = result }, null, host.Time.GetUtcNow()), default);
    }

    [Fact]
    [Trait("Requirement", "B24")]
    public async Task A_child_that_is_submitted_and_stopped_in_one_commit_is_told_by_the_number_that_it_got()
    {
        var store = new FailingStore();
        await using var host = await SupervisedHost.StartAsync(store, settings: ("concurrency.processes", "2"));
        var (parent, _) = await host.RunAsync(SupervisedHost.Spec() with { Session = "s" });
        await host.RunAsync(parent: parent);
        await host.RunAsync(parent: parent);
        var disk = new TaskCompletionSource();
        store.Gate = disk.Task;
        // What comes while the first is written goes into the next commit together.
        var first = host.SubmitAsync(parent: parent);
        var together = host.SubmitAsync(SupervisedHost.Spec("late"), parent);
        var stop = host.Client.StopAsync(parent, new(EndCause.User, SupervisedHost.Somebody));
        disk.SetResult();
        await first;
        var late = (await together).Record;
        await stop;

        await host.EndOf(late.Id);
        Assert.Equal((TaskState.Stopped, 1L), (late.State, late.Version));
        var notice = Assert.Single(await store.NoticesAsync(new() { Session = "s", Task = late.Id }));
        Assert.Equal((late.Number, $"Task {late.Number} (late) was stopped: stopped with its parent: task 1 stopped by user."), (notice.Number, notice.Text));
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
