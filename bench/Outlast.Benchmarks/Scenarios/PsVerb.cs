using System.Diagnostics;
using Outlast.Benchmarks.Harness;
using Outlast.Benchmarks.Hosts;

namespace Outlast.Benchmarks.Scenarios;

/// <summary>w6c: how long a person waits for <c>outlast ps</c>.</summary>
internal static class PsVerb
{
    public static Scenario Scenario { get; } = new("w6c", "outlast ps -a as a person feels it, on a warm host, beside the start of a .NET program that does nothing", [new("stored", 100_000), new("n", 20)], RunAsync);

    private static async Task RunAsync(ScenarioRun run)
    {
        var folder = await run.HistoryAsync(run["stored"]);
        await using var host = await HostProcess.StartAsync(folder, run.Cancel);
        Latencies nothing = new(), ps = new();
        for (var i = -2; i < run["n"]; i++) // the first two are for the page cache and the host's compiler
        {
            var (bare, verb) = (await StartAndWaitAsync(Nothing(folder), run.Cancel), await StartAndWaitAsync(HostProcess.Outlast(folder, "ps", "-a"), run.Cancel));
            if (i < 0) continue;
            nothing.Add(bare.TotalMilliseconds);
            ps.Add(verb.TotalMilliseconds);
        }
        run.WriteRaw("start and end of a .NET program that does nothing, beside outlast ps", nothing.Figures);
        run.Write($"outlast ps -a on a warm host, {run["stored"]} ended tasks stored", ps.Figures);
    }

    /// <summary>This program, asked to do nothing.</summary>
    public static ProcessStartInfo Nothing(DataFolder folder) => HostProcess.Dotnet([typeof(PsVerb).Assembly.Location, "nothing"], folder.Path + ".log");

    /// <summary>How long a program takes from its start to its end.</summary>
    public static async Task<TimeSpan> StartAndWaitAsync(ProcessStartInfo start, CancellationToken cancel)
    {
        var began = Stopwatch.GetTimestamp();
        using var process = Process.Start(start)!;
        await process.WaitForExitAsync(cancel);
        var took = Stopwatch.GetElapsedTime(began);
        return process.ExitCode == 0 ? took : throw new InvalidOperationException($"{string.Join(' ', start.ArgumentList)} ended with {process.ExitCode}.");
    }
}
