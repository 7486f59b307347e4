using Outlast.Lifecycle;
using Outlast.Storage;
using Outlast.Supervision;
using Outlast.TestKit;

namespace Outlast.Tests.Supervision;

public sealed class DueWatchTests
{
    private static readonly TimeSpan Hour = TimeSpan.FromHours(1);
    private readonly InMemoryTaskStore _store = new();
    private readonly ScriptedRunner _runner = new();
    private readonly ManualTime _time = new();

    [Fact]
    public async Task What_is_to_start_later_starts_then_and_says_so_until_then()
    {
        await using var host = await StartAsync();
        var id = (await host.SubmitAsync(SupervisedHost.Spec() with { NotBefore = _time.GetUtcNow() + Hour })).Record.Id;
        Assert.Equal("not before 2026-01-01T01:00:00.000Z", (await host.Client.GetAsync(id)).Queue!.WaitsFor);
        Assert.Equal((1, 1, _time.GetUtcNow() + Hour), (host.Due.Count, host.Dispatcher.Queued, host.Status.NextDue));
        _time.Advance(Hour - TimeSpan.FromSeconds(1));
        Assert.False(_runner.Knows(id));
        _time.Advance(TimeSpan.FromSeconds(1));
        (await _runner.AttemptOf(id)).End(0);
        await host.EndOf(id);
        Assert.Equal((0, null), (host.Due.Count, host.Status.NextDue));
    }

    [Fact]
    public async Task What_was_due_while_no_host_was_there_is_taken_by_the_next()
    {
        TaskId id;
        await using (var first = await StartAsync()) id = (await first.SubmitAsync(SupervisedHost.Spec() with { NotBefore = _time.GetUtcNow() + Hour })).Record.Id;
        _time.Advance(2 * Hour);
        await using var second = await StartAsync();
        await _runner.AttemptOf(id);
    }

    [Fact]
    [Trait("Requirement", "V-12")]
    public async Task What_has_not_started_by_its_deadline_ends_and_says_what_it_waited_for()
    {
        await using var host = await StartAsync(("concurrency.processes", "1"));
        var (_, running) = await host.RunAsync();
        var id = (await host.SubmitAsync(SupervisedHost.Spec() with { StartBy = _time.GetUtcNow() + Hour })).Record.Id;
        _time.Advance(Hour);
        var end = (await host.EndOf(id)).End!;
        Assert.Equal((TaskState.TimedOut, EndCause.StartDeadline, "start_deadline"), (end.State, end.Cause, end.Actor!.Id));
        Assert.Equal("timed out: not started by 2026-01-01T01:00:00.000Z; it waited for kind process: 1 of 1", end.Reason);
        running.End(0);
        Assert.False(_runner.Knows(id));
    }

    [Fact]
    public async Task A_deadline_that_passed_while_no_host_was_there_ends_it_before_anything_is_claimed()
    {
        TaskId id;
        await using (var first = await StartAsync(("concurrency.processes", "1")))
        {
            await first.RunAsync();
            id = (await first.SubmitAsync(SupervisedHost.Spec() with { StartBy = _time.GetUtcNow() + Hour })).Record.Id;
        }
        _time.Advance(2 * Hour);
        await using var second = await StartAsync(("concurrency.processes", "8"));
        Assert.Equal(EndCause.StartDeadline, (await second.EndOf(id)).End!.Cause);
        Assert.False(_runner.Knows(id));
    }

    [Theory]
    [InlineData("completed")]
    [InlineData("failed")]
    [InlineData("stopped")]
    [InlineData("stopped while queued")]
    [Trait("Requirement", "S285-3")]
    public async Task Nothing_that_was_to_come_outlives_its_task(string how)
    {
        await using var host = await StartAsync(("concurrency.processes", "1"));
        var timers = _time.Timers;
        if (how == "stopped while queued") await host.RunAsync();
        var id = (await host.SubmitAsync(SupervisedHost.Spec() with { StartBy = _time.GetUtcNow() + Hour, Timeout = Hour, Retry = new(3, TimeSpan.FromMinutes(1), RetryOn.Lost) })).Record.Id;
        if (how != "stopped while queued") await _runner.AttemptOf(id);
        switch (how)
        {
            case "completed": (await _runner.AttemptOf(id)).End(0); break;
            case "failed": (await _runner.AttemptOf(id)).End(7); break;
            default: await host.Client.StopAsync(id, new(EndCause.User, SupervisedHost.Somebody)); break;
        }
        var ended = await host.EndOf(id);
        Assert.Equal((0, null), (host.Due.Count, host.Due.Next));
        var version = ended.Version;
        for (var i = 0; i < 3; i++) _time.Advance(Hour);
        Assert.Equal(version, (await host.ReadAsync(id)).Version);
        Assert.True(_time.Timers <= timers + 1, "no timer of it is left");
    }

