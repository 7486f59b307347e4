using Outlast.Benchmarks.Hosts;
using Outlast.Runners.Processes;

namespace Outlast.Benchmarks.Machine;

/// <summary>A process without a task around it: <c>posix_spawn</c> and nothing else.</summary>
internal static class BareProcess
{
    private static readonly string[] Environment = [.. Commands.Environment.Select(v => $"{v.Key}={v.Value}")];

    /// <summary>Starts it as the leader of its own session; it must be waited for.</summary>
    public static int Start(string[] argv) => Spawner.Start(new SpawnRequest { Program = argv[0], Arguments = argv, Environment = Environment });
}
