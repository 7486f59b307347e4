using Outlast.TestKit;

namespace Outlast.Tests.Supervision;

public sealed class WatchdogTests
{
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);

    [Fact]
    [Trait("Requirement", "B2")]
    [Trait("Requirement", "V-63")]
    public async Task Silence_is_warned_of_once_and_then_ends_the_task()
    {
        await using var host = await SupervisedHost.StartAsync();
        var (id, _) = await host.RunAsync(SupervisedHost.Spec() with { IdleTimeout = 30 * Minute, IdleWarning = 15 * Minute });

        await host.PassAsync(14 * Minute);
        Assert.DoesNotContain(await host.EventsOf(id), e => e.Type == TaskEventType.Warning);
        await host.PassAsync(Minute);
        await host.PassAsync(10 * Minute);
        Assert.Single(await host.EventsOf(id), e => e.Type == TaskEventType.Warning);
        Assert.Equal(TaskState.Running, (await host.ReadAsync(id)).State);
        await host.PassAsync(5 * Minute);

        var record = await host.EndOf(id);
        Assert.Equal((TaskState.TimedOut, EndCause.Inactivity), (record.State, record.End!.Cause));
        Assert.Single(await host.EventsOf(id), e => e.Type == TaskEventType.Warning);
    }

    [Fact]
    [Trait("Requirement", "B2")]
    [Trait("Requirement", "B23")]
    public async Task The_loop_itself_fires_within_one_poll()
    {
        await using var host = await SupervisedHost.StartAsync(watchdogRuns: true, settings: ("watchdog.poll", "5s"));
        var (id, _) = await host.RunAsync(SupervisedHost.Spec() with { IdleTimeout = TimeSpan.FromSeconds(60), IdleWarning = TimeSpan.FromSeconds(30) });
        // The loop runs on its own thread: after each second of fake time it may need a moment of real time to arm its next wait.
        for (var s = 0; s < 65 && !(await host.ReadAsync(id)).State.IsTerminal(); s++)
        {
            host.Time.Advance(TimeSpan.FromSeconds(1));
            await Task.Delay(10);
        }
        var record = await host.EndOf(id);
        Assert.Equal(EndCause.Inactivity, record.End!.Cause);
        Assert.InRange(record.End.Measured["idleMs"], 60_000, 65_000);
        Assert.Single(await host.EventsOf(id), e => e.Type == TaskEventType.Warning);
    }

    [Fact]
    [Trait("Requirement", "B4")]
    public async Task Without_a_limit_nothing_ends_it_and_the_warning_still_comes()
    {
        await using var host = await SupervisedHost.StartAsync();
        var (id, _) = await host.RunAsync(SupervisedHost.Spec() with { IdleTimeout = null, IdleWarning = 30 * Minute });
        await host.PassAsync(100 * 24 * 60 * Minute);
        Assert.Equal(TaskState.Running, (await host.ReadAsync(id)).State);
        Assert.Single(await host.EventsOf(id), e => e.Type == TaskEventType.Warning);
    }

    [Fact]
    [Trait("Requirement", "B8")]
    [Trait("Requirement", "B20")]
    [Trait("Requirement", "U-20")]
    [Trait("Requirement", "U-22")]
    [Trait("Requirement", "V-70")]
    public async Task A_warning_and_an_end_say_what_was_measured_and_how_to_raise_the_limit()
    {
        await using var host = await SupervisedHost.StartAsync();
        var (id, _) = await host.RunAsync(SupervisedHost.Spec() with { IdleTimeout = 30 * Minute, IdleWarning = 15 * Minute });
        await host.PassAsync(17 * Minute);
        var warning = Assert.Single(await host.EventsOf(id), e => e.Type == TaskEventType.Warning);
        Assert.Contains("silent for 17m", warning.Data["text"].GetString());
        Assert.Contains("in 13m", warning.Data["text"].GetString());
        Assert.Contains("outlast extend 1 --idle", warning.Data["text"].GetString());
        Assert.Equal(17 * 60_000, warning.Data["measured"].GetProperty("idleMs").GetInt64());

        await host.PassAsync(14 * Minute);
        var end = (await host.EndOf(id)).End!;
        Assert.Equal(new Actor(ActorType.Rule, "inactivity"), end.Actor);
        Assert.Equal(31 * 60_000, end.Measured["idleMs"]);
        Assert.Equal(30 * 60_000, end.Measured["limitMs"]);
        Assert.Contains("30m", end.Reason);
        Assert.Contains("--idle-timeout", end.Reason);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    [Trait("Requirement", "B21")]
    [Trait("Requirement", "U-20")]
    public async Task Life_after_a_warning_starts_the_clock_anew_and_a_second_silence_warns_again(bool silentComputation)
    {
        await using var host = await SupervisedHost.StartAsync();
        var (id, attempt) = await host.RunAsync(SupervisedHost.Spec() with { IdleTimeout = 30 * Minute, IdleWarning = 15 * Minute });
        await host.PassAsync(16 * Minute);
        if (silentComputation) attempt.Compute(TimeSpan.FromSeconds(1));
        else attempt.Print(1);
        await host.PassAsync(Minute);
        await host.PassAsync(16 * Minute);
        Assert.Equal(2, (await host.EventsOf(id)).Count(e => e.Type == TaskEventType.Warning));
        Assert.Equal(TaskState.Running, (await host.ReadAsync(id)).State);
    }

    [Fact]
    [Trait("Requirement", "B17")]
    public async Task A_task_that_never_shows_life_is_idle_from_its_start()
    {
        await using var host = await SupervisedHost.StartAsync();
        var (id, _) = await host.RunAsync(SupervisedHost.Spec() with { IdleTimeout = 10 * Minute });
        await host.PassAsync(10 * Minute);
        Assert.Equal(EndCause.Inactivity, (await host.EndOf(id)).End!.Cause);
    }

    [Fact]
    [Trait("Requirement", "B18")]
    public async Task What_cannot_be_measured_counts_as_silent()
    {
        await using var host = await SupervisedHost.StartAsync();
        var (id, attempt) = await host.RunAsync(SupervisedHost.Spec() with { IdleTimeout = 10 * Minute });
        await host.PassAsync(Minute);
        host.Runner.Blind = new IOException("no /proc");
        attempt.Print(1);
        await host.PassAsync(10 * Minute);
        Assert.Equal(EndCause.Inactivity, (await host.EndOf(id)).End!.Cause);
    }

    [Fact]
    [Trait("Requirement", "B23")]
    public async Task A_sleeping_machine_times_nothing_out()
    {
        await using var host = await SupervisedHost.StartAsync();
        var (id, _) = await host.RunAsync(SupervisedHost.Spec() with { IdleTimeout = 10 * Minute, Timeout = 20 * Minute });
        await host.PassAsync(Minute);
        host.Time.JumpWall(24 * 60 * Minute);
        await host.PassAsync(Minute);
        Assert.Equal(TaskState.Running, (await host.ReadAsync(id)).State);
    }

    [Fact]
    [Trait("Requirement", "B23")]
    public async Task A_jump_of_the_clock_is_recognised_and_does_not_count_for_the_next_host_either()
    {
        var (time, runner, store) = (new ManualTime(), new ScriptedRunner(), new Outlast.Storage.InMemoryTaskStore());
        var first = await SupervisedHost.StartAsync(store, runner, time, watchdogRuns: true);
        var (id, _) = await first.RunAsync(SupervisedHost.Spec() with { Timeout = 20 * Minute });
        time.JumpWall(24 * 60 * Minute);
        for (var i = 0; i < 400 && (await first.ReadAsync(id)).Paused == TimeSpan.Zero; i++)
        {
            time.Advance(TimeSpan.FromSeconds(1));
            await Task.Delay(i < 100 ? 10 : 100); // on a machine that is busy with others
        }
        Assert.InRange((await first.ReadAsync(id)).Paused, 24 * 60 * Minute - Minute, 24 * 60 * Minute + Minute);
        await first.StopAsync();

        await using var second = await SupervisedHost.StartAsync(store, runner, time);
        await Eventually.TrueAsync(() => second.Attempts.Find(id) is not null, "the second host has adopted it");
        await second.PassAsync(2 * Minute);
        Assert.Equal(TaskState.Running, (await second.ReadAsync(id)).State);
    }

    [Fact]
    [Trait("Requirement", "U-23")]
    public async Task A_limit_moves_while_the_task_runs()
    {
        await using var host = await SupervisedHost.StartAsync();
        var (id, _) = await host.RunAsync(SupervisedHost.Spec() with { Timeout = 10 * Minute });
        await host.PassAsync(5 * Minute);
        await host.Client.ExtendAsync(id, new(SupervisedHost.Somebody, Timeout: new(30 * Minute, FromNow: false)));
        await host.PassAsync(30 * Minute);
        Assert.Equal(TaskState.Running, (await host.ReadAsync(id)).State);
        await host.Client.ExtendAsync(id, new(SupervisedHost.Somebody, Timeout: new(2 * Minute, FromNow: true)));
        await host.PassAsync(Minute);
        Assert.Equal(TaskState.Running, (await host.ReadAsync(id)).State);
        await host.PassAsync(Minute);
        var end = (await host.EndOf(id)).End!;
        Assert.Equal((TaskState.TimedOut, EndCause.Deadline), (end.State, end.Cause));
    }

    [Fact]
    [Trait("Requirement", "U-23")]
    public async Task A_moved_limit_has_a_warning_of_its_own()
    {
        await using var host = await SupervisedHost.StartAsync();
        var (id, _) = await host.RunAsync(SupervisedHost.Spec() with { Timeout = 10 * Minute, IdleWarning = 40 * Minute });
        await host.PassAsync(9 * Minute);
        await host.Client.ExtendAsync(id, new(SupervisedHost.Somebody, Timeout: new(10 * Minute, FromNow: false), IdleTimeout: new(30 * Minute, FromNow: true)));
        await host.PassAsync(9 * Minute);
        Assert.Equal(2, (await host.EventsOf(id)).Count(e => e.Type == TaskEventType.Warning));
        Assert.True((await host.ReadAsync(id)).Limits is { IdleWarning: { } warning, IdleTimeout: { } limit } && warning < limit);
    }

    [Fact]
    [Trait("Requirement", "V-65")]
    public async Task Waiting_for_own_children_is_not_silence()
    {
        await using var host = await SupervisedHost.StartAsync();
        var (parent, _) = await host.RunAsync(SupervisedHost.Spec() with { IdleTimeout = 10 * Minute });
        var (child, attempt) = await host.RunAsync(parent: parent);
        await host.PassAsync(60 * Minute);
        Assert.Equal(TaskState.Running, (await host.ReadAsync(parent)).State);
        attempt.End(0);
        await host.EndOf(child);
        await host.PassAsync(9 * Minute);
        Assert.Equal(TaskState.Running, (await host.ReadAsync(parent)).State);
        await host.PassAsync(Minute);
        Assert.Equal(EndCause.Inactivity, (await host.EndOf(parent)).End!.Cause);
    }

    [Fact]
    [Trait("Requirement", "B18")]
    public async Task One_that_cannot_be_looked_at_leaves_the_others_their_watch_and_the_list_its_rows()
    {
        await using var host = await SupervisedHost.StartAsync(watchdogRuns: true, settings: ("watchdog.poll", "1s"));
        var capped = SupervisedHost.Spec() with { Process = SupervisedHost.Spec().Process! with { OutputCap = 1000 } };
        var (dark, _) = await host.RunAsync(capped);
        host.Runner.Unreadable = dark;
        var (id, _) = await host.RunAsync(SupervisedHost.Spec() with { Timeout = TimeSpan.FromSeconds(30) });
        await Eventually.TrueAsync(async () => { host.Time.Advance(TimeSpan.FromMilliseconds(500)); return (await host.ReadAsync(id)).State.IsTerminal(); }, "its limit fires");
        Assert.Equal(2, (await host.Client.ListAsync(new())).Tasks.Length);
        Assert.Empty(host.Status.NotReady);
    }

    [Fact]
    [Trait("Requirement", "B18")]
    public async Task Whatever_a_look_between_two_looks_at_all_throws_the_watch_goes_on()
    {
        await using var host = await SupervisedHost.StartAsync(watchdogRuns: true, settings: ("watchdog.poll", "60s"));
        var (dark, _) = await host.RunAsync(SupervisedHost.Spec() with { Process = SupervisedHost.Spec().Process! with { OutputCap = 1000, OutputPolicy = OutputPolicy.Stop } });
        (host.Runner.WhyUnreadable, host.Runner.Unreadable) = (new Outlast.Output.OutputUnreadableException("output.log.dropped", "Is a directory"), dark);
        var (id, _) = await host.RunAsync(SupervisedHost.Spec() with { Timeout = TimeSpan.FromSeconds(90) });
        await Eventually.TrueAsync(async () => { host.Time.Advance(TimeSpan.FromMilliseconds(500)); return (await host.ReadAsync(id)).State.IsTerminal(); }, "its limit fires");
        Assert.Equal(2, (await host.Client.ListAsync(new())).Tasks.Length);
        Assert.Empty(host.Status.NotReady);
    }

    [Fact]
    [Trait("Requirement", "B17")]
    public async Task What_was_before_a_task_existed_is_not_forgiven_to_it()
    {
        await using var host = await SupervisedHost.StartAsync(watchdogRuns: true);
        await Eventually.TrueAsync(() => host.Time.Timers > 0, "the host's own timers are armed");
        host.Time.Advance(60 * Minute);
        var (id, _) = await host.RunAsync(SupervisedHost.Spec() with { IdleTimeout = TimeSpan.FromSeconds(60) });
        var began = host.Time.GetUtcNow();
        await Eventually.TrueAsync(async () => { host.Time.Advance(TimeSpan.FromMilliseconds(500)); return (await host.ReadAsync(id)).State.IsTerminal(); }, "its limit fires");
        Assert.InRange((await host.ReadAsync(id)).End!.Measured["idleMs"], 60_000, 66_000);
        Assert.True(host.Time.GetUtcNow() - began < 10 * Minute);
    }

    [Fact]
    public async Task The_wall_clock_warns_at_nine_tenths()
    {
        await using var host = await SupervisedHost.StartAsync();
        var (id, attempt) = await host.RunAsync(SupervisedHost.Spec() with { Timeout = 10 * Minute });
        attempt.Print(1);
        await host.PassAsync(8 * Minute);
        Assert.DoesNotContain(await host.EventsOf(id), e => e.Type == TaskEventType.Warning);
        await host.PassAsync(Minute);
        var warning = Assert.Single(await host.EventsOf(id), e => e.Type == TaskEventType.Warning);
        Assert.Equal("deadline_warning", warning.Data["rule"].GetString());
    }

    [Fact]
    public async Task Output_beyond_its_cap_ends_the_task_as_failed()
    {
        await using var host = await SupervisedHost.StartAsync();
        var spec = SupervisedHost.Spec();
        var (id, attempt) = await host.RunAsync(spec with { Process = spec.Process! with { OutputCap = 1000 } });
        attempt.Print(999);
        await host.PassAsync(TimeSpan.FromSeconds(1));
        Assert.Equal(TaskState.Running, (await host.ReadAsync(id)).State);
        attempt.Print(1);
        await host.PassAsync(TimeSpan.FromSeconds(1));
        var end = (await host.EndOf(id)).End!;
        Assert.Equal((TaskState.Failed, EndCause.OutputLimit, 1000L), (end.State, end.Cause, end.Measured["limitBytes"]));
    }

    [Fact]
    [Trait("Requirement", "U-15")]
    [Trait("Requirement", "S285-3")]
    public async Task An_end_is_not_followed_by_a_limit_and_leaves_no_timer()
    {
        await using var host = await SupervisedHost.StartAsync();
        await Eventually.TrueAsync(() => host.Time.Timers > 0, "the host's own timers are armed");
        var before = host.Time.Timers;
        foreach (var code in new[] { 0, 1, -1 })
        {
            var (id, attempt) = await host.RunAsync(SupervisedHost.Spec() with { Timeout = 60 * Minute, IdleTimeout = 50 * Minute });
            if (code < 0) await host.Client.StopAsync(id, new(EndCause.User, SupervisedHost.Somebody));
            else attempt.End(code);
            var end = await host.EndOf(id);
            var version = end.Version;
            await Eventually.TrueAsync(() => host.Attempts.Find(id) is null, "nobody follows it");
            await host.PassAsync(120 * Minute);
            Assert.Equal(version, (await host.ReadAsync(id)).Version);
        }
        await Eventually.TrueAsync(() => host.Time.Timers <= before, "no timer of an ended task is left");
    }

    [Fact]
    [Trait("Requirement", "B23")]
    public async Task A_limit_that_passed_while_no_host_lived_is_enforced_only_after_its_warning()
    {
        var (time, runner, store) = (new ManualTime(), new ScriptedRunner(), new Outlast.Storage.InMemoryTaskStore());
        var first = await SupervisedHost.StartAsync(store, runner, time);
        var (id, _) = await first.RunAsync(SupervisedHost.Spec() with { Timeout = 10 * Minute });
        await first.StopAsync();
        time.Advance(60 * Minute);

        await using var second = await SupervisedHost.StartAsync(store, runner, time);
        await Eventually.TrueAsync(() => second.Attempts.Find(id) is not null, "adopted");
        await second.PassAsync(TimeSpan.FromSeconds(59));
        Assert.Equal(TaskState.Running, (await second.ReadAsync(id)).State);
        Assert.Contains(await second.EventsOf(id), e => e.Type == TaskEventType.Warning);
        await second.PassAsync(TimeSpan.FromSeconds(1));
        Assert.Equal(EndCause.Deadline, (await second.EndOf(id)).End!.Cause);
    }
}