    [Fact]
    [Trait("Requirement", "V-31")]
    public async Task The_wall_clock_limit_ends_a_task_that_waits_for_its_next_attempt()
    {
        await using var host = await StartAsync(("concurrency.processes", "1"));
        var spec = SupervisedHost.Spec() with { Timeout = Hour, Retry = new(3, TimeSpan.FromMinutes(1), RetryOn.Failed) };
        var (id, attempt) = await host.RunAsync(spec);
        attempt.End(7);
        await Eventually.TrueAsync(async () => (await host.ReadAsync(id)).State == TaskState.Queued, "it waits for its next attempt");
        await Eventually.TrueAsync(() => host.Dispatcher.Taken == 0, "its place is free");
        await host.RunAsync();
        _time.Advance(TimeSpan.FromMinutes(50));
        Assert.Equal("kind process: 1 of 1", (await host.Client.GetAsync(id)).Queue!.WaitsFor);
        _time.Advance(TimeSpan.FromMinutes(15));
        var end = (await host.EndOf(id)).End!;
        Assert.Equal((TaskState.TimedOut, EndCause.Deadline, "deadline"), (end.State, end.Cause, end.Actor!.Id));
        Assert.Equal((long)Hour.TotalMilliseconds, end.Measured["limitMs"]);
    }

