namespace Outlast.Client;

/// <summary>How a client behaves when its host is away, and what it calls itself.</summary>
public sealed class OutlastClientOptions
{
    /// <summary>How long a host that refuses the connection, or breaks it, is tried again. Streams go on from where they were.</summary>
    /// <value>Zero: not at all.</value>
    public TimeSpan RetryFor { get; init; }

    /// <summary>How long the client rests between two tries.</summary>
    /// <value>50 ms.</value>
    public TimeSpan RetryPause { get; init; } = TimeSpan.FromMilliseconds(50);

    /// <summary>Called when the host cannot be reached, before each further try: may start it. Returns where it is now; none: where it was.</summary>
    /// <value>None.</value>
    public Func<CancellationToken, Task<HostAddress?>>? HostAway { get; init; }

    /// <summary>The door that records name as the one this caller came through.</summary>
    /// <value>None: <c>http</c>.</value>
    public string? Via { get; init; }

    /// <summary>The clock of retries.</summary>
    /// <value>The system's.</value>
    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>How long a connection must last for its break to be a new absence of the host, with the whole of <see cref="RetryFor"/> before it.</summary>
    internal TimeSpan Steady { get; init; } = TimeSpan.FromSeconds(1);
}
