using System.Collections.Concurrent;
using Outlast.Runners;

namespace Outlast.Supervision;

/// <summary>An attempt that this host follows.</summary>
internal sealed class LiveAttempt
{
    private readonly Lock _lock = new();
    // Guarded by _lock: the newest committed record, how many waits for others are under way inside it, and the stop that is.
    private TaskRecord _record;
    private int _waits;
    private Task<StopReport>? _stop;
    // Guarded by _lock: who is told of the next commit.
    private TaskCompletionSource? _changed;
    private readonly TaskCompletionSource _stopEnded = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public LiveAttempt(TaskRecord record, AttemptContext context, ITaskRunner runner, AttemptClock clock, Place place)
    {
        (_record, Context, Runner, Clock, Place, Claim) = (record, context, runner, clock, place, record.Claim!);
        SettlePlace();
    }

    public TaskId Id => Context.Task;
    public AttemptContext Context { get; }
    public ITaskRunner Runner { get; }
    public AttemptClock Clock { get; }
    public Place Place { get; }
    public RateMeter Rates { get; } = new();
    public TaskClaim Claim { get; }

    /// <summary>Cancelled when the rest of a stop's grace is to be skipped.</summary>
    public CancellationTokenSource Hurry { get; } = new();

    /// <summary>How far it says that it is.</summary>
    public TaskProgress? Progress { get; set; }

    /// <summary>When that last became an event.</summary>
    public long? LastToldAt { get; set; }

    /// <summary>Completes with the next commit of its record.</summary>
    public Task WhenChanged
    {
        get { lock (_lock) return (_changed ??= new(TaskCreationOptions.RunContinuationsAsynchronously)).Task; }
    }

    /// <summary>Completes when the record knows the process; faulted never.</summary>
    public Task Launched { get; set; } = Task.CompletedTask;

    public TaskRecord Record
    {
        get { lock (_lock) return _record; }
    }

    /// <summary>Whether it waits for tasks, its children or others: it needs no place, and its silence is no fault. A command that has children waits for them, as far as anybody can see; code says itself when it waits.</summary>
    public bool IsWaiting
    {
        get { lock (_lock) return _waits > 0 || _record.Spec.Process is not null && _record.OpenChildren > 0; }
    }

    /// <summary>The stop that is under way: its ladder, to the end of its verification.</summary>
    public Task<StopReport>? Stop
    {
        get { lock (_lock) return _stop; }
    }

    /// <summary>Completes when the ladder has ended.</summary>
    public Task StopEnded => _stopEnded.Task;

    /// <summary>The record was committed anew; an older one than is known is ignored.</summary>
    public void Update(TaskRecord record)
    {
        TaskRecord before;
        TaskCompletionSource? changed;
        lock (_lock)
        {
            if (record.Version <= _record.Version) return;
            // A spec never changes; what came with the commit is another copy of it.
            (before, _record) = (_record, ReferenceEquals(record.Spec, _record.Spec) ? record : record with { Spec = _record.Spec });
            (changed, _changed) = (_changed, null);
        }
        if (record.Limits != before.Limits) Clock.LimitsMoved();
        if (record.OpenChildren == 0 && before.OpenChildren > 0 || before.State == TaskState.Waiting && record.State != TaskState.Waiting) Clock.Touch();
        SettlePlace();
        changed?.TrySetResult();
    }

    /// <summary>Inside it somebody waits for tasks, until the result is disposed.</summary>
    public IDisposable BeginWait()
    {
        lock (_lock) _waits++;
        SettlePlace();
        return new WaitUnderWay(this);
    }

    private void SettlePlace()
    {
        // One at a time, so that the last word is the newest.
        lock (Place) Place.Need(NeedsPlace);
    }

