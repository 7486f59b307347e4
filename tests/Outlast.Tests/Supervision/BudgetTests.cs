using Outlast.Storage;
using Outlast.TestKit;

namespace Outlast.Tests.Supervision;

/// <summary>What a tree may use together: warned of, then enforced, over restarts.</summary>
public sealed class BudgetTests
{
    private static readonly (string, string)[] Roomy = [("concurrency.processes", "20")];

    [Fact]
    [Trait("Requirement", "M-32")]
    public async Task A_trees_time_is_warned_of_and_then_ends_all_of_it_with_what_was_measured()
    {
        await using var host = await SupervisedHost.StartAsync(settings: Roomy);
        var (top, _) = await host.RunAsync(SupervisedHost.Spec() with { Budget = new(WallTime: TimeSpan.FromHours(1)) });
        var (child, _) = await host.RunAsync(parent: top);
        var (detached, _) = await host.RunAsync(SupervisedHost.Spec() with { Detached = true }, top);

        await host.PassAsync(TimeSpan.FromMinutes(53));
        Assert.DoesNotContain(TaskEventType.Warning, (await host.EventsOf(top)).Select(e => e.Type));
        await host.PassAsync(TimeSpan.FromMinutes(2));
        await host.PassAsync(TimeSpan.FromMinutes(1));
        var warning = Assert.Single(await host.EventsOf(top), e => e.Type == TaskEventType.Warning);
        Assert.Equal("budget_warning", warning.Data["rule"].GetString());
        Assert.Equal("it has taken 55m of its budget of 1h; at its end it is stopped, with what is below it", warning.Data["text"].GetString());
        await host.PassAsync(TimeSpan.FromMinutes(5));

        var ended = await host.EndOf(top);
        Assert.Equal((TaskState.Failed, EndCause.Budget, "budget"), (ended.State, ended.End!.Cause, ended.End.Actor!.Id));
        Assert.Equal((3_660_000, 3_600_000), (ended.End.Measured["elapsedMs"], ended.End.Measured["limitMs"]));
        Assert.Equal((TaskState.Stopped, EndCause.Parent), (await host.EndOf(child)) is var c ? (c.State, c.End!.Cause) : default);
        Assert.Equal(TaskState.Running, (await host.ReadAsync(detached)).State);
    }

