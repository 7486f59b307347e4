namespace Outlast;

/// <summary>One running host, once: <c>h1</c>, <c>h2</c>, ... by its boot epoch in the store.</summary>
public readonly record struct HostId(string Value)
{
    /// <summary>The id of the host that opened the store as its <paramref name="epoch"/>th.</summary>
    public static HostId OfEpoch(long epoch) => new($"h{epoch}");

    /// <inheritdoc/>
    public override string ToString() => Value;
}

/// <summary>A number that every write of an owner carries; a later claim has a larger one, so that a former owner's write is refused.</summary>
/// <remarks>The upper 31 bits are the host's boot epoch, the lower 32 count that host's claims. So it grows across hosts without asking the store.</remarks>
public readonly record struct FencingToken(long Value) : IComparable<FencingToken>
{
    /// <summary>The <paramref name="sequence"/>th token of the host that has this boot epoch.</summary>
    public static FencingToken Of(long epoch, uint sequence) => new((epoch << 32) | sequence);

    /// <summary>The boot epoch of the host that this token belongs to.</summary>
    public long Epoch => Value >> 32;

    /// <inheritdoc/>
    public int CompareTo(FencingToken other) => Value.CompareTo(other.Value);

    /// <inheritdoc/>
    public override string ToString() => $"{Epoch}.{Value & uint.MaxValue}";
}

/// <summary>A host's right to run one attempt of a task.</summary>
public sealed record TaskClaim(HostId Host, FencingToken Token);
