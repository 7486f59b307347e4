using System.Diagnostics;
using Outlast.Benchmarks.Harness;
using Outlast.Benchmarks.Hosts;
using Outlast.Benchmarks.Machine;
using Outlast.Storage;

namespace Outlast.Benchmarks.Scenarios;

/// <summary>w7a: from the request to stop to the handler that hears of it, in one process.</summary>
internal static class StopSeen
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(5);

    public static Scenario Scenario { get; } = new("w7a", "stop in process until the handler's token says so, the request on disk by then, beside a one-row commit", [new("n", 400)], RunAsync);

    private static async Task RunAsync(ScenarioRun run)
    {
        var handler = new Handlers();
        var submission = Handlers.Submission(Handlers.Lasting);
        using var commits = new RawCommits(run.NewDataFolder(), RecordSerializer.WriteSpec(submission.Spec));
        await using var host = await EmbeddedHost.StartAsync(run.NewDataFolder(), run.Cancel, with: handler);
        var command = new StopCommand(EndCause.User, submission.Actor, null, Now: false);
        Latencies raw = new(), ours = new();
        for (var i = -200; i < run["n"]; i++) // the first are for the compiler
        {
            var before = handler.Began;
            var id = await host.SubmitAsync(submission, run.Cancel);
            await Poll.UntilAsync(() => handler.Began != before, "it runs", 1, run.Cancel);
            await Task.Delay(Pause, run.Cancel);
            var start = Stopwatch.GetTimestamp();
            await host.Client.StopAsync(id, command, run.Cancel);
            await host.EndAsync(id, run.Cancel);
            if (i >= 0) ours.Add(Stopwatch.GetElapsedTime(start, handler.Asked).TotalMilliseconds);
            await Task.Delay(Pause, run.Cancel);
            start = Stopwatch.GetTimestamp();
            commits.Commit();
            if (i >= 0) raw.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
        }
        run.WriteRaw("one-row commit, WAL sync=FULL, beside outlast's stops", raw.Figures);
        run.Write("stop in process -> the handler's token, the request on disk", [.. ours.Figures, ("ratio_to_raw", ours.Median / raw.Median)]);
    }
}
