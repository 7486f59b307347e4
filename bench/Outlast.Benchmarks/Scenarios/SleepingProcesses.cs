using Outlast.Benchmarks.Harness;
using Outlast.Benchmarks.Hosts;
using Outlast.Benchmarks.Machine;

namespace Outlast.Benchmarks.Scenarios;

/// <summary>w5p: what a host uses for each process that runs and is silent.</summary>
internal static class SleepingProcesses
{
    private static readonly TimeSpan Settle = TimeSpan.FromSeconds(3);

    public static Scenario Scenario { get; } = new("w5p", "host memory for each sleeping process, and CPU for all of them", [new("n", 1000), new("seconds", 10)], RunAsync);

    private static async Task RunAsync(ScenarioRun run)
    {
        var n = run["n"];
        await using var host = await HostProcess.StartAsync(run.NewDataFolder(), run.Cancel, processes: Math.Max(n, 8));
        // Everything that the host loads and compiles for its first tasks is there before the base is read.
        var warmed = await host.RunAsync(Math.Min(n, 20), Commands.Request(Commands.Sleep), run.Cancel);
        await host.StopAsync(warmed, run.Cancel);
        await Task.Delay(Settle, run.Cancel);
        var before = ProcessFigures.ResidentMb(host.Pid);

        var ids = await host.RunAsync(n, Commands.Request(Commands.Sleep), run.Cancel);
        await Task.Delay(Settle, run.Cancel);
        var cpu = await ProcessFigures.CpuPercentAsync(host.Pid, run["seconds"], run.Cancel);
        var after = ProcessFigures.ResidentMb(host.Pid);
        run.Write($"{n} sleeping processes", ("running", n), ("rss_mb", after), ("base_mb", before), ("bytes_per_task", (after - before) * 1048576 / n), ("idle_cpu_pct", cpu));
        await host.StopAsync(ids, run.Cancel);
    }
}
