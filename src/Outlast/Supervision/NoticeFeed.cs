using System.Collections.Immutable;

namespace Outlast.Supervision;

/// <summary>Tells whoever waits for a session's notices that there may be new ones. Holds none: who is woken reads the store.</summary>
internal sealed class NoticeFeed
{
    private readonly Lock _lock = new();
    // Guarded by _lock: who waits, by session.
    private readonly Dictionary<string, Waiters> _waiters = new(StringComparer.Ordinal);

    /// <summary>Told of every session for which a notice became durable. Must not block.</summary>
    public event Action<string>? Told;

    /// <summary>For how many sessions somebody waits; 0 when nobody does.</summary>
    public int Waiting
    {
        get { lock (_lock) return _waiters.Count; }
    }

    /// <summary>Announces notices that are durable.</summary>
    public void Publish(ImmutableArray<Notice> notices)
    {
        if (notices.IsDefaultOrEmpty) return;
        foreach (var session in notices.Where(n => n.IsOpen).Select(n => n.Session).Distinct())
        {
            Told?.Invoke(session);
            TaskCompletionSource? next = null;
            lock (_lock)
                if (_waiters.TryGetValue(session, out var waiters)) (next, waiters.Next) = (waiters.Next, NewSignal());
            next?.TrySetResult();
        }
    }

    /// <summary>Begins to watch. The caller takes <see cref="Watch.Next"/>, then reads, then awaits it; and disposes the watch.</summary>
    public Watch Of(string session)
    {
        lock (_lock)
        {
            if (!_waiters.TryGetValue(session, out var waiters)) _waiters[session] = waiters = new();
            waiters.Count++;
            return new(this, session, waiters);
        }
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>A watch on one session's notices.</summary>
    internal sealed class Watch(NoticeFeed feed, string session, Waiters waiters) : IDisposable
    {
        /// <summary>Completes with the next notice from now on.</summary>
        public Task Next
        {
            get { lock (feed._lock) return waiters.Next.Task; }
        }

        public void Dispose()
        {
            lock (feed._lock)
                if (--waiters.Count == 0) feed._waiters.Remove(session);
        }
    }

    internal sealed class Waiters
    {
        public TaskCompletionSource Next = NewSignal();
        public int Count;
    }
}
