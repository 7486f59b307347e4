using Microsoft.Extensions.DependencyInjection;
using Outlast.Runners.Handlers;
using Outlast.TestKit;
using Outlast.Tests.Supervision;

namespace Outlast.Tests.Runners.Handlers;

public sealed class ProgressAndOutputTests
{
    [Fact]
    [Trait("Requirement", "D5")]
    public async Task Progress_is_there_at_once_and_an_event_now_and_then_and_at_last()
    {
        var turns = new SemaphoreSlim(0);
        await using var host = await HandlerHost.StartAsync(s => s.AddHandler("work", async task =>
        {
            for (var i = 1; i <= 40; i++)
            {
                await turns.WaitAsync(task.HardToken);
                task.Progress(i, 40, "files", $"file {i}");
            }
        }));
        var id = await host.SubmitAsync("work");
        turns.Release(20);
        await Eventually.TrueAsync(async () => (await host.Client.GetAsync(id)).Progress is { Done: 20, Total: 40, Unit: "files", Fraction: 0.5, Text: "file 20" }, "the newest is there");
        Assert.InRange((await Told(host, id)).Count, 1, 2);
        host.Time.Advance(TimeSpan.FromSeconds(2));
        await Eventually.TrueAsync(async () => (await Told(host, id))[^1] == 20, "what came last within the two seconds is told");
        turns.Release(20);
        await host.EndOf(id);
        var told = await Told(host, id);
        Assert.InRange(told.Count, 3, 6);
        Assert.Equal(40, told[^1]);
        Assert.Equal(TaskEventType.Ended, (await host.EventsOf(id))[^1].Type);
    }

    [Fact]
    public async Task What_a_handler_prints_is_in_its_log_at_once_and_goes_on_in_the_next_host()
    {
        using var folder = new ScratchFolder();
        var (store, time) = (new Outlast.Storage.InMemoryTaskStore(), new ManualTime());
        TaskCompletionSource hold = new(TaskCreationOptions.RunContinuationsAsynchronously);
        async Task Work(TaskContext task)
        {
            await task.Output.WriteLineAsync(task.IsResumed ? "again: ü🙂" : "first: ü🙂");
            task.Output.Write("x = {0}\n", 1.5);
            if (!task.IsResumed) await hold.Task.WaitAsync(task.HardToken);
        }

        var host = await HandlerHost.StartAsync(s => s.AddHandler("work", Work), store, time, folder);
        var id = await host.SubmitAsync("work");
        var where = await host.Client.LocateOutputAsync(id, errorStream: false);
        await Eventually.TrueAsync(() => File.Exists(where.Path) && File.ReadAllText(where.Path) == "first: ü🙂\nx = 1.5\n", "it is in the log");
        Assert.Equal(22, (await host.Client.GetAsync(id)).Output.Bytes);
        await host.AbandonAsync();
        await using var next = await HandlerHost.StartAsync(s => s.AddHandler("work", Work), store, time, folder);
        var ended = await next.EndOf(id);
        Assert.Equal("first: ü🙂\nx = 1.5\nagain: ü🙂\nx = 1.5\n", await File.ReadAllTextAsync(where.Path));
        Assert.Equal(44, ended.Output.Bytes);
    }

    [Fact]
    [Trait("Requirement", "S2293-9")]
    [Trait("Requirement", "V-12")]
    public async Task Ten_thousand_ended_handlers_leave_nothing_behind()
    {
        await using var host = await HandlerHost.StartAsync(s => s
            .AddHandler<int, int>("leaf", async (i, task) =>
            {
                task.Progress(i);
                await task.StepAsync("only", _ => Task.FromResult(i));
                return i % 7 == 0 ? throw new IOException("now and then") : i;
            }));
        var timers = host.Time.Timers;
        const int all = 10_000;
        var ended = 0;
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        host.Feed.Ended += _ =>
        {
            if (Interlocked.Increment(ref ended) == all) done.TrySetResult();
        };
        foreach (var chunk in Enumerable.Range(0, all).Chunk(1000))
            await host.Client.SubmitManyAsync(new([.. chunk.Select(i => new TaskSubmission(new TaskDefaults().OfHandler("leaf", System.Text.Json.JsonSerializer.SerializeToElement(i)), SupervisedHost.Somebody))]));
        await done.Task.Soon();
        await Eventually.TrueAsync(() => host.Attempts.Count == 0, "nobody is followed any more");
        Assert.Equal((0, 0, 0, 0), (host.Dispatcher.Taken, host.Dispatcher.Queued, host.Feed.Waiting, host.Progress.Pending));
        Assert.Equal(0, host.Handlers.Running);
        // One for progress that was told lately; it fires once and finds nothing.
        host.Time.Advance(TimeSpan.FromSeconds(2));
        Assert.InRange(host.Time.Timers, 0, timers + 1);
    }

    private static async Task<List<long>> Told(SupervisedHost host, TaskId id) =>
        [.. (await host.EventsOf(id)).Where(e => e.Type == TaskEventType.Progress).Select(e => e.Data["done"].GetInt64())];
}
