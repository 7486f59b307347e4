using System.Diagnostics;
using Outlast.Runners;
using Outlast.Runners.Processes;
using Outlast.TestKit;
using Xunit;

namespace Outlast.IntegrationTests.Processes;

/// <summary>Stop means stopped: whatever a command does to get out of sight.</summary>
public sealed class StopTests : IAsyncLifetime
{
    private static readonly TimeSpan ShortGrace = TimeSpan.FromMilliseconds(300);

    private readonly ProcessBench _bench = new();

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await _bench.DisposeAsync();

    [Fact]
    [Trait("Requirement", "C13")]
    [Trait("Requirement", "U-17")]
    public async Task A_command_that_ignores_TERM_is_killed_after_the_grace()
    {
        var (attempt, run) = await StartAsync("trap '' TERM; echo up; while :; do sleep 0.1; done");
        var report = await attempt.StopAsync();
        var outcome = await run;
        Assert.Empty(report.Survivors);
        Assert.Contains(report.Evidence, e => e.StartsWith("TERM to group", StringComparison.Ordinal));
        Assert.Contains(report.Evidence, e => e.StartsWith("KILL at 0.", StringComparison.Ordinal));
        Assert.StartsWith("verified gone", report.Evidence[^1], StringComparison.Ordinal);
        Assert.Equal("KILL", outcome.Exit!.Signal);
        AssertGone(attempt);
    }

    [Fact]
    [Trait("Requirement", "U-30")]
    [Trait("Requirement", "V-45")]
    public async Task A_command_gets_its_grace_to_clean_up()
    {
        var (attempt, run) = await StartAsync("trap 'echo cleaned; exit 3' TERM; echo up; while :; do sleep 0.02; done", TimeSpan.FromSeconds(30));
        var report = await attempt.StopAsync();
        var outcome = await run;
        Assert.Empty(report.Survivors);
        Assert.Equal(3, outcome.Exit!.Code);
        Assert.Equal("TERM", Assert.Single(outcome.Exit.SignalsSeen));
        Assert.EndsWith("cleaned\n", attempt.Output, StringComparison.Ordinal);
        Assert.DoesNotContain(report.Evidence, e => e.StartsWith("KILL", StringComparison.Ordinal));
    }

    [Theory]
    [Trait("Requirement", "U-30")]
    [Trait("Requirement", "V-45")]
    [Trait("Requirement", "V-47")]
    [Trait("Requirement", "C12")]
    [InlineData("in a session of its own", "setsid sh -c 'trap \"\" TERM; echo up; while :; do sleep 0.1; done' & wait")]
    [InlineData("re-parented", "(trap '' TERM; (sleep 300; :) & echo up) & wait; sleep 300")]
    [InlineData("double fork, own session", "(setsid sh -c 'sleep 300 & echo up' &) ; sleep 300")]
    [InlineData("stopped", "sh -c 'kill -STOP $$' & sleep 0.2; echo up; kill -STOP $$; sleep 300")]
    [InlineData("in other groups", "set -m; sleep 300 & sleep 300 & echo up; wait")]
    [InlineData("background of a background", "sh -c 'sh -c \"sleep 300 & sleep 300\" & sleep 300' & echo up; sleep 300")]
    [InlineData("new children for ever", "trap '' TERM; echo up; while :; do (trap '' TERM; sleep 0.02) & sleep 0.005; done")]
    public async Task The_whole_tree_is_gone(string what, string script)
    {
        var (attempt, run) = await StartAsync(script);
        var report = await attempt.StopAsync();
        Assert.True(report.Survivors.IsEmpty, what);
        await run.Soon();
        AssertGone(attempt);
    }

