using Outlast.TestKit;

namespace Outlast.Tests.Supervision;

/// <summary>Steering of tasks at the one door: run again, removed, limits moved, input sent.</summary>
public sealed class DeskTests
{
    [Fact]
    public async Task An_ended_task_is_run_again_as_it_was_and_both_name_each_other()
    {
        await using var host = await SupervisedHost.StartAsync();
        var spec = SupervisedHost.Spec() with { Session = "s1", Group = "nightly", Timeout = TimeSpan.FromMinutes(5), NotBefore = host.Time.GetUtcNow() - TimeSpan.FromHours(1), StartBy = host.Time.GetUtcNow() + TimeSpan.FromMinutes(1) };
        var (id, attempt) = await host.RunAsync(spec);
        attempt.End(7);
        var former = await host.EndOf(id);
        host.Time.Advance(TimeSpan.FromHours(1));

        var next = (await host.Client.RetryAsync(id, new(SupervisedHost.Somebody))).Record;
        Assert.Equal(id, next.RetryOf);
        Assert.Equal(spec with { NotBefore = null, StartBy = null }, next.Spec);
        (await host.Runner.AttemptOf(next.Id)).End(0);
        Assert.Equal(TaskState.Completed, (await host.EndOf(next.Id)).State);

        var told = await host.ReadAsync(id);
        Assert.Equal(former with { Annotations = told.Annotations, Version = former.Version + 1, Events = former.Events + 1 }, told);
        Assert.Equal($"run again as task {next.Id}", Assert.Single(told.Annotations).Text);
        // Told in one commit: nothing lies between.
        var (note, submitted) = ((await host.EventsOf(id))[^1], (await host.EventsOf(next.Id))[0]);
        Assert.Equal((TaskEventType.Annotated, next.Id.ToString(), 1L), (note.Type, note.Data["retriedAs"].GetString(), Math.Abs(note.Seq - submitted.Seq)));
        Assert.Equal(id.ToString(), submitted.Data["retryOf"].GetString());
    }

    [Fact]
    public async Task What_has_not_ended_is_not_run_again_and_what_was_removed_cannot_be()
    {
        await using var host = await SupervisedHost.StartAsync();
        var (id, attempt) = await host.RunAsync();
        Assert.Equal(id, (await Assert.ThrowsAsync<TaskNotEndedException>(() => host.Client.RetryAsync(id, new(SupervisedHost.Somebody)))).Record.Id);
        attempt.End(1);
        await host.EndOf(id);
        await host.Client.RemoveAsync(id, new(SupervisedHost.Somebody));
        await Assert.ThrowsAsync<TaskRemovedException>(() => host.Client.RetryAsync(id, new(SupervisedHost.Somebody)));
    }

    [Fact]
    public async Task The_same_key_gives_the_same_retry()
    {
        await using var host = await SupervisedHost.StartAsync();
        var (id, attempt) = await host.RunAsync();
        var (other, otherAttempt) = await host.RunAsync();
        attempt.End(1);
        otherAttempt.End(1);
        await host.EndOf(id);
        await host.EndOf(other);
        var first = await host.Client.RetryAsync(id, new(SupervisedHost.Somebody, "k"));
        var again = await host.Client.RetryAsync(id, new(SupervisedHost.Somebody, "k"));
        Assert.Equal((first.Record.Id, false, true), (again.Record.Id, first.Repeated, again.Repeated));
        Assert.Single((await host.ReadAsync(id)).Annotations);
        await Assert.ThrowsAsync<IdempotencyMismatchException>(() => host.Client.RetryAsync(other, new(SupervisedHost.Somebody, "k")));
        Assert.NotEqual(first.Record.Id, (await host.Client.RetryAsync(id, new(SupervisedHost.Somebody))).Record.Id);
    }

    [Fact]
    public async Task A_retry_is_a_child_again_where_its_parent_takes_children()
    {
        await using var host = await SupervisedHost.StartAsync();
        var (parent, parentAttempt) = await host.RunAsync();
        var (child, attempt) = await host.RunAsync(parent: parent);
        attempt.End(1);
        await host.EndOf(child);

        var next = (await host.Client.RetryAsync(child, new(SupervisedHost.Somebody))).Record;
        Assert.Equal((parent, 1), (next.Parent, (await host.ReadAsync(parent)).OpenChildren));
        (await host.Runner.AttemptOf(next.Id)).End(0);
        await host.EndOf(next.Id);
        parentAttempt.End(0);
        await host.EndOf(parent);

        next = (await host.Client.RetryAsync(child, new(SupervisedHost.Somebody))).Record;
        Assert.Equal((null, next.Id, 0), (next.Parent, next.Root, next.Depth));
        await host.Client.RemoveAsync(parent, new(SupervisedHost.Somebody));
        Assert.Null((await host.Client.RetryAsync(child, new(SupervisedHost.Somebody))).Record.Parent);
    }

