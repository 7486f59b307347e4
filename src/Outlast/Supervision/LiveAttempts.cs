using System.Collections.Concurrent;
using Outlast.Runners;

namespace Outlast.Supervision;

/// <summary>An attempt that this host follows.</summary>
internal sealed class LiveAttempt(TaskRecord record, AttemptContext context, ITaskRunner runner, AttemptClock clock)
{
    private readonly Lock _lock = new();
    // Guarded by _lock: the newest committed record, and the stop that is under way.
    private TaskRecord _record = record;
    private Task<StopReport>? _stop;
    private readonly TaskCompletionSource _stopEnded = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public TaskId Id => context.Task;
    public AttemptContext Context => context;
    public ITaskRunner Runner => runner;
    public AttemptClock Clock => clock;
    public TaskClaim Claim { get; } = record.Claim!;

    /// <summary>Cancelled when the rest of a stop's grace is to be skipped.</summary>
    public CancellationTokenSource Hurry { get; } = new();

    /// <summary>Completes when the record knows the process; faulted never.</summary>
    public Task Launched { get; set; } = Task.CompletedTask;

    public TaskRecord Record
    {
        get { lock (_lock) return _record; }
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
        lock (_lock)
        {
            if (record.Version > _record.Version) _record = record;
        }
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
    private volatile TaskCompletionSource? _empty;

    public int Count => _attempts.Count;

    public IEnumerable<LiveAttempt> All => _attempts.Values;

    public event Action<LiveAttempt>? Added;

    public LiveAttempt? Find(TaskId id) => _attempts.GetValueOrDefault(id);

    public void Add(LiveAttempt attempt)
    {
        if (!_attempts.TryAdd(attempt.Id, attempt)) throw new InvalidOperationException($"Task {attempt.Id} is followed already.");
        Added?.Invoke(attempt);
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