    [Fact]
    [Trait("Requirement", "U-30")]
    public async Task A_daemon_that_clears_its_environment_is_remembered_from_the_last_look()
    {
        // Two forks, a session of its own, no mark, no known parent: only who looked while it was a descendant can know.
        var flag = Path.Combine(_bench.Data.Path, "go");
        var pidFile = Path.Combine(_bench.Data.Path, "daemon");
        var (attempt, run) = await StartAsync(
            $"perl -MPOSIX -e 'exit if fork; setsid(); if (fork) {{ select(undef,undef,undef,0.02) until -e \"{flag}\"; exit }} $SIG{{TERM}}=\"IGNORE\"; exec \"env\",\"-i\",\"sh\",\"-c\",\"echo \\$\\$ >{pidFile}; exec sleep 300\"' & echo up; exec sleep 300");
        await Eventually.TrueAsync(() => File.Exists(pidFile) && File.ReadAllText(pidFile).EndsWith('\n'), "the daemon runs");
        var daemon = int.Parse(File.ReadAllText(pidFile).Trim());
        Assert.True(attempt.Measure().Processes >= 3);
        var parent = ParentOf(daemon);
        File.WriteAllText(flag, "");
        await Eventually.TrueAsync(() => ParentOf(daemon) != parent, "the daemon is re-parented");
        Assert.DoesNotContain(daemon, ProcessBench.MarkedBy(attempt.Task));
        Assert.True(ProcessBench.IsAlive(daemon));
        var report = await attempt.StopAsync();
        Assert.Empty(report.Survivors);
        Assert.False(ProcessBench.IsAlive(daemon));
        await run.Soon();
    }

    [Fact]
    [Trait("Requirement", "U-30")]
    public async Task Processes_that_overwrite_their_title_and_environment_are_found()
    {
        var (attempt, run) = await StartAsync("perl -e '$0 = \"x\" x 20000; $SIG{TERM}=\"IGNORE\"; $|=1; print \"up\\n\"; if (!fork) { $0 = \"y\" x 20000; sleep 300 } sleep 300' & wait");
        await Eventually.TrueAsync(() => attempt.Measure().Processes >= 4, "both are there");
        var report = await attempt.StopAsync();
        Assert.Empty(report.Survivors);
        await run.Soon();
        Assert.Equal(0, attempt.Measure().Processes);
    }

    [Fact]
    [Trait("Requirement", "U-30")]
    public async Task One_that_moves_on_faster_than_one_looks_is_caught()
    {
        // Each process lives for a moment: it starts its successor in a session of its own and ends. After half a minute it gives up, whatever the runner does.
        var (attempt, run) = await StartAsync(
            "perl -MPOSIX -e '$SIG{TERM}=\"IGNORE\"; $|=1; print \"up\\n\"; my $end = time + 30; while (time < $end) { my $p = fork; die unless defined $p; if ($p) { POSIX::_exit(0) } setsid(); select(undef,undef,undef,0.005) }' & exec sleep 300");
        var report = await attempt.StopAsync();
        Assert.Empty(report.Survivors);
        await run.Soon();
        AssertGone(attempt);
    }

    [Theory]
    [Trait("Requirement", "U-30")]
    // It stays for shorter than a look takes, so that most looks miss it; the other becomes another program twice each time.
    [InlineData("perl -MPOSIX -e '$SIG{TERM}=\"IGNORE\"; setsid(); $|=1; print \"up\\n\"; my $end = time + 60; while (time < $end) { my $p = fork; die unless defined $p; if ($p) { POSIX::_exit(0) } setsid(); select(undef,undef,undef,0.001) }' & exec sleep 300")]
    [InlineData("end=$(($(date +%s) + 60)); export end; printf '%s\\n' '#!/bin/sh' 'trap \"\" TERM' '[ $(date +%s) -ge $end ] || exec setsid -f \"$0\"' >$OUTLAST_DATA/hop; chmod +x $OUTLAST_DATA/hop; setsid -f $OUTLAST_DATA/hop; echo up; exec sleep 300")]
    public async Task No_look_is_a_proof_of_absence_while_something_moves_on(string script)
    {
        var (attempt, run) = await StartAsync(script);
        var (wrapper, walker) = (await attempt.Launched.Soon(), new ProcessWalker());
        var began = Stopwatch.GetTimestamp();
        for (var look = 0; look < 200 && Stopwatch.GetElapsedTime(began) < TimeSpan.FromSeconds(10); look++)
        {
            var table = await walker.TakeAsync();
            var chain = table.MembersOf(attempt.Task, null, []).Values.Where(p => !p.IsDead && p.Session != wrapper.Pid);
            Assert.True(chain.Any() || !table.IsCalmFor(attempt.Task), $"look {look} saw nothing of the chain, and called that a proof");
        }
        Assert.Empty((await attempt.StopAsync()).Survivors);
        await run.Soon();
        AssertGone(attempt);
        await Eventually.TrueAsync(async () => (await walker.TakeAsync()).IsCalmFor(attempt.Task), "absence is proved");
    }

