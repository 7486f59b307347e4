using Outlast.Benchmarks.Harness;
using Outlast.Benchmarks.Hosts;
using Outlast.Benchmarks.Machine;

namespace Outlast.Benchmarks.Scenarios;

/// <summary>w5a: what a host holds in memory for each handler that runs and waits.</summary>
internal static class WaitingHandlers
{
    public static Scenario Scenario { get; } = new("w5a", "memory for each handler that waits, beside a delay that can be cancelled and nothing else", [new("n", 10_000), new("many", 100_000)], RunAsync);

    private static async Task RunAsync(ScenarioRun run)
    {
        foreach (var n in (int[])[run["n"], run["many"]])
        {
            MeasureDelays(run, n);
            await MeasureHandlersAsync(run, n);
        }
    }

    private static async Task MeasureHandlersAsync(ScenarioRun run, int n)
    {
        var handlers = new Handlers();
        await using var host = await EmbeddedHost.StartAsync(run.NewDataFolder(), run.Cancel, handlers: n, with: handlers);
        using (var warm = host.CountEnds(1000))
        {
            await Callers.ShareAsync(1000, 64, _ => host.Client.SubmitAsync(Handlers.Submission(Handlers.Nothing), run.Cancel));
            await warm.All.WaitAsync(run.Cancel);
        }
        var before = Memory.Now();

        using var ended = host.CountEnds(n);
        await Callers.ShareAsync(n, 64, _ => host.Client.SubmitAsync(Handlers.Submission(Handlers.Waiting), run.Cancel));
        await Poll.UntilAsync(() => handlers.Waits == n, "every handler waits", 20, run.Cancel);
        var after = Memory.Now();
        run.Write($"{n} waiting handlers", [("waiting", n), .. after.Since(before, n)]);

        handlers.LetThrough();
        await ended.All.WaitAsync(run.Cancel);
    }

    private static void MeasureDelays(ScenarioRun run, int n)
    {
        var before = Memory.Now();
        var (delays, stops) = (new Task[n], new CancellationTokenSource[n]);
        for (var i = 0; i < n; i++) delays[i] = Task.Delay(TimeSpan.FromHours(1), (stops[i] = new()).Token);
        run.WriteRaw($"{n} × Task.Delay with a token of its own", [("waiting", n), .. Memory.Now().Since(before, n)]);
        foreach (var stop in stops)
        {
            stop.Cancel();
            stop.Dispose();
        }
        GC.KeepAlive(delays);
    }

    /// <summary>What this process holds: what its objects take after a collection, and what is resident.</summary>
    private readonly record struct Memory(long Managed, double ResidentMb)
    {
        public static Memory Now()
        {
            GC.Collect(2, GCCollectionMode.Aggressive, blocking: true, compacting: true);
            GC.WaitForPendingFinalizers();
            GC.Collect(2, GCCollectionMode.Aggressive, blocking: true, compacting: true);
            return new(GC.GetTotalMemory(false), ProcessFigures.ResidentMb(Environment.ProcessId));
        }

        public Figure[] Since(Memory before, int n) => [("managed_bytes_per_task", (double)(Managed - before.Managed) / n), ("bytes_per_task", (ResidentMb - before.ResidentMb) * 1048576 / n), ("rss_mb", ResidentMb)];
    }
}
