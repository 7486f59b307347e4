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

    /// <summary>Tasks of all kinds at once, on this host. None: no limit beside those of the kinds.</summary>
    /// <value>None.</value>
    public int? Total { get; init; }
}

/// <summary>Claims queued tasks while there is room. The queue is in memory; the store is its journal. Nothing polls.</summary>
internal sealed class Dispatcher(TaskLedger ledger, Executor executor, LiveAttempts attempts, HostIdentity host, StoreHealth health, DiskGuard disk, DispatcherOptions options, TimeProvider time, ILogger<Dispatcher> log) : IDisposable
{
    // What is claimed soon after it was submitted need not be read again; of a long queue the records would fill the memory.
    private const int MostKnown = 256;
    private readonly Lock _lock = new();
    // Guarded by _lock: who waits, in order; the records of a few of them; who waits for a time; how many places are taken; whether claiming goes on;
    // and whether, where it does not, that of some does, and of whom.
    private readonly ReadyQueue _ready = new();
    private readonly Dictionary<TaskId, TaskRecord> _known = [];
    private readonly Dictionary<TaskId, Later> _later = [];
    private int _taken;
    private bool _open;
    private bool _admits;
    private readonly Queue<TaskId> _admitted = new();
    private ITimer? _timer;
    private CancellationToken _letGo;

    private readonly record struct Later(bool FirstInLine, long Number, DateTimeOffset NotBefore);

    /// <summary>How many tasks are queued.</summary>
    public int Queued
    {
        get { lock (_lock) return _ready.Count + _later.Count; }
    }