    [Fact]
    [Trait("Requirement", "V-60")]
    public async Task What_is_not_the_tasks_is_left_alone()
    {
        var (other, otherRun) = await StartAsync("echo up; sleep 300");
        // A child task is started by a host, but may be a descendant all the same: its own mark tells.
        var child = TaskId.New(DateTimeOffset.UtcNow);
        var pidFile = Path.Combine(_bench.Data.Path, "child");
        var (attempt, run) = await StartAsync($"OUTLAST_TASK_ID={child} setsid sh -c 'echo $$ >{pidFile}; exec sleep 300' & echo up; sleep 300");
        await Eventually.TrueAsync(() => File.Exists(pidFile) && File.ReadAllText(pidFile).EndsWith('\n'), "the child task runs");
        await attempt.StopAsync();
        await run.Soon();
        var childPid = int.Parse(File.ReadAllText(pidFile).Trim());
        Assert.True(ProcessBench.IsAlive(childPid));
        Assert.NotEmpty(ProcessBench.MarkedBy(other.Task));
        System.Diagnostics.Process.GetProcessById(childPid).Kill();
        await other.StopAsync(now: true);
        await otherRun.Soon();
    }

    [Fact]
    public async Task A_process_that_holds_a_hosts_lock_is_never_signalled()
    {
        var hostLock = Path.Combine(_bench.Data.Path, "host.lock");
        var (attempt, run) = await StartAsync($"setsid perl -e 'open(F, \">>\", \"{hostLock}\"); flock(F, 2); $|=1; print \"up $$\\n\"; sleep 300' & sleep 300");
        var host = int.Parse(attempt.Output.Split(' ')[1]);
        var report = await attempt.StopAsync();
        Assert.Empty(report.Survivors);
        Assert.True(ProcessBench.IsAlive(host));
        System.Diagnostics.Process.GetProcessById(host).Kill();
        await run.Soon();
    }

    [Fact]
    public async Task A_file_that_is_merely_called_like_a_hosts_lock_protects_nobody()
    {
        var file = Path.Combine(_bench.Data.Path, "host.lock");
        var (attempt, run) = await StartAsync($"exec 5>{file}; trap '' TERM; echo up; while :; do sleep 0.1; done");
        Assert.Empty((await attempt.StopAsync()).Survivors);
        await run.Soon();
        AssertGone(attempt);
    }

    [Fact]
    public async Task A_command_that_waits_for_the_writer_of_its_input_can_be_stopped()
    {
        var attempt = _bench.Attempt(Shell("cat") with { Stdin = StdinSource.Fifo }, TimeSpan.FromSeconds(20));
        var run = attempt.RunAsync();
        await Eventually.TrueAsync(() => File.Exists(Path.Combine(attempt.Folder, "pid")), "it has started");
        Assert.Empty((await attempt.StopAsync()).Survivors);
        var outcome = await run.Soon();
        Assert.Contains("TERM", outcome.Exit!.SignalsSeen);
        AssertGone(attempt);
    }

