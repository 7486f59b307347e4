namespace Outlast.Client;

/// <summary>One message of an output stream.</summary>
public abstract record OutputFrame
{
    private OutputFrame() { }

    /// <summary>Bytes that were printed.</summary>
    /// <param name="Offset">Of the first of them.</param>
    /// <param name="Bytes">They.</param>
    public sealed record Chunk(long Offset, ReadOnlyMemory<byte> Bytes) : OutputFrame
    {
        /// <summary>The offset after them: where a later stream goes on.</summary>
        public long Next => Offset + Bytes.Length;
    }

    /// <summary>Bytes that are not there any more; the stream goes on at <paramref name="To"/>.</summary>
    /// <param name="From">The first of them.</param>
    /// <param name="To">The first after them.</param>
    /// <param name="Why"><c>dropped</c>: removed by policy. <c>lost</c>: damaged, by the command itself. <c>attempt</c>: another attempt began, whose output counts from 0.</param>
    public sealed record Gap(long From, long To, string Why) : OutputFrame;

    /// <summary>The task has ended and everything was sent. Always last, once.</summary>
    public sealed record End(string State, int? ExitCode) : OutputFrame;
}

/// <summary>A range of the output.</summary>
public sealed record OutputRange
{
    /// <summary>The offset of the first byte.</summary>
    public required long Offset { get; init; }
    /// <summary>The bytes.</summary>
    public required ReadOnlyMemory<byte> Bytes { get; init; }
    /// <summary>The offset after them.</summary>
    public required long NextOffset { get; init; }
    /// <summary>The size of the whole output, when this was read.</summary>
    public required long Size { get; init; }
    /// <summary>Removed by policy.</summary>
    public required long Dropped { get; init; }
    /// <summary>Whether the task had ended before this was read.</summary>
    public required bool Ended { get; init; }
}

/// <summary>By <paramref name="At"/> so many bytes were there.</summary>
public sealed record OutputTimeView(DateTimeOffset At, long Offset);

/// <summary>When an output grew, oldest first; the last is the output as it is.</summary>
/// <param name="Attempt">Of that attempt.</param>
/// <param name="Times">Sparse: each second while a host looked, coarser the longer ago.</param>
/// <param name="Since">The first offset that may be younger than what was asked for; absent: nothing was.</param>
public sealed record OutputTimesView(int Attempt, IReadOnlyList<OutputTimeView> Times, long? Since = null);

/// <summary>The data of an <c>output</c> message: text, or base64 where the bytes are no UTF-8.</summary>
public sealed record OutputData(long Offset, string? Text, string? Base64);

/// <summary>The data of a <c>gap</c> message.</summary>
/// <param name="From">The first byte that is missing.</param>
/// <param name="To">Where it goes on.</param>
/// <param name="Why"><c>dropped</c> by the cap, <c>lost</c>, or <c>attempt</c>: another one prints, from 0.</param>
/// <param name="Attempt">That one, from 2.</param>
public sealed record GapData(long From, long To, string Why, int? Attempt = null);

/// <summary>The data of an <c>end</c> message.</summary>
public sealed record EndData(string State, int? ExitCode);
