using Outlast.Benchmarks.Harness;
using Outlast.Benchmarks.Hosts;

namespace Outlast.Benchmarks.Scenarios;

/// <summary>w1g: submit over HTTP on the Unix socket, to a host of its own.</summary>
internal static class SubmitOverHttp
{
    public static Scenario Scenario { get; } = new("w1g", "submit over HTTP on the Unix socket, beside the same door with nothing behind it; one task runs, the rest stays queued", [new("n", 10_000), new("connections", 16)], RunAsync);

    private static async Task RunAsync(ScenarioRun run)
    {
        var (n, connections) = (run["n"], run["connections"]);
        await using var host = await HostProcess.StartAsync(run.NewDataFolder(), run.Cancel, processes: 1);
        await host.RunAsync(1, Commands.Request(Commands.Sleep), run.Cancel);
        var request = Commands.Request(Commands.True);
        await Callers.ShareAsync(Math.Min(n, 1000), connections, _ => host.Client.SubmitAsync(request, cancel: run.Cancel)); // for the compilers
        await Callers.ShareAsync(Math.Min(n, 1000), connections, _ => host.Client.HealthAsync(run.Cancel));

        Rate ours = new(), raw = new();
        await raw.AddAsync(n, () => Callers.ShareAsync(n, connections, _ => host.Client.HealthAsync(run.Cancel)));
        await ours.AddAsync(n, () => Callers.ShareAsync(n, connections, _ => host.Client.SubmitAsync(request, cancel: run.Cancel)));
        run.WriteRaw($"GET /healthz of outlast, Unix socket, {connections} connections", ("n", n), ("per_s", raw.PerSecond));
        run.Write($"submit over HTTP, Unix socket, {connections} connections, client in another process", ("n", n), ("enq_per_s", ours.PerSecond), ("ratio_to_raw", ours.PerSecond / raw.PerSecond));
        await host.KillAsync(); // Asked to stop the one that runs, it would begin with the rest.
    }
}
