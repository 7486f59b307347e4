using System.Globalization;

namespace Outlast.Benchmarks.Machine;

/// <summary>What a process uses.</summary>
internal static class ProcessFigures
{
    public static double ResidentMb(int pid)
    {
        var line = File.ReadLines($"/proc/{pid}/status").First(l => l.StartsWith("VmRSS:", StringComparison.Ordinal));
        return double.Parse(line["VmRSS:".Length..].Replace("kB", "", StringComparison.Ordinal), CultureInfo.InvariantCulture) / 1024;
    }

    /// <summary>Per cent of one core over some seconds.</summary>
    public static async Task<double> CpuPercentAsync(int pid, int seconds, CancellationToken cancel)
    {
        var before = SystemCalls.CpuOf(pid);
        var start = System.Diagnostics.Stopwatch.GetTimestamp();
        await Task.Delay(TimeSpan.FromSeconds(seconds), cancel);
        return (SystemCalls.CpuOf(pid) - before) / System.Diagnostics.Stopwatch.GetElapsedTime(start) * 100;
    }
}
