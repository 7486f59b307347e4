namespace Outlast.AspNetCore;

/// <summary>How streams behave towards their readers.</summary>
public sealed class StreamOptions
{
    /// <summary>How long a stream waits for a reader that does not read, before it lets go of it.</summary>
    /// <value>30 seconds.</value>
    public TimeSpan SlowReaderLimit { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>After how long a silent stream sends a comment line.</summary>
    /// <value>15 seconds.</value>
    public TimeSpan Heartbeat { get; init; } = TimeSpan.FromSeconds(15);
}
