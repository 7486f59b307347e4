using Outlast.Benchmarks.Harness;
using Outlast.Benchmarks.Hosts;
using Outlast.Benchmarks.Machine;

namespace Outlast.Benchmarks.Scenarios;

/// <summary>w1g: submit over HTTP on the Unix socket, to a host of its own.</summary>
internal static class SubmitOverHttp
{
    public static Scenario Scenario { get; } = new("w1g", "submit over HTTP on the Unix socket, beside the same door with nothing behind it; one task runs, the rest stays queued", [new("n", 20_000), new("connections", 16), new("batch", 100)], RunAsync);

    private static async Task RunAsync(ScenarioRun run)
    {
        var (n, connections) = (run["n"], run["connections"]);
        await using var host = await HostProcess.StartAsync(run.NewDataFolder(), run.Cancel, processes: 1);
        await host.RunAsync(1, Commands.Request(Commands.Sleep), run.Cancel);
        var request = Commands.Request(Commands.True);
        var batch = Enumerable.Repeat(request, run["batch"]).ToList();
        Task InBatchesAsync(int count) => Callers.ShareAsync(count / batch.Count, connections, _ => host.Client.SubmitManyAsync(batch, cancel: run.Cancel));
        await Callers.ShareAsync(n / 4, connections, _ => host.Client.SubmitAsync(request, cancel: run.Cancel)); // for the compilers
        await InBatchesAsync(n / 4);
        await Callers.ShareAsync(n / 4, connections, _ => host.Client.HealthAsync(run.Cancel));

        Rate ours = new(), batches = new(), raw = new();
        var cpu = SystemCalls.CpuOf(host.Pid);
        await raw.AddAsync(n, () => Callers.ShareAsync(n, connections, _ => host.Client.HealthAsync(run.Cancel)));
        var rawCpu = Lap();
        await ours.AddAsync(n, () => Callers.ShareAsync(n, connections, _ => host.Client.SubmitAsync(request, cancel: run.Cancel)));
        var oursCpu = Lap();
        await batches.AddAsync(n, () => InBatchesAsync(n));
        var batchesCpu = Lap();
        run.WriteRaw($"GET /healthz of outlast, Unix socket, {connections} connections", ("n", n), ("per_s", raw.PerSecond), ("host_cpu_us", rawCpu));
        run.Write($"submit over HTTP, Unix socket, {connections} connections, client in another process", ("n", n), ("enq_per_s", ours.PerSecond), ("ratio_to_raw", ours.PerSecond / raw.PerSecond), ("host_cpu_us_per_task", oursCpu));
        run.Write($"submit over HTTP, Unix socket, {connections} connections, batches of {batch.Count}, client in another process", ("n", n), ("enq_per_s", batches.PerSecond), ("host_cpu_us_per_task", batchesCpu));
        await host.KillAsync(); // Asked to stop the one that runs, it would begin with the rest.

        // What the host used for each since the last time.
        double Lap()
        {
            var (before, now) = (cpu, SystemCalls.CpuOf(host.Pid));
            cpu = now;
            return (now - before).TotalMicroseconds / n;
        }
    }
}
