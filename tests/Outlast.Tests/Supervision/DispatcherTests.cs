using Outlast.Runners;
using Outlast.TestKit;

namespace Outlast.Tests.Supervision;

public sealed class DispatcherTests
{
    private static readonly TaskSpec Refusing = SupervisedHost.Spec() with { RefuseWhenFull = true };

    [Fact]
    [Trait("Requirement", "S285-1")]
    [Trait("Requirement", "U-25")]
    public async Task A_full_host_refuses_who_asked_for_that_and_nothing_of_it_comes_into_being()
    {
        await using var host = await SupervisedHost.StartAsync(settings: ("concurrency.processes", "2"));
        await host.RunAsync();
        await host.RunAsync();
        var refusal = await Assert.ThrowsAsync<FullException>(() => host.SubmitAsync(Refusing));
        Assert.Equal(("kind process", 2, 2), (refusal.Limit, refusal.Running, refusal.Max));
        Assert.Equal(2, (await host.Client.ListAsync(new())).Tasks.Length);
        Assert.Equal(2, host.Runner.Started);
    }

    [Fact]
    [Trait("Requirement", "S285-1")]
    public async Task Of_two_at_the_same_moment_with_one_free_place_exactly_one_is_admitted()
    {
        for (var round = 0; round < 50; round++)
        {
            await using var host = await SupervisedHost.StartAsync(settings: ("concurrency.processes", "1"));
            using var start = new Barrier(2);
            var results = await Task.WhenAll(Enumerable.Range(0, 2).Select(_ => Task.Run(async () =>
            {
                start.SignalAndWait();
                try
                {
                    await host.SubmitAsync(Refusing);
                    return true;
                }
                catch (FullException)
                {
                    return false;
                }
            })));
            Assert.Single(results, admitted => admitted);
        }
    }

    [Fact]
    [Trait("Requirement", "S285-1")]
    [Trait("Requirement", "U-35")]
    public async Task A_refused_launch_frees_its_place_and_ends_its_record()
    {
        var runner = new ScriptedRunner { Launch = _ => throw new InvalidOperationException("cannot fork") };
        await using var host = await SupervisedHost.StartAsync(runner: runner, settings: ("concurrency.processes", "1"));
        var refused = await host.EndOf((await host.SubmitAsync(Refusing)).Record.Id);
        Assert.Equal(TaskState.Failed, refused.State);
        Assert.Contains("cannot fork", refused.End!.Reason);
        runner.Launch = _ => { };
        await Eventually.TrueAsync(() => host.Dispatcher.Taken == 0, "the place is free again");
        await host.RunAsync(Refusing);
    }

    [Fact]
    [Trait("Requirement", "S285-1")]
    public async Task A_submission_that_fails_frees_its_reservation()
    {
        var store = new FailingStore();
        await using var host = await SupervisedHost.StartAsync(store, settings: ("concurrency.processes", "1"));
        store.Failing = true;
        await Assert.ThrowsAsync<StoreUnavailableException>(() => host.SubmitAsync(Refusing));
        Assert.Equal(0, host.Dispatcher.Taken);
        Assert.NotEmpty(host.Status.NotReady);
        store.Failing = false;
        await RecoverAsync(host);
        await host.RunAsync(Refusing);
    }

    [Fact]
    public async Task What_was_told_late_does_not_take_who_waits_again_out_of_the_queue()
    {
        await using var host = await SupervisedHost.StartAsync(settings: ("concurrency.processes", "1"));
        var (_, running) = await host.RunAsync();
        var queued = await host.ReadAsync((await host.SubmitAsync()).Record.Id);
        host.Dispatcher.Look(queued with { Version = queued.Version - 1, State = TaskState.Running });
        Assert.Equal(1, host.Dispatcher.Queued);
        running.End(0);
        await host.Runner.AttemptOf(queued.Id);
    }

    [Fact]
    public async Task Who_fails_when_he_is_told_of_a_commit_keeps_it_from_nobody_else()
    {
        await using var host = await SupervisedHost.StartAsync();
        host.Feed.Changed += _ => throw new InvalidOperationException("a listener of somebody's");
        host.Feed.Committed += _ => throw new InvalidOperationException("another");
        var heard = 0;
        host.Feed.Ended += _ => heard++;
        var (parent, parentWork) = await host.RunAsync();
        var (child, work) = await host.RunAsync(parent: parent);
        work.End(0);
        await host.EndOf(child);
        parentWork.End(0);
        await host.EndOf(parent);
        Assert.Equal(2, heard);
    }

