using System.Diagnostics;
using Outlast.Runners;
using Outlast.Runners.Processes;
using Outlast.TestKit;
using Xunit;

namespace Outlast.IntegrationTests.Processes;

/// <summary>What the next host finds and concludes, whenever the last one died.</summary>
public sealed class AdoptionTests : IAsyncLifetime
{
    private readonly ProcessBench _bench = new();

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await _bench.DisposeAsync();

    [Theory]
    [InlineData("lock_taken")]
    [InlineData("keeper_started")]
    public async Task A_host_that_dies_before_the_spawn_has_provably_started_nothing(string milestone)
    {
        var attempt = _bench.Shell("echo ran >>$OUTLAST_DATA/witness; exit 7");
        await DieAtAsync(attempt, milestone, "keep", "/bin/sh", "-c", "echo ran >>$OUTLAST_DATA/witness; exit 7");
        var finding = await attempt.ExamineAsync();
        Assert.Equal(FindingKind.NeverStarted, finding.Kind);
        Assert.False(File.Exists(Witness));
        // The same attempt, once more: now it runs, once.
        Assert.Equal(7, (await attempt.RunAsync()).Exit!.Code);
        Assert.Equal("ran\n", await File.ReadAllTextAsync(Witness));
    }

    [Fact]
    public async Task A_host_that_dies_right_after_the_spawn_leaves_a_living_attempt_that_is_found_without_its_record()
    {
        const string Script = "echo ran >>$OUTLAST_DATA/witness; until [ -e $OUTLAST_DATA/go ]; do sleep 0.02; done; echo end; exit 7";
        var attempt = _bench.Shell(Script);
        await DieAtAsync(attempt, "spawned", "keep", "/bin/sh", "-c", Script);
        attempt.SeenByNextHost(recorded: null);
        var finding = await attempt.ExamineAsync();
        Assert.Equal(FindingKind.Alive, finding.Kind);
        Assert.Equal(finding.Process!.Pid, SessionOf(finding.Process.Pid));
        var adoption = attempt.AdoptAsync();
        await File.WriteAllTextAsync(Path.Combine(_bench.Data.Path, "go"), "");
        Assert.Equal(7, (await adoption.Soon()).Exit!.Code);
        Assert.Equal("ran\n", await File.ReadAllTextAsync(Witness));
        Assert.Equal("end\n", attempt.Output);
    }

    [Theory]
    [InlineData("exit_seen")]
    [InlineData("output_synced")]
    public async Task A_host_that_dies_at_the_end_leaves_a_record_that_tells_it(string milestone)
    {
        var attempt = _bench.Shell("echo hello; exit 7");
        await DieAtAsync(attempt, milestone, "keep", "/bin/sh", "-c", "echo hello; exit 7");
        attempt.SeenByNextHost(recorded: null);
        Assert.Equal(FindingKind.Ended, (await attempt.ExamineAsync()).Kind);
        var outcome = await attempt.AdoptAsync().Soon();
        Assert.Equal((OutcomeKind.Failed, 7), (outcome.Kind, outcome.Exit!.Code));
        Assert.Equal("hello\n", attempt.Output);
        Assert.InRange(outcome.Resources!.Wall, TimeSpan.Zero, TimeSpan.FromSeconds(30));
    }

    [Theory]
    [Trait("Requirement", "C12")]
    [InlineData("stop_signal_sent")]
    [InlineData("kill_sent")]
    [InlineData("stop_verified")]
    public async Task The_next_host_goes_on_with_a_stop(string milestone)
    {
        const string Script = "trap 'echo asked' TERM; echo up; while :; do sleep 0.02; done";
        var attempt = _bench.Shell(Script);
        await DieAtAsync(attempt, milestone, "stop", "/bin/sh", "-c", Script);
        attempt.SeenByNextHost(recorded: null);
        var finding = await attempt.ExamineAsync();
        Assert.Equal(milestone == "stop_signal_sent" ? FindingKind.Alive : FindingKind.Gone, milestone == "kill_sent" && finding.Kind == FindingKind.Alive ? FindingKind.Gone : finding.Kind);
        var asked = attempt.Output.Split("asked").Length;
        var adoption = attempt.AdoptAsync();
        var clock = Stopwatch.StartNew();
        var report = await attempt.StopAsync(requestedAt: DateTimeOffset.UtcNow - TimeSpan.FromMinutes(1));
        Assert.Empty(report.Survivors);
        Assert.Empty(ProcessBench.MarkedBy(attempt.Task));
        Assert.Equal(OutcomeKind.Lost, (await adoption.Soon()).Kind);
        if (milestone != "stop_signal_sent") return;
        // The grace was over long ago; but the command is asked again, and gets a second to answer.
        Assert.True(attempt.Output.Split("asked").Length > asked);
        Assert.True(clock.Elapsed >= TimeSpan.FromSeconds(0.9));
    }

