using System.Collections.Immutable;

namespace Outlast.Supervision;

/// <summary>Tasks that need a place of the same keys: only the first of them can be next, however many there are. Not thread-safe.</summary>
internal sealed class Lane(ImmutableArray<Gate> gates, LaneKey key)
{
    /// <summary>The order of lanes that are not empty: that of their first tasks.</summary>
    public static IComparer<Lane> ByFirst { get; } = Comparer<Lane>.Create((a, b) => a.Line.First!.Order.CompareTo(b.Line.First!.Order));

    public ImmutableArray<Gate> Gates => gates;
    public LaneKey Key => key;
    public Line Line { get; } = new();

    /// <summary>How many tasks and places refer to it: one that nobody does is forgotten.</summary>
    public int Users { get; set; }

    /// <summary>Where it stands while somebody waits in it.</summary>
    public SortedSet<Lane>? Stand { get; set; }

    /// <summary>How often its first task found one key free and another one full.</summary>
    public int Passed { get; set; }

    public override string ToString() => string.Join(", ", gates.Select(g => g.Key.ToString()));

    /// <summary>What holds its first task up; none: nothing does.</summary>
    public Gate? FirstFull
    {
        get
        {
            foreach (var gate in gates)
                if (!gate.HasRoomFor(this)) return gate;
            return null;
        }
    }
}

/// <summary>The keys of a lane, and whether its tasks are claimed although nothing else is.</summary>
internal sealed record LaneKey(ImmutableArray<KeyLimit> Limits, TaskKind Kind, bool Admitted)
{
    public bool Equals(LaneKey? other) => other is not null && Admitted == other.Admitted && Limits.AsSpan().SequenceEqual(other.Limits.AsSpan());

    public override int GetHashCode()
    {
        var hash = new HashCode();
        hash.Add(Admitted);
        foreach (var limit in Limits) hash.Add(limit.Key);
        return hash.ToHashCode();
    }
}
