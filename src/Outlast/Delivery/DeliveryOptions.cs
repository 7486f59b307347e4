namespace Outlast.Delivery;

/// <summary>How notices go to channels.</summary>
public sealed class DeliveryOptions
{
    /// <summary>How many a channel is given at once.</summary>
    /// <value>50.</value>
    public int Batch { get; init; } = 50;

    /// <summary>The least time between two deliveries to one session by one channel; what comes about meanwhile goes together.</summary>
    /// <value>100 ms.</value>
    public TimeSpan Interval { get; init; } = TimeSpan.FromMilliseconds(100);

    /// <summary>How long a channel may take for a delivery.</summary>
    /// <value>30 seconds.</value>
    public TimeSpan TimeLimit { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>After how long notices that were handed over and not acknowledged go again: not earlier, and at most twice as late.</summary>
    /// <value>5 minutes.</value>
    public TimeSpan RedeliverAfter { get; init; } = TimeSpan.FromMinutes(5);
}
