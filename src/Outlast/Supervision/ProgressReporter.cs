using System.Collections.Concurrent;
using Outlast.Lifecycle;

namespace Outlast.Supervision;

/// <summary>Makes events of what tasks tell of their progress: at most one each 2 s a task, and the last one always. The newest is a live value, and is there at once.</summary>
internal sealed class ProgressReporter(TaskLedger ledger, TimeProvider time)
{
    private static readonly TimeSpan Every = TimeSpan.FromSeconds(2);
    private readonly ConcurrentDictionary<LiveAttempt, byte> _pending = new();
    private readonly Lock _lock = new();
    // Guarded by _lock: the timer that is armed while somebody has something to tell.
    private ITimer? _timer;
    private bool _isArmed;

    /// <summary>How many have something to tell that is not an event yet.</summary>
    public int Pending => _pending.Count;

    public void Report(LiveAttempt live, TaskProgress told)
    {
        live.Progress = told;
        _pending[live] = 0;
        if (live.LastToldAt is not { } last || time.GetElapsedTime(last) >= Every) _ = TellAsync(live);
        else Arm();
    }

    /// <summary>The step by which the attempt's last word becomes an event, if it is none yet: to be written with its end.</summary>
    public Transition? LastOf(LiveAttempt live) => _pending.TryRemove(live, out _) && live.Progress is { } told ? Transition.Progressed(live.Claim, told, time.GetUtcNow()) : null;

    /// <summary>The attempt is followed no more.</summary>
    public void Forget(LiveAttempt live) => _pending.TryRemove(live, out _);

    private async Task TellAsync(LiveAttempt live)
    {
        if (!_pending.TryRemove(live, out _) || live.Progress is not { } told) return;
        live.LastToldAt = time.GetTimestamp();
        try
        {
            await ledger.ApplyAsync(live.Id, _ => Transition.Progressed(live.Claim, told, time.GetUtcNow()), CancellationToken.None, live.Record);
        }
        catch (OutlastException)
        {
            // It is no truth of the task: the next one, or the end, says more.
        }
    }

    private void Arm()
    {
        lock (_lock)
        {
            if (_isArmed) return;
            _isArmed = true;
            _timer ??= time.CreateTimer(_ => Sweep(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
            _timer.Change(Every, Timeout.InfiniteTimeSpan);
        }
    }

    private void Sweep()
    {
        lock (_lock) _isArmed = false;
        foreach (var live in _pending.Keys)
        {
            if (live.LastToldAt is not { } last || time.GetElapsedTime(last) >= Every) _ = TellAsync(live);
            else Arm();
        }
    }
}
