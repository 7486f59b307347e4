using System.Diagnostics;

namespace Outlast.Benchmarks.Harness;

/// <summary>How long each of many things took, in milliseconds.</summary>
internal sealed class Latencies
{
    private readonly List<double> _milliseconds = [];

    public void Add(double milliseconds) => _milliseconds.Add(milliseconds);

    public double Median => Percentile(50);

    public double Longest => _milliseconds.Max();

    /// <summary>The smallest that at least so many per cent do not exceed.</summary>
    public double Percentile(double percent)
    {
        var sorted = _milliseconds.Order().ToArray();
        return sorted[Math.Clamp((int)Math.Ceiling(percent / 100 * sorted.Length) - 1, 0, sorted.Length - 1)];
    }

    /// <summary>The usual figures.</summary>
    public Figure[] Figures => [("n", _milliseconds.Count), ("p50_ms", Median), ("p95_ms", Percentile(95)), ("p99_ms", Percentile(99)), ("max_ms", Longest)];

    /// <summary>Does something so often, and notes how long each time took.</summary>
    public static async Task<Latencies> OfAsync(int times, Func<int, Task> act)
    {
        var latencies = new Latencies();
        for (var i = 0; i < times; i++)
        {
            var start = Stopwatch.GetTimestamp();
            await act(i);
            latencies.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
        }
        return latencies;
    }
}