    [Fact]
    [Trait("Requirement", "M-32")]
    public async Task A_trees_output_counts_what_lives_and_what_has_ended_but_not_what_is_detached()
    {
        await using var host = await SupervisedHost.StartAsync(settings: Roomy);
        var (top, topWork) = await host.RunAsync(SupervisedHost.Spec() with { Budget = new(OutputBytes: 1000) });
        var (child, childWork) = await host.RunAsync(parent: top);
        var (grandchild, grandchildWork) = await host.RunAsync(parent: child);
        var (_, detachedWork) = await host.RunAsync(SupervisedHost.Spec() with { Detached = true }, top);
        detachedWork.Print(5000);
        grandchildWork.Print(400);
        grandchildWork.End(0);
        await host.EndOf(grandchild);
        childWork.Print(300);
        topWork.Print(150);

        await host.PassAsync(TimeSpan.FromSeconds(5));
        Assert.DoesNotContain(TaskEventType.Warning, (await host.EventsOf(top)).Select(e => e.Type));
        topWork.Print(60);
        await host.PassAsync(TimeSpan.FromSeconds(5));
        Assert.Equal((910, 1000), Assert.Single(await host.EventsOf(top), e => e.Type == TaskEventType.Warning).Data["measured"] is var m ? (m.GetProperty("outputBytes").GetInt32(), m.GetProperty("limitBytes").GetInt32()) : default);
        childWork.End(0);
        await host.EndOf(child);
        topWork.Print(200);
        // The end of a child is told before what its parent counts of it.
        await Eventually.TrueAsync(async () =>
        {
            await host.PassAsync(TimeSpan.FromSeconds(5));
            return (await host.ReadAsync(top)).State.IsTerminal();
        }, "the budget is used up");

        var ended = await host.EndOf(top);
        Assert.Equal((TaskState.Failed, EndCause.Budget, 1110), (ended.State, ended.End!.Cause, ended.End.Measured["outputBytes"]));
        Assert.Equal(700, ended.Below!.OutputBytes);
        Assert.Contains("cut off when its budget was used up", ended.End.Reason, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    [Trait("Requirement", "M-32")]
    public async Task A_trees_output_counts_what_former_attempts_printed(bool byAChild)
    {
        await using var host = await SupervisedHost.StartAsync(settings: Roomy);
        var (budget, retry) = (new TreeBudget(OutputBytes: 1000), new RetryPolicy(3, TimeSpan.FromSeconds(1), RetryOn.Failed));
        var (top, work) = await host.RunAsync(SupervisedHost.Spec() with { Budget = budget, Retry = byAChild ? null : retry });
        var id = top;
        if (byAChild) (id, work) = await host.RunAsync(SupervisedHost.Spec() with { Retry = retry }, top);
        work.Print(600);
        work.End(7);
        await Eventually.TrueAsync(async () => (await host.ReadAsync(id)).State == TaskState.Queued && host.Attempts.Find(id) is null, "it waits for its next attempt");
        await host.PassAsync(TimeSpan.FromSeconds(5));
        ScriptedAttempt? again = null;
        await Eventually.TrueAsync(async () => (again = await host.Runner.AttemptOf(id)).Context.Attempt == 2, "it runs again");
        await host.PassAsync(TimeSpan.FromSeconds(5));
        Assert.DoesNotContain(TaskEventType.Warning, (await host.EventsOf(top)).Select(e => e.Type));
        again!.Print(500);
        await host.PassAsync(TimeSpan.FromSeconds(5));

        var ended = await host.EndOf(top);
        Assert.Equal((TaskState.Failed, EndCause.Budget, 1100), (ended.State, ended.End!.Cause, ended.End.Measured["outputBytes"]));
        Assert.Equal(byAChild ? (1100, 0) : (600, 500), (ended.Below!.OutputBytes, ended.Output.Bytes));
    }

    [Fact]
    [Trait("Requirement", "M-32")]
    public async Task A_budget_holds_over_a_restart_and_is_warned_of_before_it_is_enforced()
    {
        var (store, runner, time) = (new InMemoryTaskStore(), new ScriptedRunner(), new ManualTime());
        TaskId top, child;
        await using (var first = await SupervisedHost.StartAsync(store, runner, time, settings: Roomy))
        {
            (top, var work) = await first.RunAsync(SupervisedHost.Spec() with { Budget = new(WallTime: TimeSpan.FromHours(1)) });
            (child, _) = await first.RunAsync(parent: top);
            // Its own work is over: nobody follows it any more, and its budget holds all the same.
            work.End(0);
            await Eventually.TrueAsync(async () => (await first.ReadAsync(top)).IsFinishing, "only its child is awaited");
        }
        time.Advance(TimeSpan.FromHours(2));
        await using var second = await SupervisedHost.StartAsync(store, runner, time, settings: Roomy);
        await Eventually.TrueAsync(() => second.Attempts.Find(child) is not null, "the child is adopted");
        await second.TakeStockAsync();

        await second.PassAsync(TimeSpan.FromSeconds(5));
        Assert.Contains((await second.EventsOf(top)), e => e.Type == TaskEventType.Warning);
        Assert.Equal(TaskState.Running, (await second.ReadAsync(child)).State);
        await second.PassAsync(TimeSpan.FromSeconds(60));

        Assert.Equal((TaskState.Stopped, EndCause.Parent), (await second.EndOf(child)) is var c ? (c.State, c.End!.Cause) : default);
        var ended = await second.EndOf(top);
        // A finished result wins; that the budget ended its child is noted.
        Assert.Equal(TaskState.Completed, ended.State);
        Assert.Contains(ended.Annotations, a => a.Text.Contains("budget", StringComparison.Ordinal));
    }
}
