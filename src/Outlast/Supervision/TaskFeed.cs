using System.Collections.Concurrent;
using System.Collections.Immutable;
using Microsoft.Extensions.Logging;
using Outlast.Diagnostics;
using Outlast.Storage;

namespace Outlast.Supervision;

/// <summary>Tells waiters and streams of the same host what has been committed. Holds no history: who comes late reads the store.</summary>
internal sealed class TaskFeed(ILogger<TaskFeed>? log = null)
{
    private readonly ConcurrentDictionary<TaskId, Waiters> _waiters = new();
    private readonly Lock _lock = new();
    // Guarded by _lock: the largest event number that was published, and who waits for the next, if anybody does.
    private long _lastSeq;
    private TaskCompletionSource? _next;

    /// <summary>Told of every committed record, in the order of its versions for one task as far as one writer made them. Must not block.</summary>
    public event Action<TaskRecord>? Changed;

    /// <summary>Told once of every task that ends while this host lives. Must not block.</summary>
    public event Action<TaskRecord>? Ended;

    /// <summary>Told of every commit, once, before anybody who waits. Must not block.</summary>
    public event Action<CommitVerdict>? Committed;

    /// <summary>The same for what sessions are told.</summary>
    public NoticeFeed Notices { get; } = new();

    /// <summary>How many tasks somebody waits for; 0 when nobody waits.</summary>
    public int Waiting => _waiters.Count;

    /// <summary>Announces what a commit has made durable.</summary>
    public void Publish(CommitVerdict committed)
    {
        Tell(Committed, committed);
        foreach (var record in committed.Records)
        {
            Tell(Changed, record);
            if (!record.State.IsTerminal()) continue;
            if (HasEndOf(record.Id, committed.Events)) Tell(Ended, record);
            if (_waiters.TryGetValue(record.Id, out var waiters)) waiters.Ended.TrySetResult(record);
        }
        if (!committed.Events.IsDefaultOrEmpty) Nudge(committed.Events[^1].Seq);
        Notices.Publish(committed.Notices);
    }

    /// <summary>What has been written has been written: somebody who fails when he is told of it keeps it from nobody else.</summary>
    private void Tell<T>(Action<T>? told, T what)
    {
        foreach (var one in Delegate.EnumerateInvocationList(told))
        {
            try
            {
                one(what);
            }
            catch (Exception e)
            {
                log?.ListenerFailed(e);
            }
        }
    }

    /// <summary>Wakes whoever waits for events.</summary>
    /// <param name="seq">The largest number that is known; 0 when it is not.</param>
    public void Nudge(long seq = 0)
    {
        TaskCompletionSource? next;
        lock (_lock)
        {
            _lastSeq = Math.Max(_lastSeq, seq);
            (next, _next) = (_next, null);
        }
        next?.TrySetResult();
    }

    private static bool HasEndOf(TaskId id, ImmutableArray<TaskEvent> events)
    {
        foreach (var happened in events)
            if (happened.Type == TaskEventType.Ended && happened.Task == id) return true;
        return false;
    }

    /// <summary>Returns when an event with a larger number than <paramref name="after"/> may exist.</summary>
    public Task WaitForEventAsync(long after, CancellationToken cancel)
    {
        lock (_lock) return _lastSeq > after ? Task.CompletedTask : (_next ??= new(TaskCreationOptions.RunContinuationsAsynchronously)).Task.WaitAsync(cancel);
    }

    /// <summary>Completes when the task ends from now on. The caller looks at the record after taking this, and disposes it.</summary>
    public EndSignal WatchEnd(TaskId id)
    {
        while (true)
        {
            var waiters = _waiters.GetOrAdd(id, static _ => new Waiters());
            lock (waiters)
            {
                if (waiters.Gone) continue;
                waiters.Count++;
                return new EndSignal(this, id, waiters);
            }
        }
    }

    /// <summary>A wait for one end.</summary>
    internal sealed class EndSignal(TaskFeed feed, TaskId id, Waiters waiters) : IDisposable
    {
        public Task<TaskRecord> Ended => waiters.Ended.Task;

        public void Dispose()
        {
            lock (waiters)
            {
                if (--waiters.Count > 0) return;
                waiters.Gone = true;
                feed._waiters.TryRemove(id, out _);
            }
        }
    }

    internal sealed class Waiters
    {
        public readonly TaskCompletionSource<TaskRecord> Ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
        public int Count;
        public bool Gone;
    }
}