    [Fact]
    [Trait("Requirement", "U-90")]
    public async Task An_ended_task_is_removed_at_once_and_its_id_says_by_whom()
    {
        await using var host = await SupervisedHost.StartAsync();
        var (id, attempt) = await host.RunAsync();
        Assert.Equal(id, (await Assert.ThrowsAsync<TaskNotEndedException>(() => host.Client.RemoveAsync(id, new(SupervisedHost.Somebody)))).Record.Id);
        attempt.End(0);
        await host.EndOf(id);
        var tombstone = await host.Client.RemoveAsync(id, new(SupervisedHost.Somebody));
        Assert.Equal((id, "removed by uid 1000 via test"), (tombstone.Id, tombstone.Reason));
        var refused = await Assert.ThrowsAsync<TaskRemovedException>(() => host.ReadAsync(id));
        Assert.Equal(tombstone, refused.Tombstone);
        Assert.EndsWith($"ended as completed and was removed at {tombstone.RemovedAt.UtcDateTime:yyyy-MM-dd'T'HH:mm:ss'Z'} by uid 1000 via test.", refused.Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<TaskRemovedException>(() => host.Client.RemoveAsync(id, new(SupervisedHost.Somebody)));
        Assert.Empty((await host.Client.ListAsync(new TaskQuery())).Tasks);
        Assert.Equal(TaskEventType.Removed, (await host.EventsOf(id))[^1].Type);
    }

    [Fact]
    public async Task A_task_whose_leftovers_live_is_removed_only_by_force()
    {
        await using var host = await SupervisedHost.StartAsync();
        var (id, attempt) = await host.RunAsync();
        host.Runner.Alive = named => named;
        var waiting = host.Client.WaitAsync(id, TimeSpan.FromHours(1));
        attempt.Outcome.SetResult(new TaskOutcome { Kind = OutcomeKind.Succeeded, Cause = EndCause.Exit, Exit = new(0, null, []), Leftovers = [new Survivor(4711, 8, "sleep 600")] });
        Assert.Equal(4711, Assert.Single((await waiting.Soon()).Survivors).Pid);
        Assert.Equal(4711, Assert.Single((await host.Client.GetAsync(id)).Survivors).Pid);
        Assert.Contains("4711 sleep 600", (await Assert.ThrowsAsync<LeftoversAliveException>(() => host.Client.RemoveAsync(id, new(SupervisedHost.Somebody)))).Message, StringComparison.Ordinal);
        Assert.Equal(TaskState.Completed, (await host.ReadAsync(id)).State);
        var removed = await host.Client.RemoveAsync(id, new(SupervisedHost.Somebody, Force: true));
        Assert.Equal((id, "removed by uid 1000 via test, although processes that it left behind are alive: 4711 sleep 600"), (removed.Id, removed.Reason));
    }

    [Fact]
    public async Task A_tree_whose_parents_were_removed_is_shown_whole()
    {
        await using var host = await SupervisedHost.StartAsync();
        var (top, topAttempt) = await host.RunAsync();
        var (middle, middleAttempt) = await host.RunAsync(parent: top);
        var (low, lowAttempt) = await host.RunAsync(SupervisedHost.Spec() with { Detached = true }, middle);
        middleAttempt.End(0);
        await host.EndOf(middle);
        await host.Client.RemoveAsync(middle, new(SupervisedHost.Somebody));
        Assert.Equal([low], (await host.Client.TreeAsync(top)).Children.Select(c => c.Task.Record.Id));
        topAttempt.End(0);
        await host.EndOf(top);
        await host.Client.RemoveAsync(top, new(SupervisedHost.Somebody));
        var tree = await host.Client.TreeAsync(low);
        Assert.Equal((low, middle, 0), (tree.Task.Record.Id, tree.Task.Record.Parent, tree.Children.Length));
        lowAttempt.End(0);
        Assert.Equal(TaskState.Completed, (await host.EndOf(low)).State);
    }

    [Fact]
    public async Task A_limit_of_a_stopping_task_is_not_moved()
    {
        await using var host = await SupervisedHost.StartAsync();
        host.Runner.Ladder = async (attempt, _, _) =>
        {
            await attempt.Outcome.Task;
            return new([], ["verified gone"]);
        };
        var (id, attempt) = await host.RunAsync();
        await host.Client.StopAsync(id, new(EndCause.User, SupervisedHost.Somebody));
        var refused = await Assert.ThrowsAsync<TaskStoppingException>(() => host.Client.ExtendAsync(id, new(SupervisedHost.Somebody, new(TimeSpan.FromHours(1), FromNow: true))));
        Assert.Equal(id, refused.Record.Id);
        Assert.Null((await host.ReadAsync(id)).Limits.Timeout);
        attempt.End(143, null, "TERM");
        await host.EndOf(id);
        await Assert.ThrowsAsync<TaskEndedException>(() => host.Client.ExtendAsync(id, new(SupervisedHost.Somebody, new(TimeSpan.FromHours(1), FromNow: true))));
    }
}