    [Fact]
    public async Task A_stop_that_comes_before_the_adoption_asks_again_and_waits_for_an_answer()
    {
        var attempt = _bench.Shell("trap 'sleep 0.3; echo answered; exit 3' TERM; echo up; while :; do sleep 0.02; done");
        attempt.SeenByNextHost(await AbandonAsync(attempt));
        var report = await attempt.StopAsync(requestedAt: DateTimeOffset.UtcNow - TimeSpan.FromMinutes(1));
        Assert.DoesNotContain(report.Evidence, e => e.StartsWith("KILL", StringComparison.Ordinal));
        Assert.Equal(3, (await attempt.AdoptAsync().Soon()).Exit!.Code);
        Assert.EndsWith("answered\n", attempt.Output);
    }

    [Fact]
    [Trait("Requirement", "U-18")]
    public async Task A_wrapper_that_is_killed_alone_does_not_end_the_task_while_its_command_lives()
    {
        var attempt = _bench.Shell("echo up; until [ -e $OUTLAST_DATA/go ]; do sleep 0.02; done; echo end");
        var run = attempt.RunAsync();
        await attempt.Printed("up");
        Process.GetProcessById((await attempt.Launched).Pid).Kill();
        await Eventually.TrueAsync(() => !attempt.Annotations.IsEmpty, "the host says so");
        Assert.False(run.IsCompleted);
        Assert.Contains("live on and are followed", Assert.Single(attempt.Annotations), StringComparison.Ordinal);
        await File.WriteAllTextAsync(Path.Combine(_bench.Data.Path, "go"), "");
        var outcome = await run.Soon();
        Assert.Equal((OutcomeKind.Failed, EndCause.Exit, "KILL"), (outcome.Kind, outcome.Cause, outcome.Exit!.Signal));
        Assert.Equal("up\nend\n", attempt.Output);
        Assert.Empty(outcome.Leftovers);
    }

    [Fact]
    public async Task An_exit_record_that_appears_while_orphans_are_followed_tells_the_end()
    {
        var attempt = _bench.Shell("echo up; until [ -e $OUTLAST_DATA/go ]; do sleep 0.02; done");
        var run = attempt.RunAsync();
        await attempt.Printed("up");
        Process.GetProcessById((await attempt.Launched).Pid).Kill();
        await Eventually.TrueAsync(() => !attempt.Annotations.IsEmpty, "the host says so");
        await File.WriteAllTextAsync(Path.Combine(attempt.Folder, "exit"), "7 TERM end\n");
        await File.WriteAllTextAsync(Path.Combine(_bench.Data.Path, "go"), "");
        var outcome = await run.Soon();
        Assert.Equal((EndCause.Exit, 7), (outcome.Cause, outcome.Exit!.Code));
        Assert.Equal("TERM", Assert.Single(outcome.Exit.SignalsSeen));
    }

    [Fact]
    public async Task A_wrapper_that_was_killed_while_no_host_lived_leaves_a_lost_attempt_once_its_command_ended()
    {
        var attempt = _bench.Shell("echo up; until [ -e $OUTLAST_DATA/go ]; do sleep 0.02; done; echo end");
        var facts = await AbandonAsync(attempt);
        Process.GetProcessById(facts.Pid).Kill();
        await Eventually.TrueAsync(() => !ProcessBench.IsAlive(facts.Pid), "the wrapper is gone");
        attempt.SeenByNextHost(facts);
        Assert.Equal(FindingKind.Alive, (await attempt.ExamineAsync()).Kind);
        var adoption = attempt.AdoptAsync();
        await Eventually.TrueAsync(() => !attempt.Annotations.IsEmpty, "the host says so");
        await File.WriteAllTextAsync(Path.Combine(_bench.Data.Path, "go"), "");
        var outcome = await adoption.Soon();
        Assert.Equal((OutcomeKind.Lost, EndCause.HostLost), (outcome.Kind, outcome.Cause));
        Assert.NotEmpty(outcome.Evidence);
        Assert.Equal(FindingKind.Gone, (await attempt.ExamineAsync()).Kind);
    }

