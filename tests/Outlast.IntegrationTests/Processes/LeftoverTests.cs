using System.Collections.Immutable;
using System.Diagnostics;
using Outlast.Runners;
using Outlast.Runners.Processes;
using Outlast.TestKit;
using Xunit;

namespace Outlast.IntegrationTests.Processes;

/// <summary>What becomes of processes that outlive their command.</summary>
public sealed class LeftoverTests : IAsyncLifetime
{
    /// <summary>Leaves a child that waits for a file, and one that is deaf to TERM; then ends with 3.</summary>
    private const string Leaver = "(until [ -e \"$OUTLAST_DATA/go\" ]; do sleep 0.02; done; echo late) & (trap '' TERM; until [ -e \"$OUTLAST_DATA/go\" ]; do sleep 0.02; done) & echo up; exit 3";

    private readonly ProcessBench _bench = new();

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await _bench.DisposeAsync();

    [Fact]
    public async Task Told_to_stop_them_the_end_waits_until_they_are_verified_gone_and_stays_the_commands()
    {
        var attempt = Shell(Leaver, LeftoverPolicy.Stop, grace: TimeSpan.FromSeconds(0.5));
        var outcome = await attempt.RunAsync().Soon();
        Assert.Equal((OutcomeKind.Failed, EndCause.Exit, 3, null), (outcome.Kind, outcome.Cause, outcome.Exit!.Code, outcome.Exit.Signal));
        Assert.Empty(outcome.Exit.SignalsSeen);
        Assert.Empty(outcome.Leftovers);
        Assert.Empty(ProcessBench.MarkedBy(attempt.Task));
        Assert.StartsWith("its command had ended and left processes behind, which were stopped (leftovers stop): ", outcome.Evidence[0], StringComparison.Ordinal);
        Assert.Contains(outcome.Evidence, e => e.StartsWith("KILL at ", StringComparison.Ordinal));
        Assert.Contains(outcome.Evidence, e => e.StartsWith("verified gone at ", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(LeftoverPolicy.Stop)]
    [InlineData(LeftoverPolicy.Wait)]
    public async Task Where_nothing_is_left_nothing_is_said(LeftoverPolicy policy)
    {
        var outcome = await Shell("exit 3", policy).RunAsync().Soon();
        Assert.Equal(3, outcome.Exit!.Code);
        Assert.Empty(outcome.Evidence);
    }

    [Fact]
    public async Task Told_to_wait_the_task_is_not_over_before_they_are_and_what_they_print_belongs_to_it()
    {
        var attempt = Shell(Leaver, LeftoverPolicy.Wait);
        var run = attempt.RunAsync();
        await Eventually.TrueAsync(() => !attempt.Annotations.IsEmpty, "the wait is told");
        Assert.False(run.IsCompleted);
        Go();
        var outcome = await run.Soon();
        Assert.Equal((OutcomeKind.Failed, 3), (outcome.Kind, outcome.Exit!.Code));
        Assert.Empty(outcome.Leftovers);
        Assert.Equal("up\nlate\n", attempt.Output);
        Assert.StartsWith("its command had ended and left processes behind, which were waited for (leftovers wait): ", outcome.Evidence[0], StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_stop_during_the_wait_takes_them_and_leaves_the_end_natural()
    {
        var attempt = Shell(Leaver, LeftoverPolicy.Wait, grace: TimeSpan.FromSeconds(0.5));
        var run = attempt.RunAsync();
        await Eventually.TrueAsync(() => !attempt.Annotations.IsEmpty, "the wait is told");
        Assert.Empty((await attempt.StopAsync()).Survivors);
        var outcome = await run.Soon();
        Assert.Equal((OutcomeKind.Failed, 3), (outcome.Kind, outcome.Exit!.Code));
        Assert.Empty(outcome.Exit.SignalsSeen);
        Assert.Empty(ProcessBench.MarkedBy(attempt.Task));
    }

    [Fact]
    public async Task A_stop_that_comes_while_they_are_being_stopped_joins_and_may_hurry()
    {
        var attempt = Shell(Leaver, LeftoverPolicy.Stop, grace: TimeSpan.FromMinutes(5));
        var run = attempt.RunAsync();
        // Both children have been asked: the one that obeys is gone.
        await attempt.Printed("up");
        await Eventually.TrueAsync(() => attempt.Context.Process is { } wrapper && !ProcessBench.IsAlive(wrapper.Pid), "the command has ended");
        Assert.Empty((await attempt.StopAsync(now: true).Soon()).Survivors);
        Assert.Equal(3, (await run.Soon()).Exit!.Code);
        Assert.Empty(ProcessBench.MarkedBy(attempt.Task));
    }

    [Theory]
    [InlineData("exit_seen")]
    [InlineData("stop_signal_sent")]
    [InlineData("kill_sent")]
    [Trait("Requirement", "U-33")]
    public async Task The_next_host_goes_on_with_stopping_them(string milestone)
    {
        var attempt = Shell(Leaver, LeftoverPolicy.Stop, grace: TimeSpan.FromSeconds(1));
        Assert.Equal(137, await FaultyHost.RunAsync(_bench, attempt, milestone, "leftovers-stop", "/bin/sh", "-c", Leaver));
        Assert.Equal(FindingKind.Ended, (await attempt.ExamineAsync()).Kind);
        var outcome = await attempt.AdoptAsync().Soon();
        Assert.Equal((3, 0), (outcome.Exit!.Code, outcome.Leftovers.Length));
        Assert.Empty(ProcessBench.MarkedBy(attempt.Task));
    }

    [Fact]
    public async Task The_next_host_goes_on_with_the_wait()
    {
        var attempt = Shell(Leaver, LeftoverPolicy.Wait);
        Assert.Equal(137, await FaultyHost.RunAsync(_bench, attempt, "exit_seen", "leftovers-wait", "/bin/sh", "-c", Leaver));
        Assert.Equal(FindingKind.Ended, (await attempt.ExamineAsync()).Kind);
        var adoption = attempt.AdoptAsync();
        await Eventually.TrueAsync(() => !attempt.Annotations.IsEmpty, "the wait is told");
        Assert.False(adoption.IsCompleted);
        Go();
        Assert.Equal(3, (await adoption.Soon()).Exit!.Code);
        Assert.Equal("up\nlate\n", attempt.Output);
    }

    [Fact]
    public async Task What_an_ended_task_left_is_ended_later_and_nobody_else()
    {
        // One carries the mark, one has left session and environment behind and is known by its end alone.
        var hours = $"601.{Environment.ProcessId}";
        var attempt = Shell($"sleep 600 & env -i setsid sleep {hours} & until [ -e \"$OUTLAST_DATA/go\" ]; do sleep 0.02; done; exit 0", LeftoverPolicy.Keep);
        using var bystander = Process.Start("/bin/sleep", "602");
        try
        {
            var run = attempt.RunAsync();
            ImmutableArray<int> hidden = [];
            await Eventually.TrueAsync(() => !(hidden = [.. Find("sleep", hours)]).IsEmpty, "the hidden one runs");
            attempt.Measure();
            Go();
            var outcome = await run.Soon();
            Assert.Contains(outcome.Leftovers, l => l.Pid == hidden[0]);
            // A number that is another's by now.
            ImmutableArray<Survivor> named = [.. outcome.Leftovers, new Survivor(bystander.Id, 1, "sleep 602")];
            Assert.Equal(outcome.Leftovers.Select(l => l.Pid).Order(), _bench.Runner.FindLeftovers(attempt.Context, named).Select(l => l.Pid).Order());

            var report = await _bench.Runner.StopLeftoversAsync(attempt.Context, named, Request(), default);
            Assert.Empty(report.Survivors);
            Assert.Equal(outcome.Leftovers.Select(l => l.Pid).Order(), report.Ended.Select(l => l.Pid).Order());
            Assert.Empty(ProcessBench.MarkedBy(attempt.Task));
            Assert.False(ProcessBench.IsAlive(hidden[0]));
            Assert.True(ProcessBench.IsAlive(bystander.Id));
            Assert.Empty(_bench.Runner.FindLeftovers(attempt.Context, named));
            report = await _bench.Runner.StopLeftoversAsync(attempt.Context, named, Request(), default);
            Assert.Empty(report.Ended);
        }
        finally
        {
            bystander.Kill();
            foreach (var pid in Find("sleep", hours)) Process.GetProcessById(pid).Kill();
        }
    }

    [Fact]
    public async Task What_was_named_in_an_earlier_boot_is_nobody_now()
    {
        using var bystander = Process.Start("/bin/sleep", "602");
        var attempt = Shell("true", LeftoverPolicy.Keep);
        attempt.SeenByNextHost(new ProcessFacts(1, null, "an earlier boot", 1));
        ImmutableArray<Survivor> named = [new Survivor(bystander.Id, ProcessStat.TryRead(bystander.Id)!.Value.StartTicks, "sleep 602")];
        Assert.Empty(_bench.Runner.FindLeftovers(attempt.Context, named));
        Assert.Empty((await _bench.Runner.StopLeftoversAsync(attempt.Context, named, Request(), default)).Ended);
        Assert.True(ProcessBench.IsAlive(bystander.Id));
        bystander.Kill();
    }

    [Fact]
    public async Task A_measurement_learns_the_commands_own_pid()
    {
        var attempt = Shell("echo $$; until [ -e \"$OUTLAST_DATA/go\" ]; do sleep 0.02; done", LeftoverPolicy.Keep);
        var run = attempt.RunAsync();
        await attempt.Printed("\n");
        Assert.Null(attempt.Context.Process!.CommandPid);
        attempt.Measure();
        Assert.Equal(int.Parse(attempt.Output), attempt.Context.Process.CommandPid);
        Go();
        await run.Soon();
    }

    private void Go() => File.WriteAllText(Path.Combine(_bench.Data.Path, "go"), "");

    private static StopRequest Request() => new() { Cause = EndCause.User, Actor = new Actor(ActorType.User, "test"), RequestedAt = DateTimeOffset.UtcNow };

    private TestAttempt Shell(string script, LeftoverPolicy policy, TimeSpan? grace = null) => _bench.Attempt(
        new ProcessSpec { Argv = ["/bin/sh", "-c", script], Cwd = "/", Environment = ProcessBench.OrdinaryEnvironment, Leftovers = policy }, grace);

    private static IEnumerable<int> Find(string program, string argument) => Directory.EnumerateDirectories("/proc").Select(d => int.TryParse(Path.GetFileName(d), out var pid) ? pid : 0)
        .Where(pid => pid > 0 && ProcFile.CommandLine(pid) == $"{program} {argument}");
}
