using Microsoft.Extensions.Logging;
using Outlast.Diagnostics;
using Outlast.Lifecycle;
using Outlast.Storage;
using Outlast.Supervision;

namespace Outlast.Hosting;

/// <summary>Readies the host to go: closes its doors, says so durably, waits for work or stops it. All in memory, so that no mark of it can outlive the host.</summary>
internal sealed class Departure(
    ITaskStore store, HostIdentity identity, TaskLedger ledger, TaskDesk desk, Dispatcher dispatcher, LiveAttempts attempts, RunnerSet runners, OutlastSettings settings, TimeProvider time, ILogger<Departure> log) : IHostDeparture
{
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan SuspensionLimit = TimeSpan.FromSeconds(60);
    private const string StopReason = "the host was shut down with its tasks";
    private readonly Lock _lock = new();
    // Guarded by _lock: how many are readying the host to go, and that it was said. Its doors open again when the last is called off.
    private int _under;
    private Lazy<Task>? _told;

    /// <summary>Whether it takes no new work.</summary>
    public bool IsUnderWay
    {
        get { lock (_lock) return _under > 0; }
    }

    public Task<HostRemainder> PrepareAsync(DepartureOrder order, CancellationToken cancel = default) => PrepareAsync(order, CancellationToken.None, cancel);

    /// <summary>The program ends, and the host with it. What is not suspended when its time is up the next host resumes all the same.</summary>
    /// <param name="timeIsUp">The limit that the program's own shutdown has.</param>
    public Task LeaveAsync(CancellationToken timeIsUp) => PrepareAsync(new(DepartureMode.Leave, Actor.Host(identity.Id)), timeIsUp, CancellationToken.None);

    private async Task<HostRemainder> PrepareAsync(DepartureOrder order, CancellationToken timeIsUp, CancellationToken cancel)
    {
        var told = Close(order);
        try
        {
            await told.Value;
            var askers = await AskersAsync(order.Asker, cancel);
            var stopped = order.Mode is DepartureMode.StopTasks ? await StopAllAsync(order.Actor, askers, cancel) : 0;
            if (order.Mode is DepartureMode.Drain)
            {
                await AwaitEndsAsync(askers, order.Limit ?? settings.HostDrainLimit ?? Timeout.InfiniteTimeSpan, cancel);
                CloseDoors(exceptChildren: false);
            }
            if (order.Mode is not DepartureMode.StopTasks) await SuspendAsync(askers, timeIsUp, cancel);
            // Each stop is bounded by its own grace and verification.
            if (order.Mode is DepartureMode.StopTasks) await AwaitEndsAsync(askers, Timeout.InfiniteTimeSpan, cancel);
            return new(Math.Max(dispatcher.Taken, attempts.Count), dispatcher.Queued, stopped, [.. attempts.All.Select(a => a.Record).OrderBy(r => r.Number)]);
        }
        catch
        {
            if (Reopen()) await NoteAsync(TaskEventType.HostResumed, order);
            throw;
        }
    }

    private Lazy<Task> Close(DepartureOrder order)
    {
        lock (_lock)
        {
            var drains = order.Mode is DepartureMode.Drain;
            if (_under++ == 0)
            {
                CloseDoors(exceptChildren: drains);
                return _told = new(() => NoteAsync(TaskEventType.HostDraining, order));
            }
            if (!drains) CloseDoors(exceptChildren: false);
            return _told!;
        }
    }

    /// <summary>The desk first: what it takes all the same, the dispatcher then knows of.</summary>
    private void CloseDoors(bool exceptChildren)
    {
        desk.Close(exceptChildren);
        dispatcher.Close(exceptChildren);
    }

    private bool Reopen()
    {
        lock (_lock)
        {
            if (--_under > 0) return false;
            desk.Reopen();
            dispatcher.Reopen();
            return true;
        }
    }

    private async Task NoteAsync(TaskEventType what, DepartureOrder order)
    {
        if (what is TaskEventType.HostDraining) log.HostDrains(identity.Id, order.Mode, order.Actor.Id, attempts.Count);
        else log.HostResumes(identity.Id);
        try
        {
            await ledger.NoteHostAsync(EventData.None.With("host", identity.Id.Value).With("mode", Names.Of(order.Mode)).With("by", order.Actor)
                .With("running", attempts.Count).With("queued", dispatcher.Queued).As(what, time.GetUtcNow()), CancellationToken.None);
        }
        catch (StoreUnavailableException)
        {
            // Known already, and no reason to stay.
        }
    }

    /// <summary>The task that asks, and those above it: waiting for them would be waiting for oneself.</summary>
    private async Task<HashSet<TaskId>> AskersAsync(TaskId? asker, CancellationToken cancel)
    {
        HashSet<TaskId> askers = [];
        for (var id = asker; id is { } known && askers.Add(known);) id = (await store.FindAsync(known, cancel))?.Parent;
        return askers;
    }

    private async Task<int> StopAllAsync(Actor actor, HashSet<TaskId> askers, CancellationToken cancel)
    {
        var stop = new StopRequest { Cause = EndCause.Shutdown, Actor = actor, RequestedAt = time.GetUtcNow(), Reason = StopReason };
        // What came through the door before it was closed is stopped with the others, and would be missed while it is being written.
        while (desk.IsAccepting) await Task.Delay(Look, time, cancel);
        var open = await store.ListOpenAsync(cancel);
        // Parents first: their stop takes the children along.
        foreach (var task in open.Where(t => !askers.Contains(t.Id)).OrderBy(t => t.Number)) await ledger.StopTreeAsync(task.Id, stop, cancel);
        return open.Count(t => !askers.Contains(t.Id));
    }

    private async Task AwaitEndsAsync(HashSet<TaskId> askers, TimeSpan limit, CancellationToken cancel)
    {
        var began = time.GetTimestamp();
        while (AwaitsAny(askers) && (limit == Timeout.InfiniteTimeSpan || time.GetElapsedTime(began) < limit)) await Task.Delay(Look, time, cancel);
    }

    /// <summary>What can be suspended reaches its next boundary, its last step durable; the next host goes on from there. Code that reaches none in time is left to the rescuer, as if this host had died.</summary>
    private async Task SuspendAsync(HashSet<TaskId> askers, CancellationToken timeIsUp, CancellationToken cancel)
    {
        var (began, limit) = (time.GetTimestamp(), settings.HostDrainLimit ?? SuspensionLimit);
        while (!timeIsUp.IsCancellationRequested && attempts.All.Any(a => a.Runner.Resumes && !askers.Contains(a.Id)) && time.GetElapsedTime(began) < limit)
        {
            // Again and again: one may just be beginning.
            foreach (var runner in runners.All) runner.Suspend();
            await Task.Delay(Look, time, cancel);
        }
    }

    /// <summary>An attempt that is followed, or a place that is taken by one on its way to be.</summary>
    private bool AwaitsAny(HashSet<TaskId> askers) =>
        attempts.All.Any(a => !askers.Contains(a.Id)) || dispatcher.Taken > attempts.All.Count(a => a.Place.IsHeld);
}
