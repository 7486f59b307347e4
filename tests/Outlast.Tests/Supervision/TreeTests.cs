using System.Collections.Immutable;
using Outlast.Lifecycle;
using Outlast.Runners;
using Outlast.Storage;
using Outlast.TestKit;

namespace Outlast.Tests.Supervision;

/// <summary>Limits and fates of trees, through the whole supervision.</summary>
public sealed class TreeTests
{
    [Fact]
    [Trait("Requirement", "M-32")]
    public async Task A_child_that_would_be_too_deep_is_refused_with_the_limit_and_the_value()
    {
        await using var host = await SupervisedHost.StartAsync(settings: ("tree.depth", "2"));
        var top = (await host.SubmitAsync()).Record;
        var child = (await host.SubmitAsync(parent: top.Id)).Record;
        var grandchild = (await host.SubmitAsync(parent: child.Id)).Record;
        Assert.Equal(2, grandchild.Depth);

        var refused = await Assert.ThrowsAsync<TreeFullException>(() => host.SubmitAsync(parent: grandchild.Id));

        Assert.Equal((TreeFullException.DepthLimit, 3, 2), (refused.Limit, refused.Has, refused.Max));
        Assert.Equal($"Task {grandchild.Number} can start no child: it would be at depth 3, and tree.depth is 2.", refused.Message);
        Assert.Equal(0, (await host.ReadAsync(grandchild.Id)).OpenChildren);
    }

    [Fact]
    [Trait("Requirement", "M-32")]
    public async Task A_tree_has_so_many_open_tasks_and_each_end_makes_room_detached_ones_too()
    {
        await using var host = await SupervisedHost.StartAsync(settings: [("tree.children", "2"), ("concurrency.processes", "10")]);
        var (top, _) = await host.RunAsync();
        var (child, work) = await host.RunAsync(parent: top);
        var (detached, other) = await host.RunAsync(SupervisedHost.Spec() with { Detached = true }, child);

        var refused = await Assert.ThrowsAsync<TreeFullException>(() => host.SubmitAsync(parent: child));
        Assert.Equal((TreeFullException.ChildrenLimit, 2, 2, top), (refused.Limit, refused.Has, refused.Max, refused.Above.Id));

        other.End(0);
        await host.EndOf(detached);
        Assert.Equal((1, 2), ((await host.ReadAsync(top)).OpenBelow, (await host.ReadAsync(top)).EverBelow));
        await host.SubmitAsync(parent: top);
        await Assert.ThrowsAsync<TreeFullException>(() => host.SubmitAsync(parent: top));
        work.End(0);
        await host.EndOf(child);
        await host.SubmitAsync(parent: top);
    }

    [Fact]
    [Trait("Requirement", "M-32")]
    public async Task A_batch_that_is_too_much_for_its_tree_is_refused_as_a_whole()
    {
        await using var host = await SupervisedHost.StartAsync(settings: ("tree.children", "3"));
        var top = (await host.SubmitAsync()).Record.Id;
        TaskBatch Batch(int count) => new([.. Enumerable.Range(0, count).Select(i => new TaskSubmission(SupervisedHost.Spec($"c{i}"), SupervisedHost.Somebody, top))]);

        await Assert.ThrowsAsync<TreeFullException>(() => host.Client.SubmitManyAsync(Batch(4)));
        Assert.Equal((0, 0), ((await host.ReadAsync(top)).OpenBelow, (await host.ReadAsync(top)).OpenChildren));

        var taken = await host.Client.SubmitManyAsync(Batch(3));
        Assert.Equal(["c0", "c1", "c2"], taken.Select(t => t.Record.Spec.Name));
        Assert.Equal((3, 3), ((await host.ReadAsync(top)).OpenBelow, (await host.ReadAsync(top)).OpenChildren));
    }

    [Fact]
    [Trait("Requirement", "M-32")]
    public async Task A_budget_of_tasks_counts_all_that_ever_was_below_whoever_has_one()
    {
        await using var host = await SupervisedHost.StartAsync(settings: ("concurrency.processes", "10"));
        var (top, _) = await host.RunAsync();
        var (middle, _) = await host.RunAsync(SupervisedHost.Spec() with { Budget = new(Tasks: 2) }, top);
        var (first, work) = await host.RunAsync(parent: middle);
        work.End(0);
        await host.EndOf(first);
        var second = (await host.SubmitAsync(SupervisedHost.Spec() with { Detached = true }, middle)).Record.Id;

        // Neither the end of one nor being detached makes room, nor does standing one deeper.
        foreach (var parent in new[] { middle, second })
        {
            var refused = await Assert.ThrowsAsync<TreeFullException>(() => host.SubmitAsync(parent: parent));
            Assert.Equal((TreeFullException.BudgetLimit, 2, 2, middle), (refused.Limit, refused.Has, refused.Max, refused.Above.Id));
        }
        await host.SubmitAsync(parent: top);
    }

