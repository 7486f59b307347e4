using System.Collections.Immutable;

namespace Outlast;

/// <summary>Readies a host to go, while it can still be reached.</summary>
public interface IHostDeparture
{
    /// <summary>Takes no new work and starts nothing more from now on, makes that an event, and does with the open tasks what the order says. Returns once the host may go; it still answers.</summary>
    /// <remarks>Cancelled, or failed, it is called off: the host takes work again. Nothing on disk closes a host, so one that dies meanwhile leaves its successor open.</remarks>
    Task<HostRemainder> PrepareAsync(DepartureOrder order, CancellationToken cancel = default);
}

/// <summary>What becomes of the open tasks when their host goes.</summary>
public enum DepartureMode
{
    /// <summary>Processes go on; the next host takes over.</summary>
    Leave,
    /// <summary>What runs is awaited; what is queued stays queued.</summary>
    Drain,
    /// <summary>Everything open is stopped, cause <c>shutdown</c>.</summary>
    StopTasks,
    /// <summary>As <see cref="Leave"/>: the next host follows in the same process.</summary>
    Restart,
}

/// <summary>How a host shall go.</summary>
/// <param name="Mode">What becomes of the open tasks.</param>
/// <param name="Actor">Who wants it.</param>
public sealed record DepartureOrder(DepartureMode Mode, Actor Actor)
{
    /// <summary>The task from inside which it is asked for: it and those above it are neither awaited nor stopped, for they await the answer.</summary>
    public TaskId? Asker { get; init; }

    /// <summary>How long a drain waits; what is wedged then goes on without the host. <see cref="Timeout.InfiniteTimeSpan"/>: for ever.</summary>
    /// <value>The setting <c>host.drainLimit</c>.</value>
    public TimeSpan? Limit { get; init; }
}

/// <summary>What a host leaves behind.</summary>
/// <param name="Running">How many tasks go on without it.</param>
/// <param name="Queued">How many wait for its successor.</param>
/// <param name="Stopped">How many it asked to stop.</param>
/// <param name="Followed">Those of the running ones whose attempts it has followed.</param>
public sealed record HostRemainder(int Running, int Queued, int Stopped, ImmutableArray<TaskRecord> Followed);
