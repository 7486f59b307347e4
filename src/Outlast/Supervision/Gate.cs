namespace Outlast.Supervision;

/// <summary>The places of one key: how many are taken, and who is held up for want of one. Not thread-safe.</summary>
internal sealed class Gate(KeyLimit limit)
{
    public LimitKey Key => limit.Key;
    public int Max => limit.Max;

    /// <summary>How many places are taken: more than there are only where somebody took his own again.</summary>
    public int Taken { get; set; }

    /// <summary>Who is to have the next place that is free: it was passed too often.</summary>
    public Lane? KeptFor { get; set; }

    /// <summary>Whether there is a place for the next of a lane.</summary>
    public bool HasRoomFor(Lane lane) => Taken < (KeptFor is { } other && other != lane ? Max - 1 : Max);

    /// <summary>The first of those it holds up that has room here; none: it holds up rightly.</summary>
    public Lane? Next => HeldUp.Min is not { } first ? null : HasRoomFor(first) ? first : KeptFor is { } kept && kept.Stand == HeldUp && Taken < Max ? kept : null;

    /// <summary>How many lanes lead through it.</summary>
    public int Lanes { get; set; }

    /// <summary>Everybody who needs a place here, in order, whatever else they wait for.</summary>
    public Line Waiting { get; } = new();

    /// <summary>The lanes that this key holds up.</summary>
    public SortedSet<Lane> HeldUp { get; } = new(Lane.ByFirst);

    public override string ToString() => $"{Key}: {Taken} of {Max}";
}
