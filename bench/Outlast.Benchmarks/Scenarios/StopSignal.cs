using Outlast.Benchmarks.Harness;
using Outlast.Benchmarks.Hosts;
using Outlast.Benchmarks.Machine;

namespace Outlast.Benchmarks.Scenarios;

/// <summary>w7b: from the request to stop to the signal at the process.</summary>
internal static class StopSignal
{
    private const int AtOnce = 10, Terminate = 15;
    /// <summary>A process that is younger gets its signal a second time: people stop older ones.</summary>
    private static readonly TimeSpan Age = TimeSpan.FromMilliseconds(200), Pause = TimeSpan.FromMilliseconds(5);

    public static Scenario Scenario { get; } = new("w7b", "stop over HTTP until the process has SIGTERM and its trap runs date, beside kill and the same trap", [new("n", 100)], RunAsync);

    private static async Task RunAsync(ScenarioRun run)
    {
        var folder = run.NewDataFolder();
        await using var host = await HostProcess.StartAsync(folder, run.Cancel, processes: AtOnce);
        Latencies raw = new(), ours = new(), accepted = new();
        await RunGroupAsync(AtOnce); // for the compilers
        (raw, ours, accepted) = (new(), new(), new());
        for (var done = 0; done < run["n"]; done += AtOnce) await RunGroupAsync(Math.Min(AtOnce, run["n"] - done));
        run.WriteRaw("kill -> the child's trap runs date, beside outlast", raw.Figures);
        run.Write("stop over HTTP -> the child's trap runs date", [.. ours.Figures, ("accepted_p50_ms", accepted.Median), ("accepted_p99_ms", accepted.Percentile(99))]);

        async Task RunGroupAsync(int count)
        {
            var tasks = new List<(string Id, Trap Trap)>();
            for (var i = 0; i < count; i++)
            {
                var trap = Trap.In(folder);
                tasks.Add(((await host.Client.SubmitAsync(Commands.Request(trap.Command), cancel: run.Cancel)).Id, trap));
            }
            foreach (var (_, trap) in tasks) await Poll.UntilAsync(() => trap.IsSet, "the trap is set", 1, run.Cancel);
            await Task.Delay(Age, run.Cancel);
            foreach (var (id, trap) in tasks)
            {
                await Task.Delay(Pause, run.Cancel);
                var start = Commands.Now;
                await host.Client.StopAsync(id, cancel: run.Cancel);
                accepted.Add(Commands.Now - start);
                await host.Client.WaitAsync(id, run.Cancel);
                ours.Add(trap.SprungAt - start);
                raw.Add(await KillAsync(Trap.In(folder)));
            }
        }

        async Task<double> KillAsync(Trap trap)
        {
            var pid = BareProcess.Start(trap.Command);
            await Poll.UntilAsync(() => trap.IsSet, "the trap is set", 1, run.Cancel);
            await Task.Delay(Pause, run.Cancel);
            var start = Commands.Now;
            _ = SystemCalls.Kill(-pid, Terminate);
            await Task.Run(() => SystemCalls.Wait(pid));
            return trap.SprungAt - start;
        }
    }

    /// <summary>A shell that notes when SIGTERM reached it, and ends.</summary>
    private sealed record Trap(string SetFile, string StampFile)
    {
        private static int _count;

        public string[] Command => Commands.Shell($"trap \"{Commands.Stamp(StampFile)}; exit\" TERM; : >'{SetFile}'; sleep 60 & wait");

        public bool IsSet => File.Exists(SetFile);

        public double SprungAt => Commands.ReadStamp(StampFile);

        public static Trap In(DataFolder folder)
        {
            var name = Path.Combine(folder.Path, $"trap-{++_count}");
            return new(name + ".set", name + ".stamp");
        }
    }
}
