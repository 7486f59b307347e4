using System.Collections.Immutable;

namespace Outlast.Supervision;

/// <summary>Which ends a session has read itself and not yet come back after: with its next request they are consumed. In memory only: after a host's death they are told once more.</summary>
internal sealed class Consumptions
{
    /// <summary>What is beyond is not remembered, and told by its notice.</summary>
    internal const int MostOfASession = 1_000, MostSessions = 10_000;

    private readonly Lock _lock = new();
    // Guarded by _lock.
    private readonly Dictionary<string, HashSet<TaskId>> _read = new(StringComparer.Ordinal);

    public void Add(string session, TaskId task)
    {
        lock (_lock)
        {
            if (!_read.TryGetValue(session, out var tasks))
            {
                if (_read.Count >= MostSessions) return;
                _read[session] = tasks = [];
            }
            if (tasks.Count < MostOfASession) tasks.Add(task);
        }
    }

    public ImmutableArray<TaskId> Of(string session)
    {
        lock (_lock) return _read.TryGetValue(session, out var tasks) ? [.. tasks] : [];
    }

    public void Remove(string session, ImmutableArray<TaskId> which)
    {
        lock (_lock)
        {
            if (!_read.TryGetValue(session, out var tasks)) return;
            tasks.ExceptWith(which);
            if (tasks.Count == 0) _read.Remove(session);
        }
    }
}