    [Fact]
    public async Task A_top_that_has_ended_bounds_what_it_left_behind_all_the_same()
    {
        await using var host = await SupervisedHost.StartAsync(settings: [("tree.children", "2"), ("concurrency.processes", "10")]);
        var (top, work) = await host.RunAsync();
        var (left, _) = await host.RunAsync(SupervisedHost.Spec() with { Detached = true }, top);
        work.End(0);
        var ended = await host.EndOf(top);

        await host.SubmitAsync(parent: left);
        var refused = await Assert.ThrowsAsync<TreeFullException>(() => host.SubmitAsync(parent: left));

        Assert.Equal((2, 2), (refused.Has, refused.Max));
        Assert.Equal(StoredTasks.Text(ended), StoredTasks.Text(await host.ReadAsync(top)));
    }

    [Fact]
    [Trait("Requirement", "V-05")]
    public async Task Whoever_wants_to_know_of_a_task_is_told_of_what_it_starts_unless_somebody_else_is_named()
    {
        await using var host = await SupervisedHost.StartAsync();
        var top = (await host.SubmitAsync(SupervisedHost.Spec() with { Session = "s1" })).Record.Id;
        var child = (await host.SubmitAsync(parent: top)).Record;
        var grandchild = (await host.SubmitAsync(parent: child.Id)).Record;
        var other = (await host.SubmitAsync(SupervisedHost.Spec() with { Session = "s2" }, top)).Record;
        Assert.Equal(["s1", "s1", "s2"], new[] { child, grandchild, other }.Select(r => r.Spec.Session));
    }

    [Fact]
    [Trait("Requirement", "C18")]
    [Trait("Requirement", "U-06")]
    public async Task A_stopped_sibling_touches_nobody_and_the_parent_sees_how_it_ended()
    {
        await using var host = await SupervisedHost.StartAsync(settings: ("concurrency.processes", "10"));
        var (top, work) = await host.RunAsync();
        var (one, _) = await host.RunAsync(parent: top);
        var (other, otherWork) = await host.RunAsync(parent: top);

        await host.Client.StopAsync(one, new(EndCause.User, SupervisedHost.Somebody, "wrong branch"));
        Assert.Equal((TaskState.Stopped, EndCause.User), (await host.EndOf(one)) is var end ? (end.State, end.End!.Cause) : default);

        Assert.Equal(TaskState.Running, (await host.ReadAsync(other)).State);
        Assert.Equal(TaskState.Running, (await host.ReadAsync(top)).State);
        otherWork.End(0);
        work.End(0);
        Assert.Equal(TaskState.Completed, (await host.EndOf(top)).State);
        Assert.Equal(TaskState.Completed, (await host.ReadAsync(other)).State);
        var tree = await host.Client.TreeAsync(top);
        Assert.Equal([TaskState.Stopped, TaskState.Completed], tree.Children.Select(c => c.Task.Record.State));
    }

    [Fact]
    [Trait("Requirement", "C8")]
    [Trait("Requirement", "M-28")]
    [Trait("Requirement", "U-32")]
    [Trait("Requirement", "U-34")]
    [Trait("Requirement", "V-39")]
    public async Task A_stop_reaches_every_attached_descendant_at_once_and_the_top_says_how_that_went()
    {
        var runner = new ScriptedRunner();
        await using var host = await SupervisedHost.StartAsync(runner: runner, settings: ("concurrency.processes", "10"));
        var (top, _) = await host.RunAsync();
        var (child, _) = await host.RunAsync(parent: top);
        var (grandchild, _) = await host.RunAsync(parent: child);
        var (stubborn, _) = await host.RunAsync(parent: child);
        var (detached, detachedWork) = await host.RunAsync(SupervisedHost.Spec() with { Detached = true }, child);
        var die = runner.Ladder;
        runner.Ladder = (attempt, stop, hurry) =>
        {
            if (attempt.Context.Task != stubborn) return die(attempt, stop, hurry);
            attempt.End(137, "KILL", "TERM");
            return Task.FromResult(new StopReport([new Survivor(4712, 1, "sleep 99")], ["KILL"]));
        };

        await host.Client.StopAsync(top, new(EndCause.User, SupervisedHost.Somebody, "enough"));
        var ended = await host.EndOf(top);

        Assert.Equal((TaskState.Stopped, EndCause.User), (ended.State, ended.End!.Cause));
        foreach (var below in new[] { child, grandchild, stubborn })
        {
            var record = await host.ReadAsync(below);
            Assert.Equal((TaskState.Stopped, EndCause.Parent), (record.State, record.End!.Cause));
            Assert.Equal(SupervisedHost.Somebody, record.End.Actor);
        }
        Assert.Contains("3 tasks below it ended by a stop, not all of it died", ended.End.Evidence);
        Assert.Contains($"left alive of task {(await host.ReadAsync(stubborn)).Number}: 4712 sleep 99", ended.End.Evidence);
        Assert.Equal(TaskState.Running, (await host.ReadAsync(detached)).State);
        detachedWork.End(0);
        Assert.Equal(TaskState.Completed, (await host.EndOf(detached)).State);
    }