    private sealed class WaitUnderWay(LiveAttempt attempt) : IDisposable
    {
        private bool _over;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _over, true)) return;
            lock (attempt._lock) attempt._waits--;
            attempt.Clock.Touch();
            attempt.SettlePlace();
        }
    }

    /// <summary>Whether it should have its place and has it not.</summary>
    public bool LacksPlace => NeedsPlace && Place.IsOwed;

    /// <summary>Who waits for tasks holds no place, for they may need it; nor does who waits for an answer, which may take days.</summary>
    private bool NeedsPlace
    {
        get { lock (_lock) return _record.State != TaskState.Waiting && !IsWaiting; }
    }

    /// <summary>Starts the ladder if it is not under way.</summary>
    public void BeginStop(Func<Task<StopReport>> ladder)
    {
        lock (_lock)
        {
            if (_stop is not null) return;
            _stop = Task.Run(ladder);
        }
        _stop.ContinueWith(_ => _stopEnded.TrySetResult(), TaskScheduler.Default);
    }
}

/// <summary>The attempts that this host follows, each once.</summary>
internal sealed class LiveAttempts
{
    private readonly ConcurrentDictionary<TaskId, LiveAttempt> _attempts = new();
    private readonly ConcurrentDictionary<TaskId, Expectation> _expected = new();
    private volatile TaskCompletionSource? _empty;

    /// <summary>A task whose claim is being written: by how many, for of two who try one comes too late, and the newest record that was committed meanwhile. Replaced, never changed.</summary>
    private sealed class Expectation(int claimers, TaskRecord? newest)
    {
        public int Claimers => claimers;
        public TaskRecord? Newest => newest;
    }

    public int Count => _attempts.Count;

    public IEnumerable<LiveAttempt> All => _attempts.Values;

    public event Action<LiveAttempt>? Added;

    /// <summary>Whether a claim on it is being written.</summary>
    public bool IsExpected(TaskId id) => _expected.ContainsKey(id);

    public LiveAttempt? Find(TaskId id) => _attempts.GetValueOrDefault(id);

    /// <summary>An attempt comes if its claim is written: from now on nothing that is committed of the task escapes it.</summary>
    public void Expect(TaskId id) => _expected.AddOrUpdate(id, _ => new(1, null), (_, others) => new(others.Claimers + 1, others.Newest));

    /// <summary>It does not come; another claimer's may.</summary>
    public void Unexpect(TaskId id) => Withdraw(id);

    /// <summary>The attempt whom a committed record concerns; one that is only expected learns of it when it comes.</summary>
    public LiveAttempt? Concerned(TaskRecord committed)
    {
        while (_expected.TryGetValue(committed.Id, out var noted) && !(noted.Newest?.Version >= committed.Version) && !_expected.TryUpdate(committed.Id, new(noted.Claimers, committed), noted)) { }
        return Find(committed.Id);
    }

    public void Add(LiveAttempt attempt)
    {
        // A former attempt of a task that was queued again may be on its way out still.
        _attempts[attempt.Id] = attempt;
        // Found from here on, so that nothing is noted any more that would not be seen.
        if (Withdraw(attempt.Id) is { } newer) attempt.Update(newer);
        Added?.Invoke(attempt);
    }

    /// <returns>The newest record that was committed while it was expected.</returns>
    private TaskRecord? Withdraw(TaskId id)
    {
        while (_expected.TryGetValue(id, out var noted))
        {
            if (noted.Claimers > 1 ? _expected.TryUpdate(id, new(noted.Claimers - 1, noted.Newest), noted) : _expected.TryRemove(KeyValuePair.Create(id, noted))) return noted.Newest;
        }
        return null;
    }

    public void Remove(LiveAttempt attempt)
    {
        _attempts.TryRemove(KeyValuePair.Create(attempt.Id, attempt));
        if (_attempts.IsEmpty) _empty?.TrySetResult();
    }

    /// <summary>Completes when none is followed any more. Asked for once, by a host that takes none on.</summary>
    public Task WhenEmpty
    {
        get
        {
            _empty ??= new(TaskCreationOptions.RunContinuationsAsynchronously);
            if (_attempts.IsEmpty) _empty.TrySetResult();
            return _empty.Task;
        }
    }
}
