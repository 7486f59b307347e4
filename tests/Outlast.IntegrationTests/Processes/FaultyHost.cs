using System.Diagnostics;
using Outlast.TestKit;

namespace Outlast.IntegrationTests.Processes;

/// <summary>A runner in a process of its own that is to die at a named instant.</summary>
internal static class FaultyHost
{
    /// <summary>Runs the attempt there.</summary>
    /// <returns>The exit code: 137 if it died as told.</returns>
    public static async Task<int> RunAsync(ProcessBench bench, TestAttempt attempt, string milestone, string wish, params string[] argv)
    {
        var worker = Path.Combine(AppContext.BaseDirectory, "Outlast.FaultWorker");
        var start = new ProcessStartInfo(worker, ["attempt", attempt.Task.ToString(), milestone, wish, "--", .. argv]) { RedirectStandardOutput = true };
        start.Environment["OUTLAST_DATA"] = bench.Data.Path;
        using var process = Process.Start(start)!;
        await process.WaitForExitAsync().Soon();
        return process.ExitCode;
    }
}
