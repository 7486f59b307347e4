using System.Text;
using System.Text.RegularExpressions;
using Outlast.Client;

namespace Outlast.Cli.Rendering;

/// <summary>Between output as it comes and its printer: lets whole lines through that fit a pattern, and says when they were there. Without either wish everything passes as it comes.</summary>
/// <param name="printer">Prints.</param>
/// <param name="pattern">Which lines; their control sequences do not count. None: all.</param>
/// <param name="times">By when how much was there; none: lines are not stamped.</param>
/// <param name="last">How many of the lines that fit are held until <see cref="Release"/>: only the last so many are printed then. None: each at once.</param>
/// <param name="clock">What comes later than the last known time is there now.</param>
internal sealed class LineSieve(OutputPrinter printer, Regex? pattern, IReadOnlyList<OutputTimeView>? times, long? last, TimeProvider clock)
{
    /// <summary>A longer line is taken for several.</summary>
    private const int LongestLine = 1 << 20;

    private readonly List<byte> _begun = [];
    private readonly Queue<(long Offset, byte[] Line)> _held = [];
    private long _offset;
    private bool _holds = last is not null;

    public bool IsError => printer.IsError;

    private bool IsOpen => pattern is null && times is null && !_holds;

    public void Take(long offset, ReadOnlySpan<byte> bytes)
    {
        if (IsOpen && _begun.Count == 0)
        {
            printer.Print(offset, bytes);
            return;
        }
        while (!bytes.IsEmpty)
        {
            var end = bytes.IndexOf((byte)'\n') + 1;
            var piece = end > 0 ? bytes[..end] : bytes;
            if (_begun.Count == 0) _offset = offset;
            _begun.AddRange(piece);
            if (end > 0 || _begun.Count >= LongestLine) FinishLine();
            offset += piece.Length;
            bytes = bytes[piece.Length..];
        }
    }

    public void PassOver(OutputFrame.Gap gap)
    {
        FinishLine();
        printer.PassOver(gap);
    }

    /// <summary>Prints what was held; what comes now is printed at once.</summary>
    public void Release()
    {
        _holds = false;
        while (_held.TryDequeue(out var line)) Print(line.Offset, line.Line);
    }

    /// <summary>A last line without an end counts as one.</summary>
    public void FinishLine()
    {
        if (_begun.Count == 0) return;
        var line = _begun.ToArray();
        _begun.Clear();
        if (pattern is not null && !pattern.IsMatch(TextOf(line))) return;
        if (!_holds)
        {
            Print(_offset, line);
            return;
        }
        if (last > 0) _held.Enqueue((_offset, line));
        if (_held.Count > last) _held.Dequeue();
    }

    private void Print(long offset, byte[] line) => printer.PrintLine(offset, line, times is null ? null : TimeOf(offset), clock.GetUtcNow());

    /// <summary>The first time by which the byte at that offset was there.</summary>
    private DateTimeOffset TimeOf(long offset)
    {
        var (low, high) = (0, times!.Count);
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (times[middle].Offset > offset) high = middle;
            else low = middle + 1;
        }
        return low < times.Count ? times[low].At : clock.GetUtcNow();
    }

    private static string TextOf(byte[] line) => Encoding.UTF8.GetString(new ControlSequences().Clean(line)).TrimEnd('\n');
}
