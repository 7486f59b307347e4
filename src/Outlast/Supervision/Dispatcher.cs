using System.Collections.Immutable;
using Microsoft.Extensions.Logging;
using Outlast.Diagnostics;
using Outlast.Lifecycle;
using Outlast.Storage;

namespace Outlast.Supervision;

/// <summary>How many tasks may run at once.</summary>
public sealed class DispatcherOptions
{
    /// <summary>Processes at once, on this host.</summary>
    /// <value>Twice the number of processors, at least 8.</value>
    public int Processes { get; init; } = Math.Max(8, 2 * Environment.ProcessorCount);

    /// <summary>Handlers at once, on this host.</summary>
    /// <value>256.</value>
    public int Handlers { get; init; } = 256;

    /// <summary>Tasks of all kinds at once, on this host. None: no limit beside those of the kinds.</summary>
    /// <value>None.</value>
    public int? Total { get; init; }

    /// <summary>Tasks of one handler, session, label or parent at once.</summary>
    /// <value>None.</value>
    public ImmutableArray<LimitRule> Limits { get; init; } = [];
}

/// <summary>Claims queued tasks while there is room under all their keys. The queue is in memory; the store is its journal. Nothing polls.</summary>
internal sealed class Dispatcher(TaskLedger ledger, Executor executor, LiveAttempts attempts, HostIdentity host, StoreHealth health, DiskGuard disk, DispatcherOptions options, TimeProvider time, ILogger<Dispatcher> log)
{
    private readonly Lock _lock = new();
    // Guarded by _lock: who waits, by id, in order, and for a time; of which the record is kept; every place that is not over, and how many are held; whether claiming
    // goes on; and whether, where it does not, that of some does.
    private readonly Dictionary<TaskId, QueuedTask> _waiting = [];
    private readonly ReadyQueue _ready = new(new(options));
    private readonly KnownRecords _known = new();
    private readonly HashSet<Place> _places = [];
    private int _taken;
    private bool _open;
    private bool _admits;
    private CancellationToken _letGo;

    private readonly record struct Start(TaskId Id, Place Place, TaskRecord? Known);

    /// <summary>How many tasks are queued.</summary>
    public int Queued
    {
        get { lock (_lock) return _waiting.Count; }
    }

    /// <summary>How many places are taken.</summary>
    public int Taken
    {
        get { lock (_lock) return _taken; }
    }

    /// <summary>Every place that somebody has, held or lent: what a self-check compares with who has them.</summary>
    public ImmutableArray<Place> Places
    {
        get { lock (_lock) return [.. _places]; }
    }

    /// <summary>The places of every key that has something to count: how many are taken, how many there are, and how many tasks wait that need one.</summary>
    public ImmutableArray<(LimitKey Key, int Taken, int Max, int Waiting)> Counts
    {
        get { lock (_lock) return [.. _ready.Gates.Select(g => (g.Key, g.Taken, g.Max, g.Waiting.Count))]; }
    }

    /// <summary>Claims from now on, until <paramref name="letGo"/>.</summary>
    public void Open(CancellationToken letGo)
    {
        lock (_lock) (_open, _letGo) = (true, letGo);
        health.Recovered += Pump;
        disk.Recovered += Pump;
        Pump();
    }

    /// <summary>Claims nothing more.</summary>
    /// <param name="exceptChildren">But children of what runs here: whoever waits for that waits for them as well.</param>
    public void Close(bool exceptChildren = false)
    {
        lock (_lock)
        {
            (_open, _admits) = (false, exceptChildren);
            foreach (var task in _waiting.Values) AdmitNeedsLock(task);
        }
        Pump();
    }

    /// <summary>Claims again.</summary>
    public void Reopen()
    {
        lock (_lock)
        {
            _open = true;
            _ready.BringBack();
        }
        Pump();
    }

    /// <summary>Takes a place under every key of a task before it exists.</summary>
    /// <exception cref="FullException">There is none.</exception>
    public Reservation Reserve(in LimitedTask task)
    {
        lock (_lock)
        {
            if (disk.Failure is { } low) throw new FullException("disk", _taken, options.Total ?? options.Processes, low);
            var lane = _ready.Enter(task);
            if (lane.FirstFull is { } full)
            {
                _ready.Leave(lane);
                throw new FullException(full.Key.ToString(), full.Taken, full.Max);
            }
            var place = NewPlaceNeedsLock(lane, null);
            _ready.Leave(lane);
            return new(place);
        }
    }

