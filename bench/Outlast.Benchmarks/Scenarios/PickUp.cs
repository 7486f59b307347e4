using System.Diagnostics;
using System.Threading.Channels;
using Outlast.Benchmarks.Harness;
using Outlast.Benchmarks.Hosts;
using Outlast.Benchmarks.Machine;
using Outlast.Client;
using Outlast.Storage;

namespace Outlast.Benchmarks.Scenarios;

/// <summary>w2: from the call of submit to the first statement of what runs, on an idle host.</summary>
internal static class PickUp
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(5);

    public static Scenario Scenario { get; } = new("w2", "submit to the handler's first statement on an idle host, in process and over HTTP, beside a one-row commit handed to another thread", [new("n", 400)], RunAsync);

    private static async Task RunAsync(ScenarioRun run)
    {
        using var raw = new CommitAndHandOver(run.NewDataFolder());
        Handlers inProcess = new(), overHttp = new();
        await using var embedded = await EmbeddedHost.StartAsync(run.NewDataFolder(), run.Cancel, with: inProcess);
        await using var door = await EmbeddedDoor.StartAsync(run.NewDataFolder(), overHttp, run.Cancel);
        var request = new SubmitRequest { Handler = Handlers.Nothing };

        Latencies machine = new(), ours = new(), http = new();
        for (var i = -200; i < run["n"]; i++) // the first are for the compilers
        {
            await MeasureAsync(machine, raw.RunAsync);
            await MeasureAsync(ours, async () =>
            {
                await embedded.CompleteAsync(await embedded.SubmitAsync(Handlers.Submission(Handlers.Nothing), run.Cancel), run.Cancel);
                return inProcess.Began;
            });
            await MeasureAsync(http, async () =>
            {
                await door.Client.WaitAsync((await door.Client.SubmitAsync(request, cancel: run.Cancel)).Id, run.Cancel);
                return overHttp.Began;
            });

            async Task MeasureAsync(Latencies into, Func<Task<long>> beganAsync)
            {
                await Task.Delay(Pause, run.Cancel);
                var start = Stopwatch.GetTimestamp();
                var began = await beganAsync();
                if (i >= 0) into.Add(Stopwatch.GetElapsedTime(start, began).TotalMilliseconds);
            }
        }
        run.WriteRaw("one-row commit, WAL sync=FULL, then a channel to another thread, beside outlast", machine.Figures);
        run.Write("submit in process -> the handler's first statement, idle host", [.. ours.Figures, ("ratio_to_raw", ours.Median / machine.Median)]);
        run.Write("submit over HTTP -> the handler's first statement, idle host, client in the same process", [.. http.Figures, ("ratio_to_raw", http.Median / machine.Median)]);
    }

    /// <summary>The least that it can take: one commit, told to another thread.</summary>
    private sealed class CommitAndHandOver : IDisposable
    {
        private readonly Channel<TaskCompletionSource<long>> _channel = Channel.CreateUnbounded<TaskCompletionSource<long>>();
        private readonly RawCommits _commits;

        public CommitAndHandOver(DataFolder folder)
        {
            _commits = new(folder, RecordSerializer.WriteSpec(Handlers.Submission(Handlers.Nothing).Spec));
            _ = Task.Run(async () =>
            {
                await foreach (var told in _channel.Reader.ReadAllAsync()) told.SetResult(Stopwatch.GetTimestamp());
            });
        }

        public async Task<long> RunAsync()
        {
            var told = new TaskCompletionSource<long>(TaskCreationOptions.RunContinuationsAsynchronously);
            _commits.Commit();
            _channel.Writer.TryWrite(told);
            return await told.Task;
        }

        public void Dispose()
        {
            _channel.Writer.Complete();
            _commits.Dispose();
        }
    }
}