    [Theory]
    [InlineData("INT", "INT")]
    [InlineData("SIGUSR1", "USR1")]
    [InlineData("10", "USR1")]
    [InlineData("PIPE", "PIPE")]
    [InlineData("ALRM", "ALRM")]
    public async Task Another_signal_may_ask(string signal, string seen)
    {
        var attempt = _bench.Attempt(Shell($"trap 'exit 5' {seen}; echo up; while :; do sleep 0.02; done") with { StopSignal = signal });
        var run = attempt.RunAsync();
        await attempt.Printed("up");
        await attempt.StopAsync();
        var outcome = await run.Soon();
        Assert.Equal(5, outcome.Exit!.Code);
        Assert.Equal(seen, Assert.Single(outcome.Exit.SignalsSeen));
    }

    [Fact]
    public async Task Now_skips_the_grace()
    {
        var (attempt, run) = await StartAsync("trap '' TERM; echo up; while :; do sleep 0.1; done", TimeSpan.FromHours(1));
        var report = await attempt.StopAsync(now: true);
        Assert.Empty(report.Survivors);
        Assert.DoesNotContain(report.Evidence, e => e.StartsWith("TERM", StringComparison.Ordinal));
        Assert.Equal("KILL", (await run.Soon()).Exit!.Signal);
    }

    [Fact]
    public async Task A_grace_that_runs_can_be_cut_short()
    {
        var (attempt, run) = await StartAsync("trap 'echo no' TERM; echo up; while :; do sleep 0.02; done", TimeSpan.FromHours(1));
        using var hurry = new CancellationTokenSource();
        var stop = attempt.StopAsync(hurry: hurry.Token);
        await attempt.Printed("no");
        Assert.False(stop.IsCompleted);
        await hurry.CancelAsync();
        Assert.Empty((await stop.Soon()).Survivors);
        await run.Soon();
    }

    [Fact]
    [Trait("Requirement", "U-31")]
    public async Task Two_stops_at_once_climb_one_ladder()
    {
        var (attempt, run) = await StartAsync("trap 'echo asked' TERM; echo up; while :; do sleep 0.02; done");
        var reports = await Task.WhenAll(attempt.StopAsync(), attempt.StopAsync());
        Assert.Equal(reports[0].Evidence.AsEnumerable(), reports[1].Evidence);
        Assert.Single(reports[0].Evidence, e => e.StartsWith("TERM to group", StringComparison.Ordinal));
        await run.Soon();
    }

    [Fact]
    public async Task A_stop_at_any_moment_of_the_start_leaves_nothing_and_never_hangs()
    {
        for (var round = 0; round < 60; round++)
        {
            var attempt = _bench.Attempt(Shell("sleep 300"), TimeSpan.FromSeconds(20));
            var run = attempt.RunAsync();
            // Spawned by now; it is told of only later.
            Assert.NotNull(attempt.Context.Process);
            if (round % 4 > 0) await Task.Delay(round % 4);
            var report = await attempt.StopAsync().Soon();
            Assert.Empty(report.Survivors);
            Assert.DoesNotContain(report.Evidence, e => e.StartsWith("KILL", StringComparison.Ordinal) && !report.Evidence[0].StartsWith("start revoked", StringComparison.Ordinal));
            try
            {
                Assert.NotEqual(OutcomeKind.Succeeded, (await run.Soon()).Kind);
            }
            catch (NeverStartedException)
            {
                Assert.Equal(FindingKind.NeverStarted, (await attempt.ExamineAsync()).Kind);
            }
            AssertGone(attempt);
        }
    }

    [Fact]
    public async Task A_task_that_is_asked_to_stop_before_it_starts_does_not_start()
    {
        var attempt = _bench.Shell("echo never");
        var stop = attempt.StopAsync();
        await Assert.ThrowsAsync<NeverStartedException>(() => attempt.RunAsync());
        Assert.Empty((await stop).Survivors);
        Assert.False(Directory.Exists(attempt.Folder));
    }

