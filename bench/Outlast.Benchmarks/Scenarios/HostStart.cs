using System.Diagnostics;
using Outlast.Benchmarks.Harness;
using Outlast.Benchmarks.Hosts;

namespace Outlast.Benchmarks.Scenarios;

/// <summary>w6a: from the start of the host's process to its first "ready", whatever has ended before.</summary>
internal static class HostStart
{
    public static Scenario Scenario { get; } = new("w6a", "start of outlast serve until /readyz is 200, with an empty store and with ended tasks stored, beside the start of a .NET program that does nothing", [new("stored", 100_000), new("rounds", 5)], RunAsync);

    private static async Task RunAsync(ScenarioRun run)
    {
        var (empty, filled) = (run.NewDataFolder(), await run.HistoryAsync(run["stored"]));
        Latencies nothing = new(), withEmpty = new(), withFilled = new();
        for (var round = -1; round < run["rounds"]; round++) // the first is for the page cache
        {
            await MeasureAsync(nothing, async () => (await PsVerb.StartAndWaitAsync(PsVerb.Nothing(empty), run.Cancel)).TotalMilliseconds);
            await MeasureAsync(withEmpty, () => StartAsync(empty));
            await MeasureAsync(withFilled, () => StartAsync(filled));

            async Task MeasureAsync(Latencies into, Func<Task<double>> measure)
            {
                var milliseconds = await measure();
                if (round >= 0) into.Add(milliseconds);
            }
        }
        run.WriteRaw("start and end of a .NET program that does nothing", ("ready_ms", nothing.Median), ("max_ms", nothing.Longest));
        run.Write("process start to ready, empty store", ("ready_ms", withEmpty.Median), ("max_ms", withEmpty.Longest));
        run.Write($"process start to ready, {run["stored"]} ended tasks stored", ("ready_ms", withFilled.Median), ("max_ms", withFilled.Longest), ("more_than_empty_ms", withFilled.Median - withEmpty.Median));

        async Task<double> StartAsync(DataFolder folder)
        {
            await using var host = await HostProcess.StartAsync(folder, run.Cancel);
            return Stopwatch.GetElapsedTime(host.StartedAt).TotalMilliseconds;
        }
    }
}
