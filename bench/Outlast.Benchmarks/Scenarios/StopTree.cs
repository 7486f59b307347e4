using System.Diagnostics;
using Outlast.Benchmarks.Harness;
using Outlast.Benchmarks.Hosts;
using Outlast.Benchmarks.Machine;

namespace Outlast.Benchmarks.Scenarios;

/// <summary>w7c: a stop that reaches a whole tree of tasks, until each is verified gone.</summary>
internal static class StopTree
{
    private const int Children = 10;

    public static Scenario Scenario { get; } = new("w7c", "stop of a tree of process tasks until the end of each is told, which is after it was verified gone", [new("tasks", 100), new("rounds", 3)], RunAsync);

    private static async Task RunAsync(ScenarioRun run)
    {
        var n = run["tasks"];
        var folder = run.NewDataFolder();
        await using var host = await EmbeddedHost.StartAsync(folder, run.Cancel, processes: n);
        Latencies accepted = new(), gone = new();
        var survivors = 0;
        for (var round = -1; round < run["rounds"]; round++) // the first is for the compiler
        {
            var ids = await StartTreeAsync();
            var start = Stopwatch.GetTimestamp();
            await host.Client.StopAsync(ids[0], new StopCommand(EndCause.User, new Actor(ActorType.User, "benchmark", ".net")), run.Cancel);
            var acceptedAfter = Stopwatch.GetElapsedTime(start);
            foreach (var id in ids) await host.EndAsync(id, run.Cancel);
            var goneAfter = Stopwatch.GetElapsedTime(start);
            // Looked at with other eyes than the runtime's: the measured time says nothing unless all are gone.
            survivors += TaskProcesses.Of(folder.Path).Count;
            if (round < 0) continue;
            accepted.Add(acceptedAfter.TotalMilliseconds);
            gone.Add(goneAfter.TotalMilliseconds);
        }
        run.Write($"stop of a tree of {n} processes, verified gone", ("n", n), ("accepted_ms", accepted.Median), ("all_gone_ms", gone.Median), ("max_ms", gone.Longest), ("survivors", survivors));

        async Task<List<TaskId>> StartTreeAsync()
        {
            List<TaskId> ids = [];
            for (var i = 0; i < n; i++) ids.Add(await host.SubmitAsync(Commands.Submission(Commands.Sleep, parent: i == 0 ? null : ids[(i - 1) / Children]), run.Cancel));
            foreach (var id in ids)
                await Poll.UntilAsync(async () => (await host.Client.GetAsync(id, run.Cancel)).Record is { State: TaskState.Running, Process: not null }, "the tree runs", 5, run.Cancel);
            return ids;
        }
    }
}
