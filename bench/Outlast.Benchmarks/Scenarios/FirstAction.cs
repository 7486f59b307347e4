using Outlast.Benchmarks.Harness;
using Outlast.Benchmarks.Hosts;
using Outlast.Benchmarks.Machine;

namespace Outlast.Benchmarks.Scenarios;

/// <summary>w2p: from the call of submit to the first thing that the child does, on an idle host.</summary>
internal static class FirstAction
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(5);

    public static Scenario Scenario { get; } = new("w2p", "process: submit to the child's own first action, in process and over HTTP, beside a bare start of the same sh and date", [new("n", 150)], RunAsync);

    private static async Task RunAsync(ScenarioRun run)
    {
        var folder = run.NewDataFolder();
        var stamp = Path.Combine(folder.Path, "stamp");
        var command = Commands.Shell(Commands.Stamp(stamp));
        await using var embedded = await EmbeddedHost.StartAsync(folder, run.Cancel);
        await using var other = await HostProcess.StartAsync(run.NewDataFolder(), run.Cancel);

        Latencies raw = new(), inProcess = new(), http = new();
        for (var i = -10; i < run["n"]; i++) // the first ten are for the compilers
        {
            await MeasureAsync(raw, () => Task.Run(() => SystemCalls.Wait(BareProcess.Start(command))));
            await MeasureAsync(inProcess, async () => await embedded.CompleteAsync(await embedded.SubmitAsync(Commands.Submission(command), run.Cancel), run.Cancel));
            await MeasureAsync(http, async () => await other.Client.WaitAsync((await other.Client.SubmitAsync(Commands.Request(command), cancel: run.Cancel)).Id, run.Cancel));

            async Task MeasureAsync(Latencies into, Func<Task> runToEnd)
            {
                await Task.Delay(Pause, run.Cancel);
                var start = Commands.Now;
                await runToEnd();
                if (i >= 0) into.Add(Commands.ReadStamp(stamp) - start);
                File.Delete(stamp);
            }
        }
        run.WriteRaw("sh and date by posix_spawn, beside outlast", raw.Figures);
        run.Write("submit in process -> the child's own first action (sh + date included)", [.. inProcess.Figures, ("ratio_to_raw", inProcess.Median / raw.Median)]);
        run.Write("submit over HTTP -> the child's own first action (sh + date included)", [.. http.Figures, ("ratio_to_raw", http.Median / raw.Median)]);
    }
}
