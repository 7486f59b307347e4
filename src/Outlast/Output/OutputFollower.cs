namespace Outlast.Output;

/// <summary>Reads a log as it grows, until its task has ended and everything was read. Passes over what its cap has removed, and says so.</summary>
/// <remarks>Not thread-safe. Looks only while somebody waits: each 4 ms while much comes, so that it is fetched in large pieces and its writer keeps the processor; 10 ms after little, each 50 ms after a while of silence. Keeps nothing but its offset.</remarks>
/// <param name="log">The log.</param>
/// <param name="offset">Where to begin.</param>
/// <param name="ended">Completes when the task has ended: what it printed is then in the log.</param>
/// <param name="time">The clock of the looks.</param>
public sealed class OutputFollower(OutputLog log, long offset, Task ended, TimeProvider time)
{
    /// <summary>So much between two pauses is a flow.</summary>
    internal const int Flow = 64 * 1024;

    private static readonly TimeSpan PauseInFlow = TimeSpan.FromMilliseconds(4);
    private static readonly TimeSpan ShortestPause = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan LongestPause = TimeSpan.FromMilliseconds(50);

    private TimeSpan _pause = ShortestPause;
    private long? _last;
    private long _sincePause;

    /// <summary>The offset after what was read.</summary>
    public long Offset { get; private set; } = offset;

    /// <summary>What the last <see cref="Read"/> passed over because it is gone; it gave no bytes then. None: nothing.</summary>
    public DroppedRange? Gap { get; private set; }

    /// <summary>Whether the last <see cref="Read"/> gave all that was there: what it gave is to be handed on, and then it is time to <see cref="WaitAsync">wait</see>.</summary>
    public bool HasCaughtUp { get; private set; }

    /// <summary>Reads what is there; 0: nothing, or a <see cref="Gap"/>. What leftovers of an ended task go on to print is not followed.</summary>
    /// <param name="buffer">Takes the bytes.</param>
    /// <param name="isOver">Whether the task has ended and everything was read.</param>
    /// <exception cref="OutputUnreadableException">The log cannot be read.</exception>
    public int Read(Span<byte> buffer, out bool isOver)
    {
        // The end is asked before the log is read: what was printed before the end is then part of what is read.
        if (_last is null && ended.IsCompletedSuccessfully) _last = log.Size();
        if (_last is { } last && last - Offset < buffer.Length) buffer = buffer[..(int)Math.Max(0, last - Offset)];
        var count = buffer.IsEmpty ? 0 : log.Read(Offset, buffer);
        Gap = null;
        HasCaughtUp = count < buffer.Length;
        if (count > 0) count = PassOver(log.Dropped(), count);
        isOver = count == 0 && Gap is null && _last is not null;
        Offset += count;
        _sincePause += count;
        if (count > 0) _pause = _sincePause >= Flow ? PauseInFlow : ShortestPause;
        return count;
    }

    /// <summary>How many of the bytes before the offset are in the log no more: somebody cut it. 0: as it should be.</summary>
    public long MissingBefore() => Math.Max(0, Offset - log.Size());

    /// <summary>Waits until it is worth looking again.</summary>
    /// <exception cref="Exception">What the wait for the task's end met.</exception>
    public async Task WaitAsync(CancellationToken cancel)
    {
        using var enough = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        await Task.WhenAny(ended, Task.Delay(_pause, time, enough.Token)).ConfigureAwait(false);
        await enough.CancelAsync().ConfigureAwait(false);
        cancel.ThrowIfCancellationRequested();
        if (ended.IsFaulted || ended.IsCanceled) await ended.ConfigureAwait(false);
        _sincePause = 0;
        _pause = _pause * 2 > LongestPause ? LongestPause : _pause * 2;
    }

    /// <summary>How many of the bytes just read were there: a removal is told before it happens, so what is told only after the reading began may be a hole.</summary>
    private int PassOver(DroppedRange gone, int count)
    {
        if (Offset + count <= gone.From || Offset >= gone.To) return count;
        HasCaughtUp = false;
        if (Offset < gone.From) return (int)(gone.From - Offset);
        Gap = new(Offset, gone.To);
        Offset = gone.To;
        return 0;
    }
}