    [Fact]
    [Trait("Requirement", "V-31")]
    public async Task The_wall_clock_limit_is_warned_of_once_while_a_task_waits_for_its_next_attempt()
    {
        await using var host = await StartAsync();
        var (id, attempt) = await host.RunAsync(SupervisedHost.Spec() with { Timeout = Hour, Retry = new(3, TimeSpan.FromMinutes(58), RetryOn.Failed) });
        attempt.End(7);
        await Eventually.TrueAsync(async () => (await host.ReadAsync(id)).State == TaskState.Queued, "it waits for its next attempt");
        Assert.True((await host.ReadAsync(id)).NotBefore > _time.GetUtcNow() + TimeSpan.FromMinutes(10));
        await host.Client.ExtendAsync(id, new(SupervisedHost.Somebody, Timeout: new(TimeSpan.FromMinutes(10), FromNow: true)));
        _time.Advance(TimeSpan.FromMinutes(9));
        await WarnedAsync(host, id, times: 1);
        _time.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal((TaskState.TimedOut, EndCause.Deadline), await host.EndOf(id) is var ended ? (ended.State, ended.End!.Cause) : default);
        await WarnedAsync(host, id, times: 1);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    [Trait("Requirement", "V-31")]
    public async Task The_wall_clock_limit_of_a_task_that_waits_without_an_owner_is_warned_of_and_enforced(bool noHostMeanwhile)
    {
        var id = await LeaveWaitingAsync(spec => spec with { Timeout = Hour }, expires: 10 * Hour);
        if (noHostMeanwhile) _time.Advance(2 * Hour);
        await using var host = await StartAsync();
        if (!noHostMeanwhile)
        {
            _time.Advance(TimeSpan.FromMinutes(53));
            Assert.DoesNotContain(await host.EventsOf(id), e => e.Type == TaskEventType.Warning);
            _time.Advance(TimeSpan.FromMinutes(1));
        }
        await WarnedAsync(host, id, times: 1);
        var text = (await host.EventsOf(id)).Single(e => e.Type == TaskEventType.Warning).Data["text"].GetString()!;
        Assert.Contains(noHostMeanwhile ? "it waits for an answer, and it has 1m left" : "54m have passed since its first start, it waits for an answer, and it has 6m left", text);
        Assert.Contains("outlast extend 1 --timeout +30m", text);
        Assert.Equal(TaskState.Waiting, (await host.ReadAsync(id)).State);
        // Each sweep finds it again, and nothing that was told.
        await host.Due.RestoreAsync(await _store.ListOpenAsync(), default);
        _time.Advance(TimeSpan.FromMinutes(noHostMeanwhile ? 1 : 6));
        Assert.Equal((TaskState.TimedOut, EndCause.Deadline), await host.EndOf(id) is var ended ? (ended.State, ended.End!.Cause) : default);
        await WarnedAsync(host, id, times: 1);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    [Trait("Requirement", "V-31")]
    [Trait("Requirement", "U-20")]
    public async Task The_wall_clock_limit_of_a_task_that_is_over_reaches_the_children_it_waits_for(bool overARestart)
    {
        var host = await StartAsync();
        var (parent, work) = await host.RunAsync(SupervisedHost.Spec() with { Timeout = Hour });
        var (child, _) = await host.RunAsync(parent: parent);
        work.End(0);
        await Eventually.TrueAsync(async () => (await host.ReadAsync(parent)).IsFinishing && host.Attempts.Find(parent) is null, "only its child is awaited");
        _time.Advance(TimeSpan.FromMinutes(30));
        if (overARestart)
        {
            await host.DisposeAsync();
            host = await StartAsync();
            await Eventually.TrueAsync(() => host.Attempts.Find(child) is not null, "the child is adopted");
        }
        _time.Advance(_time.GetUtcNow() is var now ? (await host.ReadAsync(parent)).StartedAt!.Value + TimeSpan.FromMinutes(54) - now : default);
        await WarnedAsync(host, parent, times: 1);
        Assert.Equal(TaskState.Running, (await host.ReadAsync(child)).State);
        _time.Advance(TimeSpan.FromMinutes(6));

        var stopped = await host.EndOf(child);
        Assert.Equal((TaskState.Stopped, EndCause.Parent, "deadline"), (stopped.State, stopped.End!.Cause, stopped.End.Actor!.Id));
        Assert.Equal("stopped with its parent: task 1 timed out: 1h, its limit, have passed since its first start (--timeout, or extend it)", stopped.End.Reason);
        var ended = await host.EndOf(parent);
        Assert.Equal(TaskState.Completed, ended.State);
        Assert.Single(ended.Annotations, a => a.Text.Contains("timed out", StringComparison.Ordinal));
        await WarnedAsync(host, parent, times: 1);
        Assert.Equal(0, host.Due.Count);
        await host.DisposeAsync();
    }

    [Fact]
    public async Task What_is_being_done_is_not_begun_again_by_the_sweep()
    {
        var store = new FailingStore();
        await using var host = await SupervisedHost.StartAsync(store, _runner, _time, settings: ("concurrency.processes", "1"));
        await host.RunAsync();
        await host.SubmitAsync(SupervisedHost.Spec() with { StartBy = _time.GetUtcNow() + Hour });
        store.Failing = true;
        _time.Advance(Hour);
        await Eventually.TrueAsync(() => store.FailedCommits == 1, "it is tried");
        var open = await store.ListOpenAsync();
        for (var i = 0; i < 3; i++) await host.Due.RestoreAsync(open, default);
        Assert.Equal((1, 0), (store.FailedCommits, host.Due.Count));
    }

    [Fact]
    public async Task A_question_that_nobody_runs_expires_at_its_time_and_its_default_puts_the_task_in_line()
    {
        await LeaveWaitingAsync();
        await using var host = await StartAsync();
        Assert.Equal(1, host.Due.Count);
        var id = (await host.Client.ListAsync(new())).Tasks.Single().Record.Id;
        _time.Advance(Hour);
        await Eventually.TrueAsync(async () => (await host.ReadAsync(id)).Question!.Answer?.Text == "no", "it expired");
    }

    [Fact]
    public async Task A_question_that_expired_while_no_host_was_there_stays_open_for_a_minute()
    {
        var id = await LeaveWaitingAsync();
        _time.Advance(5 * Hour);
        await using var host = await StartAsync();
        _time.Advance(TimeSpan.FromSeconds(59));
        Assert.Equal(TaskState.Waiting, (await host.ReadAsync(id)).State);
        _time.Advance(TimeSpan.FromSeconds(2));
        await Eventually.TrueAsync(async () => (await host.ReadAsync(id)).Question!.Answer is not null, "it expired");
    }

    [Fact]
    [Trait("Requirement", "V-14")]
    public async Task A_clock_that_jumps_is_noticed_within_a_minute_and_one_that_is_set_back_starts_nothing_early()
    {
        await using var host = await StartAsync();
        var later = (await host.SubmitAsync(SupervisedHost.Spec() with { NotBefore = _time.GetUtcNow() + 10 * Hour })).Record.Id;
        _time.JumpWall(11 * Hour);
        await Eventually.TrueAsync(() =>
        {
            _time.Advance(TimeSpan.FromSeconds(10));
            return _runner.Knows(later);
        }, "the sweep looks at the clock again", within: TimeSpan.FromSeconds(20));

        var back = (await host.SubmitAsync(SupervisedHost.Spec() with { NotBefore = _time.GetUtcNow() + Hour })).Record.Id;
        _time.JumpWall(-Hour);
        _time.Advance(Hour);
        Assert.False(_runner.Knows(back));
        Assert.Equal(1, host.Due.Count);
        _time.Advance(Hour);
        await _runner.AttemptOf(back);
    }

    [Fact]
    [Trait("Requirement", "V-14")]
    public async Task What_is_overdue_is_shown_by_the_doctor_and_done_when_the_store_can_write()
    {
        using var folder = new ScratchFolder();
        var store = new FailingStore();
        await using var host = await SupervisedHost.StartAsync(store, _runner, _time, folder: new(folder.Path), settings: ("concurrency.processes", "1"));
        await host.RunAsync();
        var id = (await host.SubmitAsync(SupervisedHost.Spec() with { StartBy = _time.GetUtcNow() + Hour })).Record.Id;
        store.Failing = true;
        _time.Advance(Hour + TimeSpan.FromMinutes(2));
        var check = (await host.Status.ExamineAsync()).Single(c => c.Name == "due");
        Assert.Equal(CheckLevel.Warn, check.Level);
        Assert.Contains($"task {id}: its start deadline", check.Text);
        store.Failing = false;
        await DispatcherTests.RecoverAsync(host);
        Assert.Equal(EndCause.StartDeadline, (await host.EndOf(id)).End!.Cause);
        await Eventually.TrueAsync(async () => (await host.Status.ExamineAsync()).Single(c => c.Name == "due").Level == CheckLevel.Ok, "nothing is overdue");
    }

    [Fact]
    [Trait("Requirement", "U-101")]
    public async Task A_late_report_of_a_former_owner_is_refused_and_noted()
    {
        await using var host = await StartAsync();
        var (id, attempt) = await host.RunAsync();
        // Another host has taken it over, as if this one had been away.
        var later = new TaskClaim(HostId.OfEpoch(9), FencingToken.Of(9, 1));
        await host.Ledger.ApplyAsync(id, _ => Transition.Adopted(later, true, null, "the lock is held", _time.GetUtcNow()), default);
        attempt.End(7);
        await Eventually.TrueAsync(async () => (await host.ReadAsync(id)).Annotations.Any(a => a.Text == "late report of a former owner of attempt 1, refused: exit code 7"), "it is noted");
        Assert.Equal((TaskState.Running, later), ((await host.ReadAsync(id)).State, (await host.ReadAsync(id)).Claim));
    }

    private static async Task WarnedAsync(SupervisedHost host, TaskId id, int times)
    {
        await Eventually.TrueAsync(async () => (await host.EventsOf(id)).Count(e => e.Type == TaskEventType.Warning) >= times, "it is warned of");
        var warnings = (await host.EventsOf(id)).Where(e => e.Type == TaskEventType.Warning).ToList();
        Assert.Equal(times, warnings.Count);
        Assert.All(warnings, w => Assert.Equal("deadline_warning", w.Data["rule"].GetString()));
    }

    private Task<SupervisedHost> StartAsync(params (string, string)[] settings) => SupervisedHost.StartAsync(_store, _runner, _time, settings: settings);

    /// <summary>A handler that asked, and whose host let go of it.</summary>
    private async Task<TaskId> LeaveWaitingAsync(Func<TaskSpec, TaskSpec>? adjust = null, TimeSpan? expires = null)
    {
        await _store.OpenAsync();
        var id = TaskId.New(_time.GetUtcNow());
        var at = _time.GetUtcNow();
        var spec = new TaskSpec { Name = "ask", Handler = "ask" };
        if (adjust is not null) spec = adjust(spec);
        var submitted = TaskLifecycle.Submit(id, spec, null, SupervisedHost.Somebody, at);
        var waiting = submitted.After with
        {
            State = TaskState.Waiting,
            Attempt = 1,
            StartedAt = at,
            Resumes = true,
            Question = new("Go on?", at, at + (expires ?? Hour), "no"),
        };
        await _store.CommitAsync(StoreCommit.Of(new(waiting, 0, null, submitted.Events)));
        return id;
    }
}
