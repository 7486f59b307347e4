using System.Collections.Immutable;

namespace Outlast.Supervision;

/// <summary>Makes one object of equal environments: most tasks of a host have the same, and each time that a record is read it comes anew, the largest part of what is held of a running task.</summary>
/// <remarks>Holds none longer than the tasks do.</remarks>
internal sealed class SharedEnvironments
{
    private const int FewestBeforePruning = 64;

    private readonly Lock _lock = new();
    // Guarded by _lock: by the hash of their content, and at how many those are looked for that nobody holds any more.
    private readonly Dictionary<int, WeakReference<ImmutableSortedDictionary<string, string>>> _known = [];
    private int _pruneAt = FewestBeforePruning;

    /// <summary>How many are known, those included that are about to be forgotten.</summary>
    public int Count
    {
        get { lock (_lock) return _known.Count; }
    }

    /// <summary>The same spec, with an environment that others may have as well.</summary>
    public TaskSpec Share(TaskSpec spec) =>
        spec.Process is { Environment.Count: > 0 } process && Share(process.Environment) is var shared && shared != process.Environment ? spec with { Process = process with { Environment = shared } } : spec;

    private ImmutableSortedDictionary<string, string> Share(ImmutableSortedDictionary<string, string> environment)
    {
        var hash = HashOf(environment);
        lock (_lock)
        {
            if (_known.TryGetValue(hash, out var reference) && reference.TryGetTarget(out var known) && AreEqual(known, environment)) return known;
            _known[hash] = new(environment);
            if (_known.Count < _pruneAt) return environment;
            foreach (var (key, _) in _known.Where(k => !k.Value.TryGetTarget(out _)).ToList()) _known.Remove(key);
            _pruneAt = Math.Max(FewestBeforePruning, 2 * _known.Count);
            return environment;
        }
    }

    private static int HashOf(ImmutableSortedDictionary<string, string> environment)
    {
        var hash = new HashCode();
        foreach (var (name, value) in environment)
        {
            hash.Add(name);
            hash.Add(value);
        }
        return hash.ToHashCode();
    }

    private static bool AreEqual(ImmutableSortedDictionary<string, string> one, ImmutableSortedDictionary<string, string> other) =>
        one.Count == other.Count && Equals(one.KeyComparer, other.KeyComparer) && one.Zip(other).All(pair => pair.First.Key == pair.Second.Key && pair.First.Value == pair.Second.Value);
}
