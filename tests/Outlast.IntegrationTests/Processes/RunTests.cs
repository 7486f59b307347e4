using Outlast.Runners;
using Outlast.TestKit;
using Xunit;

namespace Outlast.IntegrationTests.Processes;

public sealed class RunTests : IAsyncLifetime
{
    private readonly ProcessBench _bench = new();

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await _bench.DisposeAsync();

    [Fact]
    public async Task A_command_runs_and_its_output_and_exit_code_are_told()
    {
        var attempt = _bench.Shell("echo out; echo err >&2; exit 7");
        var outcome = await attempt.RunAsync();
        Assert.Equal(OutcomeKind.Failed, outcome.Kind);
        Assert.Equal(EndCause.Exit, outcome.Cause);
        Assert.Equal(7, outcome.Exit!.Code);
        Assert.Empty(outcome.Exit.SignalsSeen);
        Assert.Equal("exit code 7", outcome.Reason);
        Assert.Equal("out\nerr\n", attempt.Output);
        Assert.Equal(new OutputFacts(8, 0, 0, 0), outcome.Output);
        Assert.Empty(outcome.Leftovers);
        Assert.Empty(outcome.Evidence);
        Assert.InRange(outcome.Resources!.Wall, TimeSpan.Zero, TimeSpan.FromSeconds(5));
        Assert.NotNull(outcome.Resources.Cpu);
    }

    [Fact]
    public async Task Success_is_exit_code_zero()
    {
        var outcome = await _bench.Attempt("true").RunAsync();
        Assert.Equal(OutcomeKind.Succeeded, outcome.Kind);
        Assert.Equal(0, outcome.Exit!.Code);
    }

    [Fact]
    [Trait("Requirement", "C12")]
    public async Task A_stopped_command_is_gone_and_its_end_shows_the_signal()
    {
        var attempt = _bench.Shell("echo up; sleep 100 & sleep 100");
        var run = attempt.RunAsync();
        await attempt.Printed("up");
        var report = await attempt.StopAsync();
        var outcome = await run;
        Assert.Empty(report.Survivors);
        Assert.Contains("TERM", outcome.Exit!.SignalsSeen);
        Assert.Equal(143, outcome.Exit.Code);
        Assert.Empty(ProcessBench.MarkedBy(attempt.Task));
    }

    [Fact]
    public async Task A_living_command_is_adopted_with_its_real_exit_code()
    {
        var attempt = _bench.Shell("echo up; while [ ! -e $OUTLAST_DATA/go ]; do sleep 0.02; done; echo done; exit 9");
        using var host = new CancellationTokenSource();
        var run = attempt.RunAsync(host.Token);
        await attempt.Printed("up");
        await host.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => run);
        _bench.ForgetEverything();
        attempt.SeenByNextHost(recorded: null);
        var finding = await attempt.ExamineAsync();
        Assert.Equal(FindingKind.Alive, finding.Kind);
        var adoption = attempt.AdoptAsync();
        File.WriteAllText(Path.Combine(_bench.Data.Path, "go"), "");
        var outcome = await adoption;
        Assert.Equal(9, outcome.Exit!.Code);
        Assert.Equal("up\ndone\n", attempt.Output);
    }
}
