namespace Outlast;

/// <summary>Limits of a task that does not set its own.</summary>
public sealed class TaskDefaults
{
    /// <summary>Wall-clock limit of a process. None: no limit.</summary>
    /// <value>None.</value>
    public TimeSpan? ProcessTimeout { get; init; }
    /// <summary>Inactivity limit of a process. None: no limit.</summary>
    /// <value>None.</value>
    public TimeSpan? ProcessIdleTimeout { get; init; }
    /// <summary>After how much silence of a process a warning goes out. None: no warning.</summary>
    /// <value>30 minutes; half the limit where the limit is shorter.</value>
    public TimeSpan? ProcessIdleWarning { get; init; } = TimeSpan.FromMinutes(30);
    /// <summary>How long a stop waits between asking and killing a process.</summary>
    /// <value>10 seconds.</value>
    public TimeSpan ProcessStopGrace { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>The most bytes of a process's output. None: no cap.</summary>
    /// <value>1 GiB.</value>
    public long? OutputCap { get; init; } = 1L << 30;
    /// <summary>What happens at the cap.</summary>
    /// <value>The first and the last half stay.</value>
    public OutputPolicy OutputPolicy { get; init; } = OutputPolicy.KeepEnds;

    /// <summary>The same without a cap: for a machine that cannot keep one.</summary>
    internal TaskDefaults WithoutCap() => new()
    {
        ProcessTimeout = ProcessTimeout,
        ProcessIdleTimeout = ProcessIdleTimeout,
        ProcessIdleWarning = ProcessIdleWarning,
        ProcessStopGrace = ProcessStopGrace,
        OutputCap = null,
        OutputPolicy = OutputPolicy.Stop,
    };

    /// <summary>The warning in force: the one that was set, or the default moved to half the limit when the limit is shorter.</summary>
    public static TimeSpan? MoveWarning(TimeSpan? warning, bool warningWasSet, TimeSpan? limit) =>
        warning is { } w && limit is { } l && w >= l && !warningWasSet ? l / 2 : warning;
}