    [Fact]
    public async Task A_clock_that_is_set_forward_during_the_grace_does_not_shorten_it()
    {
        var clock = new SettableClock();
        await using var bench = new ProcessBench(time: clock);
        var go = Path.Combine(bench.Data.Path, "go");
        var attempt = bench.Attempt(Shell($"trap 'echo asked; until [ -e {go} ]; do sleep 0.02; done; exit 3' TERM; echo up; while :; do sleep 0.02; done"), TimeSpan.FromSeconds(20));
        var run = attempt.RunAsync();
        await attempt.Printed("up");
        var stop = attempt.StopAsync();
        await attempt.Printed("asked");
        clock.Ahead = TimeSpan.FromHours(1);
        // A look of the ladder comes after 400 ms at the latest.
        await Task.WhenAny(stop, Task.Delay(500));
        await File.WriteAllTextAsync(go, "");
        Assert.DoesNotContain((await stop.Soon()).Evidence, e => e.StartsWith("KILL", StringComparison.Ordinal));
        Assert.Equal(3, (await run.Soon()).Exit!.Code);
    }

    [Fact]
    [Trait("Requirement", "U-36")]
    public async Task A_recycled_pid_is_never_signalled()
    {
        var (victim, victimRun) = await StartAsync("echo up; sleep 300");
        var facts = await victim.Launched;
        var attempt = _bench.Shell("true");
        attempt.SeenByNextHost(facts with { StartTicks = facts.StartTicks - 100 });
        var report = await attempt.StopAsync(now: true);
        Assert.Empty(report.Survivors);
        Assert.True(ProcessBench.IsAlive(facts.Pid));
        Assert.Equal(3, ProcessBench.MarkedBy(victim.Task).Length);
        await victim.StopAsync(now: true);
        await victimRun.Soon();
    }

    [Fact]
    [Trait("Requirement", "C10")]
    [Trait("Requirement", "V-47")]
    public async Task Of_several_tasks_only_the_stopped_one_ends()
    {
        var tasks = await Task.WhenAll(Enumerable.Range(0, 5).Select(_ => StartAsync("echo up; sleep 300")));
        await tasks[2].Attempt.StopAsync();
        await tasks[2].Run.Soon();
        AssertGone(tasks[2].Attempt);
        foreach (var (attempt, run) in tasks.Where((_, i) => i != 2))
        {
            Assert.False(run.IsCompleted);
            Assert.Equal(3, ProcessBench.MarkedBy(attempt.Task).Length);
        }
        await Task.WhenAll(tasks.Select(t => t.Attempt.StopAsync(now: true)));
        await Task.WhenAll(tasks.Select(t => t.Run)).Soon();
    }

    [Fact]
    public async Task A_zombie_is_dead()
    {
        // The parent never asks how its child ended.
        var (attempt, run) = await StartAsync("perl -e '$|=1; if (!fork) { exit 0 } print \"up\\n\"; sleep 300'", TimeSpan.FromSeconds(20));
        await Eventually.TrueAsync(() => attempt.Measure() is { Births: 4, Processes: 3 }, "wrapper, shell and perl live, the child is a zombie");
        Assert.Empty((await attempt.StopAsync()).Survivors);
        await run.Soon();
    }

    /// <summary>The real clock, unless somebody sets it.</summary>
    private sealed class SettableClock : TimeProvider
    {
        public TimeSpan Ahead { get; set; }

        public override DateTimeOffset GetUtcNow() => System.GetUtcNow() + Ahead;
    }

    private async Task<(TestAttempt Attempt, Task<TaskOutcome> Run)> StartAsync(string script, TimeSpan? grace = null)
    {
        var attempt = _bench.Attempt(Shell(script), grace ?? ShortGrace);
        var run = attempt.RunAsync();
        await attempt.Printed("up");
        return (attempt, run);
    }

    private static ProcessSpec Shell(string script) => new() { Argv = ["/bin/sh", "-c", script], Cwd = "/", Environment = ProcessBench.OrdinaryEnvironment };

    private static void AssertGone(TestAttempt attempt) => Assert.Empty(ProcessBench.MarkedBy(attempt.Task));

    private static int ParentOf(int pid)
    {
        var stat = File.ReadAllText($"/proc/{pid}/stat");
        return int.Parse(stat[(stat.LastIndexOf(')') + 2)..].Split(' ')[1]);
    }
}