    /// <summary>A record was committed: it waits from now on, or no longer.</summary>
    public void Look(TaskRecord record)
    {
        Start? start = null;
        lock (_lock)
        {
            if (record.State != TaskState.Queued)
            {
                // What waits again was told of late may be what it was before.
                if (!_waiting.TryGetValue(record.Id, out var gone) || record.Version < gone.Version) return;
                ForgetNeedsLock(gone);
            }
            else if (!_waiting.ContainsKey(record.Id) && StartsAtOnceNeedsLock(record) is { } lane)
            {
                start = NewStartNeedsLock(record.Id, lane, record);
                _ready.Leave(lane);
            }
            else
            {
                EnqueueNeedsLock(record.Id, LimitedTask.Of(record), new(record.FirstInLine, record.Spec.Priority, record.Number), record.NotBefore, record.Version);
                _known.Keep(_waiting[record.Id], record);
            }
        }
        if (start is { } now) _ = ClaimAsync(now);
        else Pump();
    }

    /// <summary>The task that a place was reserved for exists: it is claimed at once, unless it has got another place meanwhile, or falls under other keys than were asked for.</summary>
    public void Assign(Reservation reservation, TaskId id)
    {
        Start start;
        lock (_lock)
        {
            var place = reservation.Place;
            if (!_open || place.IsOver || !_waiting.TryGetValue(id, out var task) || task.NotBefore is not null || task.Lane.Key != place.Lane.Key) return;
            reservation.Keep();
            attempts.Expect(id);
            place.Task = id;
            start = new(id, place, task.Known);
            ForgetNeedsLock(task);
        }
        _ = Task.Run(() => ClaimAsync(start));
    }

    /// <summary>Tasks that waited before this host was there.</summary>
    public void Enqueue(IEnumerable<OpenTask> tasks)
    {
        lock (_lock)
        {
            foreach (var task in tasks) EnqueueNeedsLock(task.Id, LimitedTask.Of(task), new(task.FirstInLine, task.Priority, task.Number), task.NotBefore, task.Version);
        }
        Pump();
    }

    /// <summary>A task's time may have come.</summary>
    public void Due(TaskId id)
    {
        lock (_lock)
        {
            if (!_waiting.TryGetValue(id, out var task) || task.NotBefore is not { } at || at > time.GetUtcNow()) return;
            task.NotBefore = null;
            _ready.Add(task);
            AdmitNeedsLock(task);
        }
        Pump();
    }

    /// <summary>The place of an attempt that runs already, whether there is one or not.</summary>
    public Place Occupy(OpenTask task)
    {
        lock (_lock)
        {
            var lane = _ready.Enter(LimitedTask.Of(task));
            var place = NewPlaceNeedsLock(lane, task.Id);
            place.Entrust();
            _ready.Leave(lane);
            return place;
        }
    }

    /// <summary>Where a task stands, and what for.</summary>
    public QueuePlace? PlaceOf(TaskId id)
    {
        lock (_lock)
        {
            if (!_waiting.TryGetValue(id, out var task)) return null;
            if (task.NotBefore is { } at) return new(_ready.Count + 1, $"not before {at.ToUniversalTime():yyyy-MM-dd'T'HH:mm:ss.fff'Z'}");
            var (position, full) = ReadyQueue.PositionOf(task);
            return new(position, health.Failure is { } failure ? $"the store: {failure}" : disk.Failure is { } low ? $"the disk: {low}" : full is not null ? full.ToString() : _open ? "its turn" : "the next host: this one is going away");
        }
    }

    /// <summary>Counts the places of each key anew, and says where what was kept differs.</summary>
    public ImmutableArray<string> Recount()
    {
        var differences = ImmutableArray.CreateBuilder<string>();
        lock (_lock)
        {
            var held = _places.Where(p => p.IsHeld).ToList();
            _taken = held.Count;
            var counts = held.SelectMany(p => p.Lane.Gates).CountBy(g => g).ToDictionary();
            foreach (var gate in _ready.Gates)
            {
                var count = counts.GetValueOrDefault(gate);
                if (gate.Taken == count) continue;
                differences.Add($"{gate}, but {count} are");
                _ready.Correct(gate, count);
            }
        }
        if (differences.Count > 0) Pump();
        return differences.ToImmutable();
    }

    /// <summary>One step of a place.</summary>
    internal void Change(Place place, Place.Step step)
    {
        bool freed;
        lock (_lock)
        {
            var before = place.IsHeld;
            if (place.IsOver) return;
            place.ApplyNeedsLock(step);
            if (!before && place.IsHeld) TakeNeedsLock(place.Lane);
            freed = before && !place.IsHeld;
            if (freed) FreeNeedsLock(place.Lane);
            if (place.IsOver)
            {
                _places.Remove(place);
                _ready.Leave(place.Lane);
            }
        }
        if (freed) Pump();
    }

