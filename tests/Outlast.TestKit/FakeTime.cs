namespace Outlast.TestKit;

/// <summary>A clock that stands still until it is told to go on. Thread-safe; timers fire on the thread that advances.</summary>
public sealed class FakeTime(DateTimeOffset? start = null) : TimeProvider
{
    private readonly Lock _lock = new();
    // Guarded by _lock.
    private readonly List<Timer> _timers = [];
    private DateTimeOffset _now = start ?? new(2026, 11, 20, 10, 0, 0, TimeSpan.Zero);
    private TaskCompletionSource _armed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <inheritdoc/>
    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    /// <inheritdoc/>
    public override long GetTimestamp() => GetUtcNow().Ticks;

    /// <inheritdoc/>
    public override DateTimeOffset GetUtcNow()
    {
        lock (_lock) return _now;
    }

    /// <inheritdoc/>
    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new Timer(this, callback, state);
        timer.Change(dueTime, period);
        return timer;
    }

    /// <summary>Returns when somebody has set a timer that is due in exactly this time.</summary>
    public async Task WhenArmedAsync(TimeSpan due)
    {
        while (true)
        {
            Task armed;
            lock (_lock)
            {
                if (_timers.Exists(t => t.DueAt == _now + due)) return;
                armed = _armed.Task;
            }
            await armed.Soon($"a timer due in {due}");
        }
    }

    /// <summary>Lets time pass, and fires what is due on the way, in order.</summary>
    public void Advance(TimeSpan by)
    {
        DateTimeOffset end;
        lock (_lock) end = _now + by;
        while (true)
        {
            Timer? next;
            lock (_lock)
            {
                next = _timers.Where(t => t.DueAt <= end).MinBy(t => t.DueAt);
                if (next is null)
                {
                    _now = end;
                    return;
                }
                if (next.DueAt > _now) _now = next.DueAt;
                next.RearmNeedsLock();
            }
            next.Fire();
        }
    }

    private sealed class Timer(FakeTime time, TimerCallback callback, object? state) : ITimer
    {
        private TimeSpan _period;

        public DateTimeOffset DueAt { get; private set; }

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            TaskCompletionSource armed;
            lock (time._lock)
            {
                time._timers.Remove(this);
                if (dueTime == Timeout.InfiniteTimeSpan) return true;
                DueAt = time._now + dueTime;
                _period = period;
                time._timers.Add(this);
                (armed, time._armed) = (time._armed, new(TaskCreationOptions.RunContinuationsAsynchronously));
            }
            armed.TrySetResult();
            return true;
        }

        public void RearmNeedsLock()
        {
            if (_period == Timeout.InfiniteTimeSpan || _period == TimeSpan.Zero) time._timers.Remove(this);
            else DueAt += _period;
        }

        public void Fire() => callback(state);

        public void Dispose()
        {
            lock (time._lock) time._timers.Remove(this);
        }

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
