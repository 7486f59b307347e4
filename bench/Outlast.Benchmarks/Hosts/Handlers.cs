using System.Diagnostics;
using Microsoft.Extensions.DependencyInjection;

namespace Outlast.Benchmarks.Hosts;

/// <summary>Handlers that do next to nothing: what is left is what the runtime itself costs.</summary>
internal sealed class Handlers
{
    /// <summary>Ends at once.</summary>
    public const string Nothing = "nothing";

    /// <summary>Ends when it is asked to stop.</summary>
    public const string Lasting = "lasting";

    /// <summary>Waits, together with every other one of them, until <see cref="LetThrough"/>.</summary>
    public const string Waiting = "waiting";

    private readonly TaskCompletionSource _through = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _began, _asked;
    private int _waits;

    /// <summary>When the last one began, as <see cref="Stopwatch"/> counts.</summary>
    public long Began => Volatile.Read(ref _began);

    /// <summary>When the last one was asked to stop.</summary>
    public long Asked => Volatile.Read(ref _asked);

    /// <summary>How many wait, or have waited.</summary>
    public int Waits => Volatile.Read(ref _waits);

    public static TaskSubmission Submission(string handler, string? session = null) => new(new TaskSpec { Name = handler, Handler = handler, Session = session }, new Actor(ActorType.User, "benchmark", ".net"));

    public void LetThrough() => _through.TrySetResult();

    public void AddTo(OutlastBuilder host)
    {
        host.AddHandler(Nothing, _ =>
        {
            Volatile.Write(ref _began, Stopwatch.GetTimestamp());
            return Task.CompletedTask;
        });
        host.AddHandler(Lasting, async task =>
        {
            Volatile.Write(ref _began, Stopwatch.GetTimestamp());
            var stopped = new TaskCompletionSource();
            await using var asked = task.StopToken.Register(() =>
            {
                Volatile.Write(ref _asked, Stopwatch.GetTimestamp());
                stopped.SetResult();
            });
            await stopped.Task;
            task.CheckBoundary();
        });
        host.AddHandler(Waiting, async _ =>
        {
            Interlocked.Increment(ref _waits);
            await _through.Task;
        });
    }
}