    [Fact]
    public async Task A_place_is_taken_back_when_the_end_that_freed_it_is_not_written()
    {
        var store = new FailingStore();
        await using var host = await SupervisedHost.StartAsync(store, settings: ("concurrency.processes", "1"));
        var (id, attempt) = await host.RunAsync();
        store.Failing = true;
        attempt.End(0);
        await Eventually.TrueAsync(() => !host.Status.NotReady.IsEmpty, "the end was refused");
        await Eventually.TrueAsync(() => host.Dispatcher.Taken == 1, "the attempt is not over, and has its place");
        await Assert.ThrowsAsync<FullException>(() => host.SubmitAsync(Refusing));
        store.Failing = false;
        await RecoverAsync(host);
        // The end may have been refused once more, after the host was well already: then it waits for the next look.
        Assert.Equal(TaskState.Completed, (await host.PassingUntil(host.EndOf(id))).State);
        await Eventually.TrueAsync(() => host.Dispatcher.Taken == 0, "the place is free");
        await host.RunAsync(Refusing);
    }

    [Fact]
    public async Task A_stop_between_the_claim_and_the_start_is_not_missed()
    {
        for (var round = 0; round < 50; round++)
        {
            await using var host = await SupervisedHost.StartAsync(settings: ("concurrency.processes", "1"));
            // As soon as the claim is on disk, and so before or after the attempt is announced, as it comes.
            var stop = new TaskCompletionSource<TaskId>(TaskCreationOptions.RunContinuationsAsynchronously);
            host.Feed.Changed += record => { if (record.State == TaskState.Running) stop.TrySetResult(record.Id); };
            var id = (await host.SubmitAsync()).Record.Id;
            await stop.Task.Soon();
            await host.Client.StopAsync(id, new(EndCause.User, SupervisedHost.Somebody));
            Assert.Equal(TaskState.Stopped, (await host.EndOf(id)).State);
        }
    }

    [Fact]
    public async Task A_queued_task_says_where_it_stands_and_what_it_waits_for()
    {
        await using var host = await SupervisedHost.StartAsync(settings: ("concurrency.processes", "1"));
        var (first, running) = await host.RunAsync();
        var second = (await host.SubmitAsync()).Record.Id;
        var third = (await host.SubmitAsync()).Record.Id;
        Assert.Equal(new QueuePlace(1, "kind process: 1 of 1"), (await host.Client.GetAsync(second)).Queue);
        Assert.Equal(new QueuePlace(2, "kind process: 1 of 1"), (await host.Client.GetAsync(third)).Queue);
        running.End(0);
        await host.EndOf(first);
        await host.Runner.AttemptOf(second);
        Assert.Null((await host.Client.GetAsync(second)).Queue);
        Assert.Equal(1, (await host.Client.GetAsync(third)).Queue!.Position);
    }

    [Fact]
    [Trait("Requirement", "C17")]
    public async Task A_queued_task_that_is_stopped_never_runs()
    {
        await using var host = await SupervisedHost.StartAsync(settings: ("concurrency.processes", "1"));
        var (_, running) = await host.RunAsync();
        var queued = (await host.SubmitAsync()).Record.Id;
        var stopped = await host.Client.StopAsync(queued, new(EndCause.User, SupervisedHost.Somebody, "changed my mind"));
        Assert.Equal((TaskState.Stopped, "changed my mind"), (stopped.Record.State, stopped.Record.Stop?.Reason));
        running.End(0);
        var (later, _) = await host.RunAsync();
        Assert.False(host.Runner.Knows(queued));
        Assert.Equal(0, host.Dispatcher.Queued);
    }

    [Fact]
    public async Task Never_more_run_than_there_are_places()
    {
        await using var host = await SupervisedHost.StartAsync(settings: ("concurrency.processes", "3"));
        var most = 0;
        host.Runner.Launch = _ =>
        {
            var now = host.Runner.Running + 1;
            InterlockedMax(ref most, now);
        };
        var ids = new List<TaskId>();
        for (var i = 0; i < 100; i++) ids.Add((await host.SubmitAsync()).Record.Id);
        foreach (var id in ids)
        {
            (await host.Runner.AttemptOf(id)).End(0);
            await host.EndOf(id);
        }
        // The place is handed on when the end is handed to the writer, so that one more may already have started.
        Assert.InRange(most, 1, 4);
        await Eventually.TrueAsync(() => host.Dispatcher.Taken == 0, "all places are free");

        static void InterlockedMax(ref int target, int value)
        {
            int seen;
            while ((seen = Volatile.Read(ref target)) < value && Interlocked.CompareExchange(ref target, value, seen) != seen) { }
        }
    }

