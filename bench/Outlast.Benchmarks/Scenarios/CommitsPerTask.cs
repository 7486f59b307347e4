using Outlast.Benchmarks.Harness;
using Outlast.Benchmarks.Hosts;

namespace Outlast.Benchmarks.Scenarios;

/// <summary>w1f: how often the disk is asked to sync for one task, from its submission to its end.</summary>
internal static class CommitsPerTask
{
    public static Scenario Scenario { get; } = new("w1f", "transactions, each with one fsync, in the whole life of a process task: alone and many at once", [new("n", 400), new("alone", 50), new("concurrency", 8)], RunAsync);

    private static async Task RunAsync(ScenarioRun run)
    {
        var concurrency = run["concurrency"];
        await using var host = await EmbeddedHost.StartAsync(run.NewDataFolder(), run.Cancel, concurrency);
        await MeasureAsync("whole life of /bin/true, one after another", run["alone"], 1);
        await MeasureAsync($"whole life of /bin/true, 64 callers, concurrency {concurrency}", run["n"], 64);

        async Task MeasureAsync(string variant, int n, int callers)
        {
            var before = host.Store.Committed;
            await Callers.ShareAsync(n, callers, async _ => await host.CompleteAsync(await host.SubmitAsync(Commands.Submission(Commands.True), run.Cancel), run.Cancel));
            var after = host.Store.Committed;
            run.Write(variant, ("n", n), ("commits_per_task", (double)(after.Transactions - before.Transactions) / n), ("writes_per_task", (double)(after.Writes - before.Writes) / n));
        }
    }
}
