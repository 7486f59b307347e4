using System.Diagnostics;
using Outlast.Benchmarks.Harness;
using Outlast.Benchmarks.Hosts;
using Outlast.Benchmarks.Machine;
using Outlast.Client;

namespace Outlast.Benchmarks.Scenarios;

/// <summary>w8a: a host is killed, and the next one adopts everything that runs.</summary>
internal static class HostKilled
{
    public static Scenario Scenario { get; } = new("w8a", "kill -9 of the host with running processes: the next host's start until all are adopted; how many were lost or started twice", [new("n", 200)], RunAsync);

    private static async Task RunAsync(ScenarioRun run)
    {
        var n = run["n"];
        var folder = run.NewDataFolder();
        var witness = Path.Combine(folder.Path, "witness");
        // Each start of the command leaves a line, whatever any record says.
        var request = Commands.Request(Commands.Shell($"echo $OUTLAST_TASK_ID >>'{witness}'; exec sleep 3600"));
        IReadOnlyList<string> ids;
        long seen;
        await using (var first = await HostProcess.StartAsync(folder, run.Cancel, processes: n))
        {
            ids = await first.RunAsync(n, request, run.Cancel);
            await Poll.UntilAsync(() => File.Exists(witness) && File.ReadLines(witness).Count() >= n, "each command has begun", 10, run.Cancel);
            seen = await LastEventAsync(first.Client, run.Cancel);
            await first.KillAsync();
        }

        await using var second = await HostProcess.StartAsync(folder, run.Cancel, processes: n);
        var readyAfter = Stopwatch.GetElapsedTime(second.StartedAt);
        var settled = new Dictionary<string, (string Type, double Seconds)>();
        await foreach (var frame in second.Client.StreamEventsAsync(seen, cancel: run.Cancel))
        {
            if (frame.Event is not { Task: { } task, Type: "task.adopted" or "task.requeued" or "task.ended" } happened) continue;
            settled.TryAdd(task, (happened.Type, Stopwatch.GetElapsedTime(second.StartedAt).TotalSeconds));
            if (settled.Count == n) break;
        }
        var times = settled.Values.Select(s => s.Seconds).Order().ToArray();

        var running = await second.RunningAsync(run.Cancel);
        var adopted = running.Count(t => t is { Adoptions: 1, Attempt: 1, Process.Pid: var pid } && Directory.Exists($"/proc/{pid}"));
        var starts = File.ReadAllLines(witness);
        run.Write($"kill -9 with {n} running processes", ("running", n), ("adopted", adopted), ("lost", n - adopted), ("twice", starts.Length - starts.Distinct().Count()),
            ("ready_s", readyAfter.TotalSeconds), ("first_s", times[0]), ("p50_s", times[times.Length / 2]), ("last_s", times[^1]));
        await second.StopAsync(ids, run.Cancel);
    }

    private static async Task<long> LastEventAsync(OutlastHttpClient client, CancellationToken cancel)
    {
        for (var after = 0L; ;)
        {
            var page = await client.ReadEventsAsync(after, 1000, cancel: cancel);
            if (page.Events.Count == 0) return after;
            after = page.Next;
        }
    }
}
