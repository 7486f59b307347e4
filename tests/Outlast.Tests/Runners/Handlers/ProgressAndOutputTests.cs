using System.Collections.Concurrent;
using System.Diagnostics;
using Microsoft.Extensions.DependencyInjection;
using Outlast.Output;
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

    [Fact]
    [Trait("Requirement", "B6")]
    public async Task A_log_that_cannot_be_measured_keeps_no_handler_from_its_end()
    {
        using var folder = new ScratchFolder();
        TaskCompletionSource printed = new(TaskCreationOptions.RunContinuationsAsynchronously), goOn = new(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var host = await HandlerHost.StartAsync(s => s.AddHandler<int, int>("work", async (_, task) =>
        {
            await task.Output.WriteAsync(new string('x', 5000));
            printed.SetResult();
            await goOn.Task;
            return 7;
        }), folder: folder);
        var id = await host.SubmitAsync("work", 0);
        await printed.Task.Soon();
        var where = await host.Client.LocateOutputAsync(id, errorStream: false);
        Directory.CreateDirectory(DroppedRange.FileOf(where.Path));
        var failures = new Dictionary<TaskId, Exception>();
        host.Handlers.Measure([host.Attempts.Find(id)!.Context], failures);
        Assert.IsType<IOException>(failures[id]);
        goOn.SetResult();
        var ended = await host.EndOf(id);
        Assert.Equal((TaskState.Completed, 7), (ended.State, ended.End!.Result!.Value.GetInt32()));
    }

    [Fact]
    [Trait("Requirement", "B6")]
    public async Task An_error_that_cannot_say_what_it_is_ends_its_task_all_the_same()
    {
        await using var host = await HandlerHost.StartAsync(s => s.AddHandler("work", _ => throw new MuteException()));
        var ended = await host.EndOf(await host.SubmitAsync("work"));
        Assert.Equal((TaskState.Failed, EndCause.Error, typeof(MuteException).FullName), (ended.State, ended.End!.Cause, ended.End.Error!.Type));
    }

    private sealed class MuteException : Exception
    {
        public override string Message => throw new InvalidOperationException("no message");
    }

    [Fact]
    [Trait("Requirement", "U-60")]
    public async Task What_a_handler_prints_is_cut_to_the_cap_and_on_the_disk_before_its_end_is_told()
    {
        using var folder = new ScratchFolder();
        using var passed = new Milestones();
        await using var host = await HandlerHost.StartAsync(s => s.AddHandler("work", async task => await task.Output.WriteAsync(new string('x', 50_000))), folder: folder, settings: ("output.cap", "20000B"));
        var id = await host.SubmitAsync("work");
        var ended = await host.EndOf(id);
        // Nobody has looked meanwhile: it is the end that cuts.
        Assert.Equal(new(12_288, 36_864), DroppedRange.Of((await host.Client.LocateOutputAsync(id, errorStream: false)).Path));
        Assert.Equal((TaskState.Completed, 50_000, 24_576), (ended.State, ended.Output.Bytes, ended.Output.DroppedBytes));
        Assert.Equal(["output_synced", "settle_decided"], passed.Of(id).Where(m => m is "output_synced" or "settle_decided"));
    }

    [Fact]
    [Trait("Requirement", "U-60")]
    public async Task What_a_handler_prints_is_cut_to_the_cap_while_it_runs_and_noted_once()
    {
        using var folder = new ScratchFolder();
        var goOn = new SemaphoreSlim(0);
        await using var host = await HandlerHost.StartAsync(s => s.AddHandler("work", async task =>
        {
            await task.Output.WriteAsync(new string('x', 50_000));
            await goOn.WaitAsync(task.HardToken);
        }), folder: folder, settings: ("output.cap", "20000B"));
        var id = await host.SubmitAsync("work");
        var log = (await host.Client.LocateOutputAsync(id, errorStream: false)).Path;
        await Eventually.TrueAsync(() =>
        {
            host.Time.Advance(TimeSpan.FromSeconds(1));
            return DroppedRange.Of(log) == new DroppedRange(12_288, 36_864);
        }, "it is cut");
        await Eventually.TrueAsync(async () => (await host.ReadAsync(id)).Annotations is [var only] && only.Text.StartsWith("Its output has outgrown its cap of 19.5 KiB", StringComparison.Ordinal), "it is noted");
        goOn.Release();
        Assert.Equal(TaskState.Completed, (await host.EndOf(id)).State);
    }

    [Fact]
    [Trait("Requirement", "C2")]
    public async Task What_code_prints_after_it_was_given_up_is_in_no_log()
    {
        using var folder = new ScratchFolder();
        TaskCompletionSource begun = new(TaskCreationOptions.RunContinuationsAsynchronously), goOn = new(TaskCreationOptions.RunContinuationsAsynchronously), late = new(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var host = await HandlerHost.StartAsync(s => s.AddHandler("work", async task =>
        {
            await task.Output.WriteAsync("before\n");
            begun.SetResult();
            await goOn.Task;
            await task.Output.WriteAsync("after\n");
            late.SetResult();
        }), folder: folder);
        var id = await host.SubmitAsync("work");
        await begun.Task.Soon();
        await host.Client.StopAsync(id, new(EndCause.User, SupervisedHost.Somebody));
        await host.PassingUntil(host.EndOf(id));
        goOn.SetResult();
        await late.Task.Soon();
        Assert.Equal("before\n", await File.ReadAllTextAsync((await host.Client.LocateOutputAsync(id, errorStream: false)).Path));
    }

    /// <summary>Which instants each task has passed.</summary>
    private sealed class Milestones : IObserver<DiagnosticListener>, IObserver<KeyValuePair<string, object?>>, IDisposable
    {
        private readonly ConcurrentQueue<(string Name, TaskId? Task)> _passed = new();
        private readonly ConcurrentQueue<IDisposable> _subscriptions = new();

        public Milestones() => _subscriptions.Enqueue(DiagnosticListener.AllListeners.Subscribe(this));

        public IEnumerable<string> Of(TaskId id) => _passed.Where(p => p.Task == id).Select(p => p.Name);

        public void OnNext(DiagnosticListener listener)
        {
            if (listener.Name == "Outlast") _subscriptions.Enqueue(listener.Subscribe(this));
        }

        public void OnNext(KeyValuePair<string, object?> passed) => _passed.Enqueue((passed.Key, passed.Value as TaskId?));

        public void OnCompleted() { }

        public void OnError(Exception error) { }

        public void Dispose()
        {
            foreach (var subscription in _subscriptions) subscription.Dispose();
        }
    }

    private static async Task<List<long>> Told(SupervisedHost host, TaskId id) =>
        [.. (await host.EventsOf(id)).Where(e => e.Type == TaskEventType.Progress).Select(e => e.Data["done"].GetInt64())];
}
