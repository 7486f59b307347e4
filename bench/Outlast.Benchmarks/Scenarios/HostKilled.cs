using System.Diagnostics;
using Outlast.Benchmarks.Harness;
using Outlast.Benchmarks.Hosts;
using Outlast.Benchmarks.Machine;
using Outlast.Client;

namespace Outlast.Benchmarks.Scenarios;

/// <summary>w8a: a host is killed, and the next one adopts everything that runs.</summary>
internal static class HostKilled
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    public static Scenario Scenario { get; } = new("w8a", "kill -9 of the host with running processes: the next host's start until all are adopted; how many were lost or started twice", [new("n", 1000)], RunAsync);

    private static async Task RunAsync(ScenarioRun run)
    {
        var n = run["n"];
        var folder = run.NewDataFolder();
        var witness = Path.Combine(folder.Path, "witness");
        // Each start of the command leaves a line, whatever any record says.
        var request = Commands.Request(Commands.Shell($"echo $OUTLAST_TASK_ID >>'{witness}'; exec sleep 3600"));
        long seen;
        await using (var first = await HostProcess.StartAsync(folder, run.Cancel, processes: n))
        {
            await first.RunAsync(n, request, run.Cancel);
            await Poll.UntilAsync(() => File.Exists(witness) && File.ReadLines(witness).Count() >= n, "each command has begun", 10, run.Cancel);
            seen = await LastEventAsync(first.Client, run.Cancel);
            await first.KillAsync();
        }

        await using var second = await HostProcess.StartAsync(folder, run.Cancel, processes: n);
        var readyAfter = Stopwatch.GetElapsedTime(second.StartedAt);
        var times = await AwaitAdoptionsAsync(second, seen, n, run.Cancel);

        var running = await second.RunningAsync(run.Cancel);
        var adopted = running.Count(t => t is { Adoptions: 1, Attempt: 1, Process.Pid: var pid } && Directory.Exists($"/proc/{pid}"));
        var starts = File.ReadAllLines(witness);
        run.Write($"kill -9 with {n} running processes", ("running", n), ("adopted", adopted), ("lost", n - adopted), ("twice", starts.Length - starts.Distinct().Count()),
            ("ready_s", readyAfter.TotalSeconds), ("first_s", times[0]), ("p50_s", times[times.Length / 2]), ("last_s", times[^1]));
        await second.StopAsync([.. running.Select(t => t.Id)], run.Cancel);
    }

    /// <summary>When each was adopted, in seconds since the host's start; those that are not by the end of our patience are missing.</summary>
    private static async Task<double[]> AwaitAdoptionsAsync(HostProcess host, long seen, int tasks, CancellationToken cancel)
    {
        var adopted = new List<double>();
        using var bound = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        bound.CancelAfter(Patience);
        try
        {
            await foreach (var frame in host.Client.StreamEventsAsync(seen, cancel: bound.Token))
            {
                if (frame.Event?.Type != "task.adopted") continue;
                adopted.Add(Stopwatch.GetElapsedTime(host.StartedAt).TotalSeconds);
                if (adopted.Count == tasks) break;
            }
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            // They are counted as lost.
        }
        return adopted.Count > 0 ? [.. adopted] : throw new InvalidOperationException($"None of {tasks} tasks was adopted.");
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
