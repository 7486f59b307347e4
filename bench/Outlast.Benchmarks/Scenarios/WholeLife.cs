using Outlast.Benchmarks.Harness;
using Outlast.Benchmarks.Hosts;
using Outlast.Benchmarks.Machine;

namespace Outlast.Benchmarks.Scenarios;

/// <summary>w1c: tasks that do nothing, from submission to end, each state and event on disk.</summary>
internal static class WholeLife
{
    public static Scenario Scenario { get; } = new("w1c", "submit, run and complete handlers that do nothing, every state and event on disk: alone and many at once", [new("n", 40_000), new("alone", 1000), new("callers", 64), new("concurrency", 64)], RunAsync);

    private static async Task RunAsync(ScenarioRun run)
    {
        var (n, callers) = (run["n"], run["callers"]);
        await using var host = await EmbeddedHost.StartAsync(run.NewDataFolder(), run.Cancel, handlers: run["concurrency"], with: new());
        await EndAsync(n / 4); // for the compiler

        var before = host.Store.Committed;
        var cost = new Cost();
        var rate = new Rate();
        await rate.AddAsync(n, () => EndAsync(n));
        run.Write($"submit, run, complete, {callers} callers, {run["concurrency"]} at once, no-op handler", [("n", n), ("per_s", rate.PerSecond), .. Commits(n), .. cost.For(n)]);

        await AloneAsync(run["alone"] / 4);
        before = host.Store.Committed;
        rate = new Rate();
        await rate.AddAsync(run["alone"], () => AloneAsync(run["alone"]));
        run.Write("submit, run, complete, one after another, no-op handler", [("n", run["alone"]), ("per_s", rate.PerSecond), .. Commits(run["alone"])]);

        Figure[] Commits(int count) => [("commits_per_task", (double)(host.Store.Committed.Transactions - before.Transactions) / count), ("writes_per_task", (double)(host.Store.Committed.Writes - before.Writes) / count)];

        // From the first submission until the end of the last is on disk and told.
        async Task EndAsync(int count)
        {
            using var ended = host.CountEnds(count);
            await Callers.ShareAsync(count, callers, _ => host.Client.SubmitAsync(Handlers.Submission(Handlers.Nothing), run.Cancel));
            await ended.All.WaitAsync(run.Cancel);
        }

        async Task AloneAsync(int count)
        {
            for (var i = 0; i < count; i++)
            {
                using var ended = host.CountEnds(1);
                await host.Client.SubmitAsync(Handlers.Submission(Handlers.Nothing), run.Cancel);
                await ended.All.WaitAsync(run.Cancel);
            }
        }
    }
}
