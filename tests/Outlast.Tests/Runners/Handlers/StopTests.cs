using Microsoft.Extensions.DependencyInjection;
using Outlast.Runners;
using Outlast.Runners.Handlers;
using Outlast.Storage;
using Outlast.TestKit;
using Outlast.Tests.Supervision;

namespace Outlast.Tests.Runners.Handlers;

public sealed class StopTests
{
    private readonly TaskCompletionSource _begun = new(TaskCreationOptions.RunContinuationsAsynchronously), _goOn = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private static StopCommand ByUser(bool now = false) => new(EndCause.User, SupervisedHost.Somebody, "enough", now);

    [Fact]
    [Trait("Requirement", "C14")]
    [Trait("Requirement", "C2")]
    [Trait("Requirement", "V-11")]
    public async Task A_handler_that_catches_everything_is_refused_again_and_again_and_ends_stopped()
    {
        var refused = 0;
        await using var host = await HandlerHost.StartAsync(s => s.AddHandler<int, string>("stubborn", async (_, task) =>
        {
            _begun.SetResult();
            await _goOn.Task;
            for (var i = 0; i < 5; i++)
            {
                try
                {
                    await task.StepAsync($"step {i}", _ => Task.CompletedTask);
                }
                catch (Exception)
                {
                    refused++;
                }
            }
            return "all is well";
        }));
        var id = await host.SubmitAsync("stubborn", 0);
        await _begun.Task.Soon();
        Assert.Equal(TaskState.Stopping, (await host.Client.StopAsync(id, ByUser())).Record.State);
        _goOn.SetResult();
        var ended = await host.EndOf(id);
        Assert.Equal((TaskState.Stopped, EndCause.User, 5), (ended.State, ended.End!.Cause, refused));
        Assert.Empty(await host.Store.StepsAsync(id));
        // Nothing of it is thrown away.
        Assert.Equal("all is well", ended.End.Result!.Value.GetString());
        Assert.Contains("it went on after a boundary had refused it; what it returned is kept as its result", ended.End.Evidence);
    }

    [Fact]
    [Trait("Requirement", "C2")]
    public async Task After_a_stop_each_thing_that_code_may_ask_for_is_refused_and_nothing_of_it_is_begun()
    {
        ChildTask? child = null;
        // Each way to ask the runtime for something, by the name of its method.
        (string Name, Func<TaskContext, Task> Ask)[] ways =
        [
            (nameof(TaskContext.StepAsync), task => task.StepAsync("step", _ => Task.FromResult(1))),
            (nameof(TaskContext.StepAsync), task => task.StepAsync("step without a value", _ => Task.CompletedTask)),
            (nameof(TaskContext.StartProcessAsync), task => task.StartProcessAsync("command", ["/bin/work"])),
            (nameof(TaskContext.StartHandlerAsync), task => task.StartHandlerAsync("code", "asking", 0)),
            (nameof(TaskContext.StartAsync), task => task.StartAsync("any", SupervisedHost.Spec())),
            (nameof(TaskContext.WaitAllAsync), task => task.WaitAllAsync([child!.Id])),
            (nameof(TaskContext.WaitAllAsync), task => task.WaitAllAsync([child!.Id], TimeSpan.Zero)),
            (nameof(TaskContext.WaitAnyAsync), task => task.WaitAnyAsync([child!.Id])),
            (nameof(TaskContext.AskAsync), task => task.AskAsync("question", "Shall it go on?")),
            (nameof(ChildTask.WaitAsync), _ => child!.WaitAsync()),
            (nameof(ChildTask.ResultAsync), _ => child!.ResultAsync<int>()),
            (nameof(ChildTask.StopAsync), _ => child!.StopAsync("late")),
            (nameof(TaskContext.CheckBoundary), task => { task.CheckBoundary(); return Task.CompletedTask; }),
        ];
        // Whatever else may be asked for one day has its line here. Cleanup is the one thing that a stop lets through.
        string[] all = [.. typeof(TaskContext).GetMethods().Concat(typeof(ChildTask).GetMethods()).Where(m => typeof(Task).IsAssignableFrom(m.ReturnType)).Select(m => m.Name).Distinct()];
        Assert.Equal(all.Except([nameof(TaskContext.CleanUpAsync)]).Append(nameof(TaskContext.CheckBoundary)).Order(), ways.Select(w => w.Name).Distinct().Order());

        var refusals = new List<(string Name, Exception? Refusal)>();
        await using var host = await HandlerHost.StartAsync(s => s.AddHandler<int>("asking", async (_, task) =>
        {
            child = await task.StartAsync("before", SupervisedHost.Spec("before"));
            _begun.SetResult();
            await _goOn.Task;
            foreach (var (name, ask) in ways) refusals.Add((name, await Record.ExceptionAsync(() => ask(task))));
        }));
        var id = await host.SubmitAsync("asking", 0);
        await _begun.Task.Soon();
        await host.Runner.AttemptOf(child!.Id);
        await host.Client.StopAsync(id, ByUser());
        _goOn.SetResult();
        var ended = await host.EndOf(id);

        Assert.Equal(ways.Length, refusals.Count);
        Assert.All(refusals, r => Assert.Equal((id, EndCause.User, "enough"), Assert.IsType<TaskStoppedException>(r.Refusal) is var e ? (e.Task, e.Stop.Cause, e.Stop.Reason) : default));
        Assert.Equal((TaskState.Stopped, EndCause.User, null), (ended.State, ended.End!.Cause, ended.Question));
        Assert.Empty(await host.Store.StepsAsync(id));
        Assert.Equal(child.Id, Assert.Single((await host.Client.TreeAsync(id)).Children).Task.Record.Id);
        Assert.Equal((1, 0), (host.Runner.Started, host.Feed.Waiting));
        Assert.DoesNotContain(await host.EventsOf(id), e => e.Type == TaskEventType.Question);
    }