    /// <summary>What is to be claimed is expected from the moment that its place is taken: whoever compares the two never sees one without the other.</summary>
    private Start NewStartNeedsLock(TaskId id, Lane lane, TaskRecord? known)
    {
        attempts.Expect(id);
        return new(id, NewPlaceNeedsLock(lane, id), known);
    }

    private Place NewPlaceNeedsLock(Lane lane, TaskId? task)
    {
        var place = new Place(this, lane, task);
        place.ApplyNeedsLock(Place.Step.Take);
        ReadyQueue.Enter(lane);
        TakeNeedsLock(lane);
        _places.Add(place);
        return place;
    }

    private void TakeNeedsLock(Lane lane)
    {
        _taken++;
        _ready.Take(lane);
    }

    private void FreeNeedsLock(Lane lane)
    {
        _taken--;
        _ready.Free(lane);
    }

    /// <summary>The lane of a task that nobody is before and nothing holds up.</summary>
    private Lane? StartsAtOnceNeedsLock(TaskRecord record)
    {
        if (!_open || !CanClaim || _ready.HasCandidates || record.NotBefore > time.GetUtcNow()) return null;
        var lane = _ready.Enter(LimitedTask.Of(record));
        if (lane.FirstFull is null) return lane;
        _ready.Leave(lane);
        return null;
    }

    private void EnqueueNeedsLock(TaskId id, in LimitedTask limited, QueueOrder order, DateTimeOffset? notBefore, long version)
    {
        if (_waiting.ContainsKey(id)) return;
        var task = new QueuedTask(id, order, _ready.Enter(limited), limited.Parent, version);
        _waiting.Add(id, task);
        if (notBefore is { } at && at > time.GetUtcNow()) task.NotBefore = at;
        else _ready.Add(task);
        AdmitNeedsLock(task);
    }

    /// <summary>It is claimed although nothing else is, where that is so.</summary>
    private void AdmitNeedsLock(QueuedTask task)
    {
        if (!_open && _admits && task.NotBefore is null && task.Parent is { } parent && attempts.Find(parent) is not null) _ready.Admit(task);
    }

    private void ForgetNeedsLock(QueuedTask task)
    {
        _waiting.Remove(task.Id);
        if (task.NotBefore is null) _ready.Remove(task);
        LeftNeedsLock(task);
    }

    private void LeftNeedsLock(QueuedTask task)
    {
        _known.Drop(task);
        _ready.Leave(task.Lane);
    }

    private bool CanClaim => health.Failure is null && disk.Failure is null;

    private void Pump()
    {
        List<Start>? starts = null;
        lock (_lock)
        {
            while (CanClaim && (_open || _admits) && _ready.TryTake(onlyAdmitted: !_open) is { } task)
            {
                _waiting.Remove(task.Id);
                (starts ??= []).Add(NewStartNeedsLock(task.Id, task.Lane, task.Known));
                LeftNeedsLock(task);
            }
        }
        // One whose record is at hand is handed to the writer here and now: that waits for nothing, and a thread that would have to be woken for it costs as much as the rest of the claim.
        if (starts is [{ Known: not null } only]) _ = ClaimAsync(only);
        else foreach (var start in starts ?? []) _ = Task.Run(() => ClaimAsync(start));
    }

    private async Task ClaimAsync(Start start)
    {
        var (id, place, known) = start;
        try
        {
            var claim = host.NewClaim();
            var answer = await ledger.ApplyAsync(id, _ => Transition.Claimed(claim, time.GetUtcNow()), _letGo, known);
            if (answer.Changed)
            {
                await executor.RunAsync(answer.Record, place);
                return;
            }
            place.Free();
            attempts.Unexpect(id);
        }
        catch (StoreUnavailableException)
        {
            await ReturnAsync(id, place);
            attempts.Unexpect(id);
        }
        catch (OperationCanceledException)
        {
            attempts.Unexpect(id);
        }
        catch (Exception e)
        {
            log.ActorFailed(e, nameof(Dispatcher), id);
            place.Free();
            attempts.Unexpect(id);
        }
    }

    /// <summary>The claim was not written: the task goes back to its place, and is claimed again once the store can write.</summary>
    private async Task ReturnAsync(TaskId id, Place place)
    {
        try
        {
            var record = await ledger.ReadAsync(id, _letGo);
            Look(record);
        }
        catch (Exception e) when (e is OutlastException or OperationCanceledException)
        {
            // The sweep of the rescuer finds queued tasks that nobody has in hand.
        }
        place.Free();
    }

    /// <summary>A place that is taken before its task exists. Disposed without a task, it is free again.</summary>
    internal sealed class Reservation(Place place) : IDisposable
    {
        private bool _kept;

        public Place Place => place;

        public void Keep() => _kept = true;

        public void Dispose()
        {
            if (!_kept) place.Free();
        }
    }
}