    [Fact]
    public async Task Another_boot_is_gone_unless_its_exit_record_tells()
    {
        var attempt = _bench.Shell("exit 7");
        await attempt.RunAsync();
        await File.WriteAllTextAsync(Path.Combine(attempt.Folder, "lock"), "00000000-0000-0000-0000-000000000000\n");
        attempt.SeenByNextHost(new ProcessFacts(1, null, "00000000-0000-0000-0000-000000000000", 1));
        Assert.Equal(FindingKind.Ended, (await attempt.ExamineAsync()).Kind);
        Assert.Equal(7, (await attempt.AdoptAsync().Soon()).Exit!.Code);
        await File.WriteAllTextAsync(Path.Combine(attempt.Folder, "exit"), "7 ");
        var finding = await attempt.ExamineAsync();
        Assert.Equal(FindingKind.Gone, finding.Kind);
        Assert.Contains("00000000-0000-0000-0000-000000000000", finding.Evidence, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("7")]
    [InlineData("7 end")]
    [InlineData("7 TERM\n")]
    [InlineData("x end\n")]
    public async Task An_exit_record_that_is_not_complete_is_none(string text)
    {
        var attempt = _bench.Shell("exit 7");
        await attempt.RunAsync();
        await File.WriteAllTextAsync(Path.Combine(attempt.Folder, "exit"), text);
        attempt.SeenByNextHost(await attempt.Launched);
        Assert.Equal(FindingKind.Gone, (await attempt.ExamineAsync()).Kind);
    }

    [Fact]
    [Trait("Requirement", "U-36")]
    public async Task A_recycled_pid_is_not_taken_for_the_wrapper()
    {
        var other = _bench.Shell("echo up; sleep 300");
        var otherRun = other.RunAsync();
        await other.Printed("up");
        var facts = await other.Launched;
        var attempt = _bench.Shell("true");
        Directory.CreateDirectory(attempt.Folder);
        await File.WriteAllTextAsync(Path.Combine(attempt.Folder, "lock"), facts.BootId + "\n");
        await File.WriteAllTextAsync(Path.Combine(attempt.Folder, "pid"), $"{facts.Pid} end\n");
        attempt.SeenByNextHost(facts with { StartTicks = facts.StartTicks - 100 });
        Assert.Equal(FindingKind.Gone, (await attempt.ExamineAsync()).Kind);
        attempt.SeenByNextHost(recorded: null);
        Assert.Equal(FindingKind.Gone, (await attempt.ExamineAsync()).Kind);
        Assert.False(otherRun.IsCompleted);
        await other.StopAsync(now: true);
        await otherRun.Soon();
    }

    [Fact]
    public async Task A_folder_that_is_gone_is_told_apart_from_one_that_never_was()
    {
        var attempt = _bench.Shell("true");
        Assert.Equal(FindingKind.NeverStarted, (await attempt.ExamineAsync()).Kind);
        var old = _bench.Attempt(new ProcessSpec { Argv = ["true"], Cwd = "/", Environment = ProcessBench.OrdinaryEnvironment }, id: TaskId.New(DateTimeOffset.UnixEpoch.AddYears(40)));
        Assert.Equal(FindingKind.Gone, (await old.ExamineAsync()).Kind);
        // Queued before the machine was started, claimed after it.
        old.SeenByNextHost(recorded: null, claimedAt: DateTimeOffset.UtcNow);
        Assert.Equal(FindingKind.NeverStarted, (await old.ExamineAsync()).Kind);
        await attempt.RunAsync();
        Directory.Delete(attempt.Folder, recursive: true);
        attempt.SeenByNextHost(await attempt.Launched);
        Assert.Equal(FindingKind.Gone, (await attempt.ExamineAsync()).Kind);
    }

    [Fact]
    public async Task An_attempt_that_has_started_is_never_started_again()
    {
        var attempt = _bench.Shell("echo ran >>$OUTLAST_DATA/witness");
        await attempt.RunAsync();
        await Assert.ThrowsAsync<InvalidOperationException>(() => attempt.RunAsync());
        var living = _bench.Shell("echo ran >>$OUTLAST_DATA/witness; echo up; sleep 300");
        var run = living.RunAsync();
        await living.Printed("up");
        await Assert.ThrowsAsync<NeverStartedException>(() => living.RunAsync());
        Assert.Equal("ran\nran\n", await File.ReadAllTextAsync(Witness));
        await living.StopAsync(now: true);
        await run.Soon();
    }

    [Fact]
    public async Task Whoever_makes_the_pid_file_first_has_won_never_both_never_neither()
    {
        var (started, revoked) = (0, 0);
        for (var round = 0; round < 200; round++)
        {
            var witness = Path.Combine(_bench.Data.Path, $"ran{round}");
            var attempt = _bench.Shell($": >{witness}; exit 7");
            var run = attempt.RunAsync();
            // Spawned by now; it is told of only later.
            Assert.NotNull(attempt.Context.Process);
            if (round % 5 > 0) Thread.SpinWait(round % 5 * 2000);
            var isRevoked = new AttemptFolder(attempt.Folder).TryRevoke();
            try
            {
                Assert.Equal(7, (await run.Soon()).Exit!.Code);
                Assert.False(isRevoked);
                started++;
            }
            catch (NeverStartedException)
            {
                Assert.True(isRevoked);
                revoked++;
                // The host may die before the record learns more than the wrapper.
                attempt.SeenByNextHost(await attempt.Launched);
                Assert.Equal(FindingKind.NeverStarted, (await attempt.ExamineAsync()).Kind);
            }
            Assert.Equal(!isRevoked, File.Exists(witness));
        }
        Assert.Equal(200, started + revoked);
        Assert.True(revoked > 0);
    }

    [Fact]
    public async Task A_wrapper_that_hangs_before_it_starts_is_revoked_and_gone_before_that_is_said()
    {
        // It holds the lock and is stopped before its first statement.
        await using var bench = new ProcessBench(options: new ProcessRunnerOptions { RevokeAfter = TimeSpan.FromMilliseconds(200) });
        var attempt = bench.Shell("true");
        Directory.CreateDirectory(attempt.Folder);
        var lockFile = Path.Combine(attempt.Folder, "lock");
        await File.WriteAllTextAsync(lockFile, File.ReadAllText("/proc/sys/kernel/random/boot_id"));
        using var holder = Process.Start("/usr/bin/flock", [lockFile, "/bin/sleep", "300"]);
        using var reader = Process.Start(new ProcessStartInfo("/usr/bin/tail", ["-f", $"--pid={Environment.ProcessId}", lockFile]) { RedirectStandardOutput = true })!;
        await reader.StandardOutput.ReadLineAsync();
        await Eventually.TrueAsync(() => AttemptLock.IsHeld(new AttemptFolder(attempt.Folder)), "it is held");
        var finding = await attempt.ExamineAsync().Soon();
        Assert.Equal(FindingKind.NeverStarted, finding.Kind);
        Assert.False(AttemptLock.IsHeld(new AttemptFolder(attempt.Folder)));
        // Who merely has the file open is nobody's to kill.
        Assert.True(ProcessBench.IsAlive(reader.Id));
        reader.Kill();
        Assert.Equal(0, (await attempt.RunAsync().Soon()).Exit!.Code);
    }

    private string Witness => Path.Combine(_bench.Data.Path, "witness");

    /// <summary>A host in a process of its own runs the attempt and is killed at that instant.</summary>
    private async Task DieAtAsync(TestAttempt attempt, string milestone, string wish, params string[] argv)
    {
        Assert.Equal(128 + 9, await FaultyHost.RunAsync(_bench, attempt, milestone, wish, argv));
    }

    private async Task<ProcessFacts> AbandonAsync(TestAttempt attempt)
    {
        using var host = new CancellationTokenSource();
        var run = attempt.RunAsync(host.Token);
        await attempt.Printed("up");
        await host.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => run);
        _bench.ForgetEverything();
        return await attempt.Launched;
    }

    private static int SessionOf(int pid)
    {
        var stat = File.ReadAllText($"/proc/{pid}/stat");
        return int.Parse(stat[(stat.LastIndexOf(')') + 2)..].Split(' ')[3]);
    }
}
