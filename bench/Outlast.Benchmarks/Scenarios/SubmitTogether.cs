using Outlast.Benchmarks.Harness;
using Outlast.Benchmarks.Hosts;

namespace Outlast.Benchmarks.Scenarios;

/// <summary>w1b: what many callers get together, whose commits share their fsyncs.</summary>
internal static class SubmitTogether
{
    public static Scenario Scenario { get; } = new("w1b", "submit in process, many callers; nothing is claimed", [new("n", 20_000), new("callers", 64)], RunAsync);

    private static async Task RunAsync(ScenarioRun run)
    {
        var (n, callers) = (run["n"], run["callers"]);
        var submission = Commands.Submission(Commands.True);
        await using var host = await EmbeddedHost.StartClosedAsync(run.NewDataFolder(), run.Cancel);
        await Callers.ShareAsync(Math.Min(n, 1000), callers, _ => host.Client.SubmitAsync(submission, run.Cancel)); // for the compiler

        var before = host.Store.Committed;
        var rate = new Rate();
        await rate.AddAsync(n, () => Callers.ShareAsync(n, callers, _ => host.Client.SubmitAsync(submission, run.Cancel)));
        var commits = host.Store.Committed.Transactions - before.Transactions;
        run.Write($"submit in process, {callers} callers", ("n", n), ("enq_per_s", rate.PerSecond), ("commits", commits), ("commits_per_task", (double)commits / n));
    }
}
