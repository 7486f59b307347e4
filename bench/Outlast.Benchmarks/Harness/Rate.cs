using System.Diagnostics;

namespace Outlast.Benchmarks.Harness;

/// <summary>How many in how long, added up over rounds.</summary>
/// <remarks>What is compared takes turns, round by round: whatever else the machine does meanwhile then hurts all sides alike.</remarks>
internal sealed class Rate
{
    private double _count, _seconds;

    public double PerSecond => _count / _seconds;

    public double Milliseconds => _seconds * 1000;

    public async Task AddAsync(double count, Func<Task> act)
    {
        var start = Stopwatch.GetTimestamp();
        await act();
        Add(count, Stopwatch.GetElapsedTime(start));
    }

    public void Add(double count, TimeSpan time)
    {
        _count += count;
        _seconds += time.TotalSeconds;
    }
}