    [Fact]
    [Trait("Requirement", "U-13")]
    public async Task What_the_end_of_a_task_does_to_its_children_is_its_own_policy()
    {
        await using var host = await SupervisedHost.StartAsync(settings: ("concurrency.processes", "10"));
        var (waits, waitsWork) = await host.RunAsync();
        var (awaited, awaitedWork) = await host.RunAsync(parent: waits);
        var (stops, stopsWork) = await host.RunAsync(SupervisedHost.Spec() with { Children = ChildPolicy.Stop });
        var (stopped, _) = await host.RunAsync(parent: stops);
        var (lets, letsWork) = await host.RunAsync(SupervisedHost.Spec() with { Children = ChildPolicy.Detach });
        var (goesOn, goesOnWork) = await host.RunAsync(parent: lets);

        waitsWork.End(0);
        stopsWork.End(0);
        letsWork.End(0);

        var stopper = await host.EndOf(stops);
        Assert.Equal(TaskState.Completed, stopper.State);
        Assert.Contains("1 task below it ended by a stop, nothing of them was left alive", stopper.End!.Evidence);
        Assert.Equal((TaskState.Stopped, EndCause.Parent), await host.ReadAsync(stopped) is var s ? (s.State, s.End!.Cause) : default);
        Assert.Equal(TaskState.Completed, (await host.EndOf(lets)).State);
        Assert.Equal(TaskState.Running, (await host.ReadAsync(goesOn)).State);
        await Eventually.TrueAsync(async () => (await host.ReadAsync(waits)).IsFinishing, "its own work is over");

        awaitedWork.End(0);
        Assert.Equal(TaskState.Completed, (await host.EndOf(waits)).State);
        Assert.True((await host.ReadAsync(awaited)).EndedAt <= (await host.ReadAsync(waits)).EndedAt);
        goesOnWork.End(0);
        Assert.Equal(TaskState.Completed, (await host.EndOf(goesOn)).State);
    }

    [Fact]
    [Trait("Requirement", "C16")]
    [Trait("Requirement", "V-39")]
    public async Task A_stop_of_a_tree_goes_on_after_a_restart_and_nothing_of_it_runs_again()
    {
        var (store, time) = (new InMemoryTaskStore(), new ManualTime());
        var ids = new List<TaskId>();
        var runner = new ScriptedRunner();
        var die = runner.Ladder;
        runner.Ladder = (_, _, _) => new TaskCompletionSource<StopReport>().Task;
        await using (var first = await SupervisedHost.StartAsync(store, runner, time, settings: ("concurrency.processes", "10")))
        {
            ids.Add((await first.RunAsync()).Id);
            ids.Add((await first.RunAsync(parent: ids[0])).Id);
            ids.Add((await first.RunAsync(parent: ids[1])).Id);
            await first.Client.StopAsync(ids[0], new(EndCause.User, SupervisedHost.Somebody));
        }
        runner.Ladder = die;
        await using var second = await SupervisedHost.StartAsync(store, runner, time, settings: ("concurrency.processes", "10"));

        foreach (var id in ids) Assert.Equal(TaskState.Stopped, (await second.EndOf(id)).State);

        Assert.Equal(3, runner.Started);
        Assert.Equal([EndCause.User, EndCause.Parent, EndCause.Parent], await Task.WhenAll(ids.Select(async id => (await second.ReadAsync(id)).End!.Cause)));
        Assert.Equal(0, (await second.ReadAsync(ids[0])).OpenBelow);
    }
}