    /// <summary>Claims from now on, until <paramref name="letGo"/>.</summary>
    public void Open(CancellationToken letGo)
    {
        lock (_lock)
        {
            (_open, _letGo) = (true, letGo);
            _timer ??= time.CreateTimer(_ => Pump(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        }
        health.Recovered += Pump;
        disk.Recovered += Pump;
        Pump();
    }

    /// <summary>Claims nothing more.</summary>
    /// <param name="exceptAdmitted">But what is admitted all the same.</param>
    public void Close(bool exceptAdmitted = false)
    {
        lock (_lock)
        {
            (_open, _admits) = (false, exceptAdmitted);
            _admitted.Clear();
        }
    }

    /// <summary>Claims again.</summary>
    public void Reopen()
    {
        lock (_lock)
        {
            _open = true;
            _admitted.Clear();
        }
        Pump();
    }

    /// <summary>These are claimed although nothing else is.</summary>
    public void Admit(IEnumerable<TaskId> tasks)
    {
        lock (_lock)
        {
            if (_open || !_admits) return;
            foreach (var id in tasks) _admitted.Enqueue(id);
        }
        Pump();
    }

    /// <inheritdoc/>
    public void Dispose() => _timer?.Dispose();

    /// <summary>Takes a place before the task exists.</summary>
    /// <exception cref="FullException">There is none, or others wait for one.</exception>
    public Reservation Reserve()
    {
        lock (_lock)
        {
            if (disk.Failure is { } low) throw new FullException("disk", _taken, Max, low);
            if (_taken + _ready.Count >= Max) throw new FullException(LimitName, _taken + _ready.Count, Max);
            _taken++;
        }
        return new Reservation(this);
    }

    /// <summary>A record was committed: it waits from now on, or no longer.</summary>
    public void Look(TaskRecord record)
    {
        lock (_lock)
        {
            _known.Remove(record.Id);
            if (record.State == TaskState.Queued)
            {
                EnqueueNeedsLock(record.Id, record.FirstInLine, record.Number, record.NotBefore);
                if (_known.Count < MostKnown) _known.Add(record.Id, record);
            }
            else if (!_ready.Remove(record.Id) && !_later.Remove(record.Id)) return;
        }
        Pump();
    }

    /// <summary>The task that a place was reserved for exists: it is claimed at once, unless it has got another place meanwhile.</summary>
    public void Assign(Reservation reservation, TaskId id)
    {
        TaskRecord? known;
        lock (_lock)
        {
            if (!_open || !_ready.Remove(id)) return;
            reservation.Keep();
            _known.Remove(id, out known);
        }
        _ = Task.Run(() => ClaimAsync(id, known));
    }

    /// <summary>Tasks that waited before this host was there.</summary>
    public void Enqueue(IEnumerable<OpenTask> tasks)
    {
        lock (_lock)
        {
            foreach (var task in tasks) EnqueueNeedsLock(task.Id, task.FirstInLine, task.Number, task.NotBefore);
        }
        Pump();
    }

    /// <summary>A place is taken by an attempt that runs already, whether there is one or not.</summary>
    public void Occupy()
    {
        lock (_lock) _taken++;
    }

    /// <summary>A place is free again.</summary>
    public void Release()
    {
        lock (_lock) _taken--;
        Pump();
    }

    /// <summary>Where a task stands.</summary>
    public QueuePlace? PlaceOf(TaskId id)
    {
        lock (_lock)
        {
            if (_later.TryGetValue(id, out var later)) return new(_ready.Count + 1, $"not before {later.NotBefore.ToUniversalTime():yyyy-MM-dd'T'HH:mm:ss.fff'Z'}");
            var position = _ready.PositionOf(id);
            return position == 0 ? null : new(position, health.Failure is { } failure ? $"the store: {failure}" : disk.Failure is { } low ? $"the disk: {low}" : $"{LimitName}: {_taken} of {Max}");
        }
    }

    /// <summary>How many places are taken: what a self-check compares with the attempts that run.</summary>
    public int Taken
    {
        get { lock (_lock) return _taken; }
    }

    private int Max => options.Total is { } total ? Math.Min(total, options.Processes) : options.Processes;

    private string LimitName => options.Total is { } total && total < options.Processes ? "host" : "kind process";

    private void EnqueueNeedsLock(TaskId id, bool firstInLine, long number, DateTimeOffset? notBefore)
    {
        if (_ready.Contains(id) || _later.ContainsKey(id)) return;
        if (notBefore is { } at && at > time.GetUtcNow()) _later[id] = new(firstInLine, number, at);
        else _ready.Add(id, firstInLine, number);
    }

    private void Pump()
    {
        List<(TaskId Id, TaskRecord? Known)> claim = [];
        lock (_lock)
        {
            if (_open) MoveDueNeedsLock();
            while (health.Failure is null && disk.Failure is null && _taken < Max && TryTakeNeedsLock(out var id))
            {
                _taken++;
                _known.Remove(id, out var known);
                claim.Add((id, known));
            }
        }
        // One whose record is at hand is handed to the writer here and now: that waits for nothing, and a thread that would have to be woken for it costs as much as the rest of the claim.
        if (claim is [(var only, { } record)]) _ = ClaimAsync(only, record);
        else foreach (var (id, known) in claim) _ = Task.Run(() => ClaimAsync(id, known));
    }

    private bool TryTakeNeedsLock(out TaskId id)
    {
        if (_open) return _ready.TryTake(out id);
        while (_admitted.TryDequeue(out id))
        {
            if (_ready.Remove(id)) return true;
        }
        return false;
    }

    private void MoveDueNeedsLock()
    {
        if (_later.Count == 0) return;
        var now = time.GetUtcNow();
        foreach (var (id, later) in _later.Where(l => l.Value.NotBefore <= now).ToList())
        {
            _later.Remove(id);
            _ready.Add(id, later.FirstInLine, later.Number);
        }
        if (_later.Count > 0) _timer?.Change(Positive(_later.Values.Min(l => l.NotBefore) - now), Timeout.InfiniteTimeSpan);
    }

    private async Task ClaimAsync(TaskId id, TaskRecord? known)
    {
        try
        {
            var claim = host.NewClaim();
            attempts.Expect(id);
            var answer = await ledger.ApplyAsync(id, _ => Transition.Claimed(claim, time.GetUtcNow()), _letGo, known);
            if (answer.Changed)
            {
                await executor.RunAsync(answer.Record, new Place(this));
                return;
            }
            attempts.Unexpect(id);
            Release();
        }
        catch (StoreUnavailableException)
        {
            attempts.Unexpect(id);
            await ReturnAsync(id);
        }
        catch (OperationCanceledException)
        {
            attempts.Unexpect(id);
        }
        catch (Exception e)
        {
            attempts.Unexpect(id);
            log.ActorFailed(e, nameof(Dispatcher), id);
            Release();
        }
    }

    /// <summary>The claim was not written: the task goes back to its place, and is claimed again once the store can write.</summary>
    private async Task ReturnAsync(TaskId id)
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
        Release();
    }

    private static TimeSpan Positive(TimeSpan span) => span > TimeSpan.FromMilliseconds(1) ? span : TimeSpan.FromMilliseconds(1);

    /// <summary>A place that is taken before its task exists. Disposed without a task, it is free again.</summary>
    internal sealed class Reservation(Dispatcher dispatcher) : IDisposable
    {
        private bool _settled;

        public bool Keep() => !Interlocked.Exchange(ref _settled, true);

        public void Dispose()
        {
            if (Keep()) dispatcher.Release();
        }
    }
}
