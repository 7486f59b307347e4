namespace Outlast.TestKit;

/// <summary>Time that passes only when a test says so. Timers fire inside <see cref="Advance"/>, in order.</summary>
public sealed class ManualTime : TimeProvider
{
    private readonly Lock _lock = new();
    // Guarded by _lock.
    private readonly List<ManualTimer> _timers = [];
    private DateTimeOffset _wall = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);
    private TimeSpan _monotonic;
    private TaskCompletionSource _armed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override long GetTimestamp()
    {
        lock (_lock) return _monotonic.Ticks;
    }

    public override DateTimeOffset GetUtcNow()
    {
        lock (_lock) return _wall;
    }

    /// <summary>How many timers wait: what a leak test counts.</summary>
    public int Timers
    {
        get { lock (_lock) return _timers.Count(t => t.Due is not null); }
    }

    /// <summary>Returns when somebody waits for exactly this much time to pass.</summary>
    public async Task WhenArmedAsync(TimeSpan due)
    {
        while (true)
        {
            Task armed;
            lock (_lock)
            {
                if (_timers.Exists(t => t.Due == _monotonic + due)) return;
                armed = _armed.Task;
            }
            await armed.Soon($"a timer due in {due}");
        }
    }

    /// <summary>Both clocks advance together; every timer that falls due on the way fires at its moment.</summary>
    public void Advance(TimeSpan by)
    {
        TimeSpan end;
        lock (_lock) end = _monotonic + by;
        while (true)
        {
            ManualTimer? next;
            lock (_lock)
            {
                next = _timers.Where(t => t.Due <= end).MinBy(t => t.Due);
                var to = next?.Due ?? end;
                if (to > _monotonic)
                {
                    _wall += to - _monotonic;
                    _monotonic = to;
                }
                if (next is null) return;
                next.Rearm(_monotonic);
            }
            next.Fire();
        }
    }

    /// <summary>Only the wall clock jumps: somebody set it, or the machine slept while the monotonic clock stood still.</summary>
    public void JumpWall(TimeSpan by)
    {
        lock (_lock) _wall += by;
    }

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new ManualTimer(this, callback, state);
        lock (_lock) _timers.Add(timer);
        timer.Change(dueTime, period);
        return timer;
    }

    private sealed class ManualTimer(ManualTime time, TimerCallback callback, object? state) : ITimer
    {
        private TimeSpan _period = Timeout.InfiniteTimeSpan;

        public TimeSpan? Due { get; private set; }

        public void Rearm(TimeSpan now) => Due = _period == Timeout.InfiniteTimeSpan ? null : now + _period;

        public void Fire() => callback(state);

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            TaskCompletionSource armed;
            lock (time._lock)
            {
                (armed, time._armed) = (time._armed, new(TaskCreationOptions.RunContinuationsAsynchronously));
                _period = period == TimeSpan.Zero ? Timeout.InfiniteTimeSpan : period;
                Due = dueTime == Timeout.InfiniteTimeSpan ? null : time._monotonic + dueTime;
            }
            armed.SetResult();
            if (dueTime == TimeSpan.Zero)
            {
                lock (time._lock) Rearm(time._monotonic);
                ThreadPool.QueueUserWorkItem(_ => Fire());
            }
            return true;
        }

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
