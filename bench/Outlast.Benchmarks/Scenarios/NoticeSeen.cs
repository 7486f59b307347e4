using System.Collections.Immutable;
using System.Diagnostics;
using Outlast.Benchmarks.Harness;
using Outlast.Benchmarks.Hosts;
using Outlast.Delivery;

namespace Outlast.Benchmarks.Scenarios;

/// <summary>w2n: from the commit of a task's end to whoever waits for its notice.</summary>
internal static class NoticeSeen
{
    private const string Session = "waiting";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20), Pause = TimeSpan.FromMilliseconds(5);

    public static Scenario Scenario { get; } = new("w2n", "the end of a task is on disk, until the client that waits for its notice has it: a channel of the program, the inbox in process, the inbox over HTTP", [new("n", 400)], RunAsync);

    private static async Task RunAsync(ScenarioRun run)
    {
        var channel = new Channel();
        // Each round is told at once: what comes sooner after another than the least time between two deliveries would wait for that.
        await using var door = await EmbeddedDoor.StartAsync(run.NewDataFolder(), new(), run.Cancel, channel, """{ "delivery": { "interval": "0s" } }""");
        var committed = 0L;
        door.Feed.Committed += _ => Volatile.Write(ref committed, Stopwatch.GetTimestamp());

        Latencies pushed = new(), inProcess = new(), http = new();
        await MeasureAsync(pushed, Channel.Served, _ => channel.NextAsync());
        await MeasureAsync(inProcess, Session, async after => (await door.Inbox.FetchAsync(new(Session, after, Wait: Patience), run.Cancel)).Next);
        await MeasureAsync(http, Session, async after => (await door.Client.ReadInboxAsync(Session, after, wait: Patience, cancel: run.Cancel)).Next);
        run.Write("the end on disk -> the notice in a channel of the program", pushed.Figures);
        run.Write("the end on disk -> the notice with the caller who waits in process", inProcess.Figures);
        run.Write("the end on disk -> the notice with the caller who waits over HTTP, client in the same process", http.Figures);

        // Each round waits for one notice, which its task's end writes in the commit that is timed.
        async Task MeasureAsync(Latencies into, string session, Func<long, Task<long>> nextAsync)
        {
            var after = 0L;
            if (session == Session) after = (await door.Inbox.PeekAsync(new(Session), run.Cancel)).Next;
            for (var i = -100; i < run["n"]; i++) // the first are for the compiler
            {
                var waited = Task.Run(async () => (Next: await nextAsync(after), At: Stopwatch.GetTimestamp()), run.Cancel);
                await Task.Delay(Pause, run.Cancel);
                await door.Tasks.SubmitAsync(Handlers.Submission(Handlers.Nothing, session), run.Cancel);
                var (next, at) = await waited.WaitAsync(Patience, run.Cancel);
                after = next;
                if (i >= 0) into.Add(Stopwatch.GetElapsedTime(Volatile.Read(ref committed), at).TotalMilliseconds);
                if (session == Session) await door.Inbox.AcknowledgeAsync(new(Session) { Through = after }, run.Cancel);
            }
        }
    }

    /// <summary>Takes the notices of one session for good.</summary>
    private sealed class Channel : INoticeChannel
    {
        public const string Served = "pushed";
        private TaskCompletionSource<long> _next = NewNext();

        public string Name => "benchmark";

        public bool Serves(string session) => session == Served;

        public Task<long> NextAsync() => Volatile.Read(ref _next).Task;

        public Task<NoticeReceipt> DeliverAsync(string session, ImmutableArray<Notice> notices, CancellationToken cancel)
        {
            Interlocked.Exchange(ref _next, NewNext()).SetResult(notices[^1].Seq);
            return Task.FromResult(NoticeReceipt.Acknowledged);
        }

        private static TaskCompletionSource<long> NewNext() => new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
