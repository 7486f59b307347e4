using System.Buffers.Binary;
using System.Collections.Immutable;

namespace Outlast.Output;

/// <summary>By <paramref name="At"/> a log had <paramref name="Size"/> bytes.</summary>
public readonly record struct OutputTime(DateTimeOffset At, long Size);

/// <summary>When a log grew: a sparse index that a living host keeps beside it, <c>LOG.times</c>, of pairs of 64-bit numbers (milliseconds since 1970, size).</summary>
/// <remarks>Both only grow. A pair says "by then so much was there", never "not before": where no host looked for a while, it is coarse and still right.</remarks>
public static class OutputTimes
{
    internal const int PairSize = 16;

    /// <summary>The file beside a log that holds them.</summary>
    public static string FileOf(string log) => log + ".times";

    /// <summary>What is known, oldest first; the last pair is the log as it is now.</summary>
    /// <exception cref="OutputUnreadableException">The index is there, and cannot be read.</exception>
    public static ImmutableArray<OutputTime> Read(string log)
    {
        var known = ReadIndex(log);
        var now = new FileInfo(log);
        if (!now.Exists || now.Length == 0) return [.. known];
        var last = new OutputTime(new(now.LastWriteTimeUtc, TimeSpan.Zero), now.Length);
        return known.Count == 0 || known[^1].Size < last.Size ? [.. known, last with { At = known.Count > 0 && known[^1].At > last.At ? known[^1].At : last.At }] : [.. known];
    }

    internal static List<OutputTime> ReadIndex(string log)
    {
        var pairs = new List<OutputTime>();
        byte[] bytes;
        try
        {
            using var file = new FileStream(FileOf(log), FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            bytes = new byte[file.Length];
            bytes = bytes[..file.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false)];
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return pairs;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new OutputUnreadableException(FileOf(log), e.Message);
        }
        // The host may have died amid a pair: what follows a half one is none.
        for (var rest = bytes.AsSpan(); rest.Length >= PairSize; rest = rest[PairSize..])
        {
            var (at, size) = (BinaryPrimitives.ReadInt64LittleEndian(rest), BinaryPrimitives.ReadInt64LittleEndian(rest[8..]));
            if (at < 0 || at > DateTimeOffset.MaxValue.ToUnixTimeMilliseconds() || pairs.Count > 0 && (size <= pairs[^1].Size || at < pairs[^1].At.ToUnixTimeMilliseconds())) break;
            pairs.Add(new(DateTimeOffset.FromUnixTimeMilliseconds(at), size));
        }
        return pairs;
    }
}

/// <summary>Writes when a log grew. One writer a log: the host that follows its attempt.</summary>
internal sealed class OutputTimesWriter(string log)
{
    /// <summary>64 KiB; then every second pair of the older half goes, so that what is long ago gets coarser, and what is recent stays fine.</summary>
    public const int MostPairs = 4096;

    private bool _isResumed;
    private OutputTime? _last;
    private int _count;

    /// <summary>Notes that the log has that size, if it has grown.</summary>
    public void Note(OutputTime now)
    {
        if (!_isResumed) Resume();
        if (now.Size <= 0 || now.Size <= _last?.Size) return;
        // A clock that was set back does not turn the order round.
        if (_last is { } last && now.At < last.At) now = now with { At = last.At };
        // What fails amid a pair leaves a half one, which the next note has to take away first.
        _isResumed = false;
        if (_count < MostPairs)
        {
            Write(FileMode.Append, [now]);
            _count++;
        }
        else
        {
            List<OutputTime> pairs = [.. OutputTimes.ReadIndex(log), now];
            Thin(pairs);
            Write(FileMode.Create, pairs);
            _count = pairs.Count;
        }
        _last = now;
        _isResumed = true;
    }

    /// <summary>Goes on with what was written, without the half pair that a former host, or a full disk, may have left.</summary>
    private void Resume()
    {
        var pairs = OutputTimes.ReadIndex(log);
        if (new FileInfo(OutputTimes.FileOf(log)) is { Exists: true, Length: var length } && length != (long)pairs.Count * OutputTimes.PairSize) Write(FileMode.Create, pairs);
        (_last, _count, _isResumed) = (pairs is [.., var last] ? last : null, pairs.Count, true);
    }

    private static void Thin(List<OutputTime> pairs)
    {
        var older = pairs.Count / 2;
        var kept = pairs.Where((_, i) => i >= older || i % 2 == 1).ToList();
        pairs.Clear();
        pairs.AddRange(kept);
    }

    private void Write(FileMode mode, List<OutputTime> pairs)
    {
        var bytes = new byte[pairs.Count * OutputTimes.PairSize];
        for (var i = 0; i < pairs.Count; i++)
        {
            BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(i * OutputTimes.PairSize), pairs[i].At.ToUnixTimeMilliseconds());
            BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(i * OutputTimes.PairSize + 8), pairs[i].Size);
        }
        var path = OutputTimes.FileOf(log);
        var target = mode == FileMode.Create ? path + ".new" : path;
        var how = new FileStreamOptions { Mode = mode, Access = FileAccess.Write, Share = FileShare.ReadWrite | FileShare.Delete, BufferSize = 0 };
        if (!OperatingSystem.IsWindows()) how.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        using (var file = new FileStream(target, how)) file.Write(bytes);
        if (target != path) File.Move(target, path, overwrite: true);
    }
}
