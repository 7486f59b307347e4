using Microsoft.Extensions.DependencyInjection;
using Outlast.Runners.Handlers;
using Outlast.Storage;
using Outlast.TestKit;
using Outlast.Tests.Supervision;

namespace Outlast.Tests.Runners.Handlers;

public sealed class ChildTests
{
    private sealed record Level(int Depth);

    private static void Nested(OutlastBuilder services) => services.AddHandler<Level, int>("nested", async (level, task) =>
        level.Depth == 0 ? 1 : 1 + await (await task.StartHandlerAsync("below", "nested", new Level(level.Depth - 1))).ResultAsync<int>());

    [Fact]
    [Trait("Requirement", "V-65")]
    [Trait("Requirement", "V-04")]
    public async Task Waiting_for_children_holds_no_place_and_a_limit_of_one_does_not_lock_up()
    {
        await using var host = await HandlerHost.StartAsync(Nested, settings: ("concurrency.total", "1"));
        var ended = await host.EndOf(await host.SubmitAsync("nested", new Level(4)));
        Assert.Equal(5, ended.End!.Result!.Value.GetInt32());
        await Eventually.TrueAsync(() => host.Dispatcher.Taken == 0 && host.Attempts.Count == 0, "every place is free");
    }

    [Fact]
    public async Task The_same_name_after_a_death_is_the_same_child()
    {
        var (store, time, runner) = (new InMemoryTaskStore(), new ManualTime(), new ScriptedRunner());
        void Handlers(OutlastBuilder s) => s.AddHandler<int, string>("parent", async (_, task) =>
        {
            var child = await task.StartProcessAsync("compile", ["/bin/work"], spec => spec with { Name = "compiler", Process = spec.Process! with { OutputCap = null, OutputPolicy = OutputPolicy.Stop } });
            var ended = await child.WaitAsync();
            return $"{child.Name} {ended.Spec.Name} {ended.State}";
        });
        var host = await SupervisedHost.StartAsync(store, runner, time, handlers: Handlers);
        var id = await host.SubmitAsync("parent", 0);
        await Eventually.TrueAsync(() => runner.Running == 1, "the child runs");
        await host.AbandonAsync();
        await using var next = await SupervisedHost.StartAsync(store, runner, time, handlers: Handlers);
        await Eventually.TrueAsync(() => next.Attempts.Find(id)?.IsWaiting == true, "it waits again");
        var child = Assert.Single((await next.Client.TreeAsync(id)).Children).Task.Record.Id;
        (await runner.AttemptOf(child)).End(0);
        Assert.Equal("compile compiler Completed", (await next.EndOf(id)).End!.Result!.Value.GetString());
    }

    [Fact]
    [Trait("Requirement", "V-72")]
    public async Task A_parent_stops_a_child_and_is_told_how_it_ended()
    {
        await using var host = await HandlerHost.StartAsync(s => s.AddHandler<int, string>("parent", async (_, task) =>
        {
            var slow = await task.StartAsync("slow", SupervisedHost.Spec("slow"));
            var other = await task.StartAsync("other", SupervisedHost.Spec("other"));
            var first = await task.WaitAnyAsync([slow.Id, other.Id]);
            await slow.StopAsync("too slow");
            var all = await task.WaitAllAsync([slow.Id, other.Id]);
            return $"{first[0].State} {first[1].State}; {all[0].State} {all[1].State}: {all[0].End!.Reason}";
        }));
        var id = await host.SubmitAsync("parent", 0);
        await Eventually.TrueAsync(() => host.Runner.Running == 2 && host.Attempts.Find(id)?.IsWaiting == true, "both run, and it waits");
        // Waiting for own children is no silence.
        await host.PassAsync(TimeSpan.FromHours(1));
        Assert.DoesNotContain(await host.EventsOf(id), e => e.Type == TaskEventType.Warning);
        var other = (await host.Client.TreeAsync(id)).Children.Single(c => c.Task.Record.Spec.Name == "other").Task.Record.Id;
        (await host.Runner.AttemptOf(other)).End(0);
        var ended = await host.EndOf(id);
        Assert.Equal("Running Completed; Stopped Completed: stopped by its parent: too slow", ended.End!.Result!.Value.GetString());
    }

    [Fact]
    [Trait("Requirement", "V-72")]
    [Trait("Requirement", "U-32")]
    [Trait("Requirement", "V-02")]
    public async Task A_stop_reaches_whoever_waits_for_children_and_the_children_with_it()
    {
        await using var host = await HandlerHost.StartAsync(s => s.AddHandler("parent", async task =>
        {
            var child = await task.StartAsync("child", SupervisedHost.Spec());
            await child.WaitAsync();
        }));
        var id = await host.SubmitAsync("parent");
        await Eventually.TrueAsync(() => host.Attempts.Find(id)?.IsWaiting == true && host.Runner.Running == 1, "it waits, and the child runs");
        // One list has what runs, of either kind; one stop takes it.
        Assert.Equal([(TaskKind.Process, 1), (TaskKind.Handler, 0)], (await host.Client.ListAsync(new() { States = [TaskState.Running] })).Tasks.Select(t => (t.Record.Spec.Kind, t.Record.Depth)));
        await host.Client.StopAsync(id, new(EndCause.User, SupervisedHost.Somebody));
        var ended = await host.EndOf(id);
        Assert.Equal(TaskState.Stopped, ended.State);
        Assert.Equal((TaskState.Stopped, EndCause.Parent), Assert.Single((await host.Client.TreeAsync(id)).Children).Task.Record is var child ? (child.State, child.End!.Cause) : default);
        Assert.Equal((0, 0), (host.Feed.Waiting, host.Runner.Running));
        Assert.Empty((await host.Client.ListAsync(new() { States = [TaskState.Queued, TaskState.Running, TaskState.Waiting, TaskState.Stopping] })).Tasks);
    }

    [Fact]
    [Trait("Requirement", "V-04")]
    public async Task A_wait_whose_deadline_has_passed_gives_what_there_is_at_once()
    {
        await using var host = await HandlerHost.StartAsync(s => s.AddHandler<int, string>("parent", async (_, task) =>
        {
            var child = await task.StartAsync("child", SupervisedHost.Spec());
            var seen = await task.WaitAllAsync([child.Id], TimeSpan.FromSeconds(-5));
            await child.StopAsync();
            return seen[0].State.IsTerminal() ? "ended" : "open";
        }));
        Assert.Equal("open", (await host.EndOf(await host.SubmitAsync("parent", 0))).End!.Result?.GetString());
    }
}
