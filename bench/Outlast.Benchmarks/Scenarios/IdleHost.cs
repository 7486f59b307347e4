using Outlast.Benchmarks.Harness;
using Outlast.Benchmarks.Hosts;
using Outlast.Benchmarks.Machine;

namespace Outlast.Benchmarks.Scenarios;

/// <summary>w5b: what a host uses that has nothing to do.</summary>
internal static class IdleHost
{
    private static readonly TimeSpan Settle = TimeSpan.FromSeconds(3);

    public static Scenario Scenario { get; } = new("w5b", "memory and CPU of an idle host, fresh and after some use, with ended tasks stored", [new("stored", 100_000), new("seconds", 15)], RunAsync);

    private static async Task RunAsync(ScenarioRun run)
    {
        var folder = await run.HistoryAsync(run["stored"]);
        await using var host = await HostProcess.StartAsync(folder, run.Cancel);
        await MeasureAsync("fresh");
        for (var i = 0; i < 100; i++)
        {
            await host.Client.ListAsync(cancel: run.Cancel);
            var task = await host.Client.SubmitAsync(Commands.Request(Commands.Shell("echo hello")), cancel: run.Cancel);
            await host.Client.WaitAsync(task.Id, run.Cancel);
        }
        await MeasureAsync("after 100 tasks and lists");

        async Task MeasureAsync(string when)
        {
            await Task.Delay(Settle, run.Cancel);
            var cpu = await ProcessFigures.CpuPercentAsync(host.Pid, run["seconds"], run.Cancel);
            run.Write($"idle host with HTTP, {run["stored"]} ended tasks stored, {when}", ("rss_mb", ProcessFigures.ResidentMb(host.Pid)), ("idle_cpu_pct", cpu));
        }
    }
}
