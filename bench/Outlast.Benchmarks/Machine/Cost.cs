using Outlast.Benchmarks.Harness;

namespace Outlast.Benchmarks.Machine;

/// <summary>What this process has used since it was made: steadier than the clock on a machine that others use too.</summary>
internal sealed class Cost
{
    private readonly TimeSpan _cpu = System.Environment.CpuUsage.TotalTime;
    private readonly long _allocated = GC.GetTotalAllocatedBytes();

    /// <summary>Processor time in microseconds and memory in bytes for each of so many.</summary>
    public Figure[] For(int n) =>
    [
        ("cpu_us_per_task", (Environment.CpuUsage.TotalTime - _cpu).TotalMicroseconds / n), ("allocated_bytes_per_task", (double)(GC.GetTotalAllocatedBytes() - _allocated) / n),
    ];
}
