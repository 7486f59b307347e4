using Outlast.Benchmarks.Harness;
using Outlast.Benchmarks.Hosts;
using Outlast.Benchmarks.Machine;
using Outlast.Runners.Processes;

namespace Outlast.Benchmarks.Scenarios;

/// <summary>w3: many processes that do nothing, as durable tasks that a later host could adopt.</summary>
internal static class ShortProcesses
{
    private const int Rounds = 2, Submitters = 8;
    private static readonly int[] Concurrencies = [2, 4, 8];

    public static Scenario Scenario { get; } = new("w3", "many /bin/true through the whole runtime, beside the process runner alone, the bare wrapper and keeper, and posix_spawn; --concurrency 0 takes 2, 4 and 8", [new("n", 1000), new("concurrency", 0)], RunAsync);

    private static async Task RunAsync(ScenarioRun run)
    {
        foreach (var concurrency in run["concurrency"] is > 0 and var one ? [one] : Concurrencies) await RunAsync(run, concurrency);
    }

    private static async Task RunAsync(ScenarioRun run, int concurrency)
    {
        var scripts = new BareScripts(run.NewDataFolder());
        using var runner = new ProcessRunner(new(), TimeProvider.System);
        await using var host = await EmbeddedHost.StartAsync(run.NewDataFolder(), run.Cancel, concurrency);
        var each = Math.Max(1, run["n"] / Rounds);
        Rate spawn = new(), bare = new(), alone = new(), whole = new(), submit = new();
        TimeSpan aloneCpu = default, wholeCpu = default;
        await RunRoundAsync(Math.Min(each, 50)); // for the compiler
        (spawn, bare, alone, whole, submit) = (new(), new(), new(), new(), new());
        (aloneCpu, wholeCpu) = (default, default);
        for (var round = 0; round < Rounds; round++) await RunRoundAsync(each);

        var n = (double)each * Rounds;
        run.WriteRaw($"posix_spawn of /bin/true and wait, concurrency {concurrency}, beside outlast", ("n", n), ("per_s", spawn.PerSecond));
        run.WriteRaw($"outlast's wrapper and keeper scripts alone, concurrency {concurrency}", ("n", n), ("per_s", bare.PerSecond));
        run.Write($"process runner without a store, concurrency {concurrency}", ("n", n), ("per_s", alone.PerSecond), ("own_cpu_ms_per_task", aloneCpu.TotalMilliseconds / n), ("ratio_to_scripts", alone.PerSecond / bare.PerSecond));
        run.Write($"whole runtime, durable, adoptable, concurrency {concurrency}", ("n", n), ("submit_per_s", submit.PerSecond), ("per_s", whole.PerSecond), ("own_cpu_ms_per_task", wholeCpu.TotalMilliseconds / n), ("ratio_to_scripts", whole.PerSecond / bare.PerSecond), ("ratio_to_spawn", whole.PerSecond / spawn.PerSecond));

        async Task RunRoundAsync(int count)
        {
            await spawn.AddAsync(count, () => Callers.ShareBlockingAsync(count, concurrency, _ => SystemCalls.Wait(BareProcess.Start(Commands.True))));
            await bare.AddAsync(count, () => Callers.ShareBlockingAsync(count, concurrency, _ => scripts.Run()));
            var start = OwnCpu;
            await alone.AddAsync(count, () => Callers.ShareAsync(count, concurrency, async _ =>
            {
                var outcome = await runner.RunAsync(scripts.Describe(), run.Cancel);
                if (outcome.Kind != OutcomeKind.Succeeded) throw new InvalidOperationException(outcome.Reason);
            }));
            aloneCpu += OwnCpu - start;
            start = OwnCpu;
            await whole.AddAsync(count, async () =>
            {
                var ids = new TaskId[count];
                await submit.AddAsync(count, () => Callers.ShareAsync(count, Submitters, async i => ids[i] = await host.SubmitAsync(Commands.Submission(Commands.True), run.Cancel)));
                foreach (var id in ids) await host.CompleteAsync(id, run.Cancel);
            });
            wholeCpu += OwnCpu - start;
        }
    }

    /// <summary>The processes that are started are not in it.</summary>
    private static TimeSpan OwnCpu => SystemCalls.CpuOf(Environment.ProcessId);
}
