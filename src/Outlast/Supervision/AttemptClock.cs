using Outlast.Runners;

namespace Outlast.Supervision;

/// <summary>The times that the watchdog judges an attempt by, all on the monotonic clock, so that neither a suspend nor a corrected wall clock counts.</summary>
internal sealed class AttemptClock
{
    private readonly TimeProvider _time;
    private readonly Lock _lock = new();
    private readonly long _since;
    private readonly TimeSpan _elapsedBefore;
    // Guarded by _lock: what was seen last, and what was announced.
    private TimeSpan _lastActivity;
    private AttemptVitals? _vitals;

    /// <param name="time">The clock.</param>
    /// <param name="elapsedBefore">How much of the wall-clock limit is used up already.</param>
    /// <param name="idleBefore">How long it has been silent already.</param>
    /// <param name="enforceAfter">How long from now no limit is enforced: a limit that passed unobserved gets its warning first.</param>
    public AttemptClock(TimeProvider time, TimeSpan elapsedBefore, TimeSpan idleBefore, TimeSpan enforceAfter)
    {
        _time = time;
        _since = time.GetTimestamp();
        _elapsedBefore = elapsedBefore;
        _lastActivity = -idleBefore;
        EnforceAfter = enforceAfter;
    }

    /// <summary>How long this host has followed it.</summary>
    public TimeSpan Followed => _time.GetElapsedTime(_since);

    /// <summary>Before this much following nothing is enforced.</summary>
    public TimeSpan EnforceAfter { get; }

    /// <summary>How much of the wall-clock limit is used up.</summary>
    public TimeSpan Elapsed => _elapsedBefore + Followed;

    /// <summary>How long it has been silent.</summary>
    public TimeSpan Idle
    {
        get { lock (_lock) return Followed - _lastActivity; }
    }

    /// <summary>When it last showed life.</summary>
    public DateTimeOffset LastActivityAt => _time.GetUtcNow() - Idle;

    /// <summary>How much it had printed when it was last looked at; none before the first look.</summary>
    public OutputFacts? Output
    {
        get { lock (_lock) return _vitals?.Output; }
    }

    /// <summary>Whether this quiet period has been warned of.</summary>
    public bool IdleWarned { get; set; }

    /// <summary>Whether the coming deadline has been warned of.</summary>
    public bool DeadlineWarned { get; set; }

    /// <summary>Another limit has warnings of its own.</summary>
    public void LimitsMoved() => (IdleWarned, DeadlineWarned) = (false, false);

    /// <summary>It has just shown life.</summary>
    public void Touch()
    {
        lock (_lock) _lastActivity = Followed;
        IdleWarned = false;
    }

    /// <summary>Compares with what was seen last; whatever grew is activity.</summary>
    public void Observe(AttemptVitals now)
    {
        lock (_lock)
        {
            var before = _vitals;
            _vitals = now;
            if (before is null)
            {
                // What an attempt has computed by the first look of the host that started it, it has computed since; of an adopted one nobody knows when.
                if (EnforceAfter == TimeSpan.Zero && now.Cpu > TimeSpan.Zero) _lastActivity = Followed;
                // The first look of a host is no activity by itself, but a log that changed since is.
                if (now.LastOutputAt is not { } at || _time.GetUtcNow() - at >= Followed - _lastActivity) return;
                _lastActivity = Max(_lastActivity, Followed - (_time.GetUtcNow() - at));
                return;
            }
            if (now.Output == before.Output && now.LastOutputAt == before.LastOutputAt && now.Cpu <= before.Cpu && now.Births <= before.Births && now.Beats <= before.Beats) return;
            _lastActivity = Followed;
            IdleWarned = false;
        }
    }

    /// <summary>Nobody looked for that long: silence during it does not count.</summary>
    public void Unobserved(TimeSpan gap)
    {
        lock (_lock)
        {
            var moved = _lastActivity + Max(gap, TimeSpan.Zero);
            _lastActivity = moved < Followed ? moved : Followed;
        }
    }

    private static TimeSpan Max(TimeSpan a, TimeSpan b) => a > b ? a : b;
}