    [Fact]
    [Trait("Requirement", "S2293-9")]
    [Trait("Requirement", "U-12")]
    public async Task After_ten_thousand_tasks_nothing_holds_on_to_any()
    {
        await using var host = await SupervisedHost.StartAsync(settings: ("concurrency.processes", "64"));
        await Eventually.TrueAsync(() => host.Time.Timers > 0, "the host's own timers are armed");
        host.Runner.EndAtOnce = true;
        await Parallel.ForEachAsync(Enumerable.Range(0, 10_000), new ParallelOptions { MaxDegreeOfParallelism = 64 }, async (i, cancel) =>
        {
            var id = (await host.SubmitAsync()).Record.Id;
            if (i % 3 == 0) await host.Client.WaitAsync(id, TimeSpan.FromMinutes(1), cancel);
            if (i % 7 != 0) return;
            try
            {
                await host.Client.StopAsync(id, new(EndCause.User, SupervisedHost.Somebody), cancel);
            }
            catch (TaskEndedException)
            {
                // It was quicker.
            }
        });
        await Eventually.TrueAsync(async () => (await host.Client.ListAsync(new() { States = [TaskState.Queued, TaskState.Running, TaskState.Stopping], Limit = 1 })).Tasks.IsEmpty, "all have ended");
        await Eventually.TrueAsync(() => host.Attempts.Count == 0 && host.Dispatcher.Taken == 0, "nothing is followed, no place is taken");
        Assert.Equal((0, 0), (host.Feed.Waiting, host.Dispatcher.Queued));
        await Eventually.TrueAsync(() => host.Time.Timers < 20, "no timer is left");
    }

    [Fact]
    [Trait("Requirement", "V-65")]
    public async Task Who_waits_for_own_children_lends_its_place_so_that_depth_does_not_lock_up()
    {
        await using var host = await SupervisedHost.StartAsync(settings: ("concurrency.processes", "1"));
        var line = new List<(TaskId Id, ScriptedAttempt Attempt)>();
        for (var depth = 0; depth < 4; depth++) line.Add(await host.RunAsync(parent: depth == 0 ? null : line[^1].Id));
        var queued = (await host.SubmitAsync()).Record.Id;
        Assert.Equal(1, host.Dispatcher.Taken);
        foreach (var (id, attempt) in Enumerable.Reverse(line))
        {
            Assert.False(host.Runner.Knows(queued));
            attempt.End(0);
            await host.EndOf(id);
        }
        // Each took its place again before new work.
        (await host.Runner.AttemptOf(queued)).End(0);
        await host.EndOf(queued);
        await Eventually.TrueAsync(() => host.Dispatcher.Taken == 0, "all places are free");
    }

    [Fact]
    public async Task A_start_that_found_no_room_is_tried_again_later_as_the_same_attempt()
    {
        var runner = new ScriptedRunner { Launch = _ => throw new NeverStartedException("disk full: no room for the lock") };
        await using var host = await SupervisedHost.StartAsync(runner: runner);
        var id = (await host.SubmitAsync()).Record.Id;
        await Eventually.TrueAsync(async () => (await host.EventsOf(id)).Any(e => e.Type == TaskEventType.Requeued), "it is queued again");
        var record = await host.ReadAsync(id);
        Assert.Equal((TaskState.Queued, 0), (record.State, record.Attempt));
        Assert.Contains("disk full", record.Annotations[^1].Text);
        // The record is there before the dispatcher has heard of it.
        await Eventually.TrueAsync(async () => (await host.Client.GetAsync(id)).Queue is not null, "it has a place in the queue");
        Assert.StartsWith("not before", (await host.Client.GetAsync(id)).Queue!.WaitsFor);
        runner.Launch = _ => { };
        await Eventually.TrueAsync(() => { host.Time.Advance(TimeSpan.FromSeconds(1)); return runner.Knows(id); }, "it is started again");
        Assert.Equal(1, (await host.ReadAsync(id)).Attempt);
    }

    internal static Task RecoverAsync(SupervisedHost host) => Eventually.TrueAsync(() =>
    {
        host.Time.Advance(TimeSpan.FromSeconds(1));
        return host.Status.NotReady.IsEmpty;
    }, "the host is ready again");
}