    [Fact]
    [Trait("Requirement", "C15")]
    [Trait("Requirement", "B14")]
    public async Task A_result_that_is_delivered_without_having_seen_the_stop_wins()
    {
        await using var host = await HandlerHost.StartAsync(s => s.AddHandler<int, int>("quick", async (_, _) =>
        {
            _begun.SetResult();
            await _goOn.Task;
            return 7;
        }));
        var id = await host.SubmitAsync("quick", 0);
        await _begun.Task.Soon();
        await host.Client.StopAsync(id, ByUser());
        _goOn.SetResult();
        var ended = await host.EndOf(id);
        Assert.Equal((TaskState.Completed, EndCause.Exit, 7), (ended.State, ended.End!.Cause, ended.End.Result!.Value.GetInt32()));
        Assert.Contains(ended.Annotations, a => a.Text.StartsWith("the stop came too late", StringComparison.Ordinal));
    }

    [Fact]
    [Trait("Requirement", "C7")]
    [Trait("Requirement", "C9")]
    [Trait("Requirement", "B12")]
    public async Task A_step_in_flight_is_not_torn_and_cleanup_runs_to_its_end_before_the_record_closes()
    {
        TaskCompletionSource cleaning = new(TaskCreationOptions.RunContinuationsAsynchronously), cleaned = new(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var host = await HandlerHost.StartAsync(s => s.AddHandler("work", async task =>
        {
            try
            {
                await task.StepAsync("call", async hard =>
                {
                    _begun.SetResult();
                    await _goOn.Task.WaitAsync(hard);
                    return "the answer";
                });
                await task.StepAsync("next", _ => Task.CompletedTask);
            }
            finally
            {
                cleaning.SetResult();
                await cleaned.Task;
                await task.CleanUpAsync(_ => task.StepAsync("taken back", _ => Task.CompletedTask));
            }
        }));
        var id = await host.SubmitAsync("work");
        await _begun.Task.Soon();
        await host.Client.StopAsync(id, ByUser());
        _goOn.SetResult();
        await cleaning.Task.Soon();
        Assert.Equal(TaskState.Stopping, (await host.ReadAsync(id)).State);
        cleaned.SetResult();
        var ended = await host.EndOf(id);
        Assert.Equal((TaskState.Stopped, "stopped by user: enough"), (ended.State, ended.End!.Reason));
        Assert.Equal(["call", "taken back"], (await host.Store.StepsAsync(id)).Select(s => s.Name));
    }

    [Fact]
    [Trait("Requirement", "C13")]
    [Trait("Requirement", "B9")]
    public async Task Code_that_reaches_no_boundary_is_broken_off_when_its_grace_is_over()
    {
        await using var host = await HandlerHost.StartAsync(s => s.AddHandler("slow", async task =>
        {
            _begun.SetResult();
            await Task.Delay(Timeout.Infinite, task.HardToken);
        }));
        var id = await host.SubmitAsync("slow");
        await _begun.Task.Soon();
        await host.Client.StopAsync(id, ByUser());
        await host.Time.WhenArmedAsync(TimeSpan.FromSeconds(30));
        Assert.Equal(TaskState.Stopping, (await host.ReadAsync(id)).State);
        host.Time.Advance(TimeSpan.FromSeconds(30));
        var ended = await host.EndOf(id);
        Assert.Equal(TaskState.Stopped, ended.State);
        Assert.Equal<string>(["asked to stop at its next boundary, 0.0 s after the request", "hard token at 30.0 s", "its code returned at 30.0 s"], ended.End!.Evidence);
    }

    [Fact]
    [Trait("Requirement", "B13")]
    [Trait("Requirement", "C13")]
    [Trait("Requirement", "U-05")]
    [Trait("Requirement", "B5")]
    public async Task A_hundred_handlers_that_block_for_ever_are_given_up_named_counted_and_starve_nobody()
    {
        using var never = new ManualResetEventSlim();
        using var folder = new ScratchFolder();
        var begun = 0;
        await using var host = await HandlerHost.StartAsync(s => s
            .AddHandler<int, int>("wedged", (i, _) =>
            {
                Interlocked.Increment(ref begun);
                // A thread that never comes back, not a wait that costs none.
                while (!never.Wait(Timeout.Infinite)) { }
                return Task.FromResult(i);
            })
            .AddHandler<int, int>("quick", (i, _) => Task.FromResult(i)), folder: folder);
        var ids = new List<TaskId>();
        for (var i = 0; i < 100; i++) ids.Add(await host.SubmitAsync("wedged", i));
        await Eventually.TrueAsync(() => begun == 100, "all of them run");
        foreach (var id in ids) await host.Client.StopAsync(id, ByUser(now: true));
        var ends = Task.WhenAll(ids.Select(host.EndOf));
        foreach (var ended in await host.PassingUntil(ends))
        {
            Assert.Equal(TaskState.Stopped, ended.State);
            Assert.Contains(ended.End!.Evidence, e => e.StartsWith("its code did not return and was given up at ", StringComparison.Ordinal));
        }
        Assert.Equal(100, host.Runners.For(TaskKind.Handler).Abandoned);
        Assert.Contains(await host.Status.ExamineAsync(), c => c is { Name: "abandoned", Level: CheckLevel.Warn } && c.Text.StartsWith("100 handlers have not returned", StringComparison.Ordinal));
        Assert.Equal(5, (await host.EndOf(await host.SubmitAsync("quick", 5))).End!.Result!.Value.GetInt32());

        never.Set();
        await Eventually.TrueAsync(() => host.Runners.For(TaskKind.Handler).Abandoned == 0, "all of them have returned");
        await Eventually.TrueAsync(async () => (await host.ReadAsync(ids[42])).Annotations.Any(a => a.Text.EndsWith(": 42", StringComparison.Ordinal)), "what it returned in the end is kept");
        Assert.Equal(TaskState.Stopped, (await host.ReadAsync(ids[42])).State);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    [Trait("Requirement", "C2")]
    [Trait("Requirement", "C14")]
    public async Task The_boundary_never_opens_again_for_code_that_was_given_up(bool isRetried)
    {
        var (charged, turns) = (0, 0);
        var late = new TaskCompletionSource<(Exception? Step, Exception? Check, StopRequest? Asked)>(TaskCreationOptions.RunContinuationsAsynchronously);
        var again = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var host = await HandlerHost.StartAsync(s => s.AddHandler<int, int>("charge", async (_, task) =>
        {
            if (task.Attempt > 1)
            {
                again.SetResult();
                await Task.Delay(Timeout.Infinite, task.HardToken);
            }
            _begun.SetResult();
            // It lets the stop and its own end pass.
            await _goOn.Task;
            late.SetResult((await ThrownAsync(() => task.StepAsync($"charge {turns++}", _ => Task.FromResult(++charged))), await ThrownAsync(() =>
            {
                task.CheckBoundary();
                return Task.CompletedTask;
            }), task.StopAsked));
            return 0;
        }));
        var id = await host.SubmitAsync("charge", 0, spec => !isRetried ? spec : spec with { IdleTimeout = TimeSpan.FromMinutes(10), IdleWarning = null, Retry = new(1, TimeSpan.FromSeconds(1), RetryOn.TimedOut) });
        await _begun.Task.Soon();
        if (isRetried) await host.PassAsync(TimeSpan.FromMinutes(10));
        else await host.Client.StopAsync(id, ByUser());
        if (isRetried) await host.PassingUntil(Done(again.Task));
        else Assert.Equal(TaskState.Stopped, (await host.PassingUntil(host.EndOf(id))).State);
        _goOn.SetResult();

        var seen = await late.Task.Soon();
        Assert.IsType<TaskStoppedException>(seen.Step);
        Assert.IsType<TaskStoppedException>(seen.Check);
        Assert.Equal((isRetried ? EndCause.Inactivity : EndCause.User, 0), (seen.Asked?.Cause, charged));

        static async Task<bool> Done(Task task)
        {
            await task;
            return true;
        }
    }

    [Fact]
    [Trait("Requirement", "C2")]
    public async Task What_code_leaves_behind_when_it_returns_begins_nothing_any_more()
    {
        var late = new TaskCompletionSource<Exception?>(TaskCreationOptions.RunContinuationsAsynchronously);
        var ran = false;
        await using var host = await HandlerHost.StartAsync(s => s.AddHandler("hasty", task =>
        {
            _ = LaterAsync();
            return Task.CompletedTask;

            async Task LaterAsync()
            {
                await _goOn.Task;
                late.SetResult(await ThrownAsync(() => task.StepAsync("late", _ =>
                {
                    ran = true;
                    return Task.CompletedTask;
                })));
            }
        }));
        Assert.Equal(TaskState.Completed, (await host.EndOf(await host.SubmitAsync("hasty"))).State);
        _goOn.SetResult();
        Assert.IsType<ClaimLostException>(await late.Task.Soon());
        Assert.False(ran);
    }

    [Fact]
    [Trait("Requirement", "B13")]
    public async Task A_stop_between_the_claim_and_the_start_leaves_no_ladder_that_waits_for_code_that_never_began()
    {
        await using var host = await HandlerHost.StartAsync(s => s.AddHandler("work", task =>
        {
            _begun.SetResult();
            return Task.Delay(Timeout.Infinite, task.HardToken);
        }));
        var running = await host.SubmitAsync("work");
        await _begun.Task.Soon();
        var stop = new StopRequest { Cause = EndCause.User, Actor = SupervisedHost.Somebody, RequestedAt = host.Time.GetUtcNow() };
        Task<StopReport>? ladder = null;
        AttemptContext? attempt = null;
        attempt = new()
        {
            Task = TaskId.New(host.Time.GetUtcNow()),
            Attempt = 1,
            Spec = new TaskDefaults().OfHandler("work"),
            Folder = "/nonexistent",
            Launched = _ => Task.CompletedTask,
            Annotated = _ => Task.CompletedTask,
            Services = host.Attempts.Find(running)!.Context.Services,
            // The ladder begins just when the runner looks.
            StopAsked = () =>
            {
                ladder ??= host.Handlers.StopAsync(attempt!, stop, default, default);
                return stop;
            },
        };
        await Assert.ThrowsAsync<NeverStartedException>(() => host.Handlers.RunAsync(attempt, default));
        Assert.NotNull(ladder);
        host.Time.Advance(TimeSpan.FromMinutes(1));
        await host.PassingUntil(ladder);
        Assert.Equal((0, 1), (host.Handlers.Abandoned, host.Handlers.Running));
    }

    private static async Task<Exception?> ThrownAsync(Func<Task> call)
    {
        try
        {
            await call();
            return null;
        }
        catch (Exception e)
        {
            return e;
        }
    }

    [Fact]
    [Trait("Requirement", "B5")]
    [Trait("Requirement", "B9")]
    [Trait("Requirement", "B13")]
    public async Task Code_that_heeds_no_token_times_out_takes_its_child_along_is_told_of_and_counted()
    {
        TaskId child = default;
        using var folder = new ScratchFolder();
        await using var host = await HandlerHost.StartAsync(s => s.AddHandler("deaf", async task =>
        {
            child = (await task.StartAsync("child", SupervisedHost.Spec("child"))).Id;
            _begun.SetResult();
            await _goOn.Task;
        }), folder: folder);
        try
        {
            var id = await host.SubmitAsync("deaf", 0, spec => spec with { Input = null, Session = "s", IdleTimeout = TimeSpan.FromMinutes(10), IdleWarning = TimeSpan.FromMinutes(5) });
            await _begun.Task.Soon();
            var work = await host.Runner.AttemptOf(child);
            // The child was its last sign of life: it does not wait for it, so that the child's life is not its own.
            await host.PassAsync(TimeSpan.Zero);
            await host.PassAsync(TimeSpan.FromMinutes(5));
            await host.PassAsync(TimeSpan.FromMinutes(5));
            // Asked first; its child is ended at once, while it has its grace.
            await host.Time.WhenArmedAsync(TimeSpan.FromSeconds(30));
            Assert.Equal(TaskState.Stopping, (await host.ReadAsync(id)).State);
            await work.Outcome.Task.Soon();
            host.Time.Advance(TimeSpan.FromSeconds(30));
            await host.Time.WhenArmedAsync(TimeSpan.FromSeconds(10));
            Assert.Equal((TaskState.Stopping, 0), ((await host.ReadAsync(id)).State, host.Handlers.Abandoned));
            host.Time.Advance(TimeSpan.FromSeconds(10));

            var ended = await host.EndOf(id);
            Assert.Equal((TaskState.TimedOut, EndCause.Inactivity), (ended.State, ended.End!.Cause));
            Assert.StartsWith("timed out: no step, no output, no progress and no other sign of life for 10m", ended.End.Reason);
            Assert.Equal(
                ["asked to stop at its next boundary, 0.0 s after the request", "hard token at 30.0 s", "its code did not return and was given up at 40.0 s: it may go on in the host's process, without its task"],
                ended.End.Evidence.Take(3).Order(StringComparer.Ordinal));
            var below = await host.ReadAsync(child);
            Assert.Equal((TaskState.Stopped, EndCause.Parent, true), (below.State, below.End!.Cause, below.EndedAt <= ended.EndedAt));
            Assert.Equal((0, 1), (host.Runner.Running, host.Handlers.Abandoned));
            Assert.Contains(await host.Status.ExamineAsync(), c => c is { Name: "abandoned", Level: CheckLevel.Warn } && c.Text.StartsWith("1 handler has not returned", StringComparison.Ordinal));

            var told = (await host.Inbox.FetchAsync(new("s"))).Notices;
            Assert.Equal([(NoticeKind.Warning, id), (NoticeKind.Ended, child), (NoticeKind.Ended, id)], told.Select(n => (n.Kind, n.Task)));
            Assert.Equal((TaskState.TimedOut, EndCause.Inactivity), (told[^1].State, told[^1].Cause!.Value));
            Assert.Contains(ended.End.Reason!, told[^1].Text);
        }
        finally
        {
            _goOn.SetResult();
        }
        await Eventually.TrueAsync(() => host.Handlers.Abandoned == 0, "it has returned after all");
    }

    [Fact]
    [Trait("Requirement", "U-05")]
    [Trait("Requirement", "D5")]
    public async Task What_comes_too_late_and_is_long_is_kept_with_the_amount_that_was_cut()
    {
        await using var host = await HandlerHost.StartAsync(s => s.AddHandler<int, string>("late", async (length, _) =>
        {
            _begun.SetResult();
            await _goOn.Task;
            return new string('x', length);
        }));
        var id = await host.SubmitAsync("late", 10_000);
        await _begun.Task.Soon();
        await host.Client.StopAsync(id, ByUser(now: true));
        Assert.Equal(TaskState.Stopped, (await host.PassingUntil(host.EndOf(id))).State);
        _goOn.SetResult();
        // Ten thousand and the two quotes of JSON.
        await Eventually.TrueAsync(async () => (await host.ReadAsync(id)).Annotations.Any(a => a.Text.EndsWith("xxx… (6002 characters more)", StringComparison.Ordinal)), "what it returned is kept, and how much of it is not");
    }

    [Fact]
    [Trait("Requirement", "C16")]
    public async Task A_stop_is_not_undone_by_the_death_of_the_host()
    {
        var (store, time) = (new InMemoryTaskStore(), new ManualTime());
        void Handlers(OutlastBuilder s) => s.AddHandler("slow", async task =>
        {
            _begun.TrySetResult();
            await Task.Delay(Timeout.Infinite, task.HardToken);
        });
        var host = await HandlerHost.StartAsync(Handlers, store, time);
        var id = await host.SubmitAsync("slow");
        await _begun.Task.Soon();
        await host.Client.StopAsync(id, ByUser());
        await host.AbandonAsync();
        await using var next = await HandlerHost.StartAsync(Handlers, store, time);
        Assert.Equal((TaskState.Stopped, EndCause.User), (await next.EndOf(id) is var ended ? (ended.State, ended.End!.Cause) : default));
    }

    [Fact]
    [Trait("Requirement", "B5")]
    [Trait("Requirement", "B17")]
    [Trait("Requirement", "B7")]
    public async Task A_handler_that_never_shows_life_is_warned_of_and_ends_timed_out_in_words_of_its_own()
    {
        await using var host = await HandlerHost.StartAsync(s => s.AddHandler("mute", async task =>
        {
            _begun.SetResult();
            await Task.Delay(Timeout.Infinite, task.StopToken);
        }));
        var id = await host.SubmitAsync("mute", 0, spec => spec with { Input = null, IdleTimeout = TimeSpan.FromMinutes(10), IdleWarning = TimeSpan.FromMinutes(5) });
        await _begun.Task.Soon();
        await host.PassAsync(TimeSpan.FromMinutes(5));
        Assert.Contains(await host.EventsOf(id), e => e.Type == TaskEventType.Warning && e.Data["rule"].GetString() == "idle_warning");
        await host.PassAsync(TimeSpan.FromMinutes(5));
        var ended = await host.EndOf(id);
        Assert.Equal((TaskState.TimedOut, EndCause.Inactivity), (ended.State, ended.End!.Cause));
        Assert.StartsWith("timed out: no step, no output, no progress and no other sign of life for 10m", ended.End.Reason);
        Assert.DoesNotContain("CPU", ended.End.Reason);
    }

    [Fact]
    public async Task Each_kind_of_activity_is_a_sign_of_life()
    {
        using var folder = new ScratchFolder();
        var signs = new SemaphoreSlim(0);
        var shown = new SemaphoreSlim(0);
        await using var host = await HandlerHost.StartAsync(s => s.AddHandler("lively", async task =>
        {
            Func<Task>[] each =
            [
                () => task.StepAsync("step", _ => Task.CompletedTask),
                () => { task.Progress(0.5); return Task.CompletedTask; },
                () => task.Output.WriteLineAsync("here"),
                () => { task.Beat(); return Task.CompletedTask; },
                () => { task.CheckBoundary(); return Task.CompletedTask; },
            ];
            _begun.SetResult();
            foreach (var sign in each)
            {
                await signs.WaitAsync(task.HardToken);
                await sign();
                shown.Release();
            }
            await Task.Delay(Timeout.Infinite, task.StopToken);
        }), folder: folder);
        var id = await host.SubmitAsync("lively", 0, spec => spec with { Input = null, IdleTimeout = TimeSpan.FromMinutes(10), IdleWarning = null });
        await _begun.Task.Soon();
        for (var i = 0; i < 5; i++)
        {
            await host.PassAsync(TimeSpan.FromMinutes(9));
            signs.Release();
            await shown.WaitAsync().Soon();
            await host.PassAsync(TimeSpan.Zero);
        }
        Assert.Equal(TaskState.Running, (await host.ReadAsync(id)).State);
        await host.PassAsync(TimeSpan.FromMinutes(10));
        Assert.Equal(TaskState.TimedOut, (await host.EndOf(id)).State);
    }
}
