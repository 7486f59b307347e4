namespace Outlast.Supervision;

/// <summary>Who this host is, once the store has counted its boot; hands out its fencing tokens.</summary>
internal sealed class HostIdentity
{
    private long _epoch;
    private uint _tokens;

    /// <summary>This host's boot epoch; 0 until the store is open.</summary>
    public long Epoch => Volatile.Read(ref _epoch);

    /// <summary>This host.</summary>
    public HostId Id => HostId.OfEpoch(Epoch);

    /// <summary>The store has counted this host's boot.</summary>
    public void Open(long epoch) => Volatile.Write(ref _epoch, epoch);

    /// <summary>A claim that nobody had before.</summary>
    public TaskClaim NewClaim() => new(Id, FencingToken.Of(Epoch, Interlocked.Increment(ref _tokens)));
}
