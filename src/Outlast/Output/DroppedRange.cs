using System.Globalization;
using System.Text;

namespace Outlast.Output;

/// <summary>The part of a log that its cap has removed: from <paramref name="From"/> to before <paramref name="To"/>. Offsets do not move; the file has a hole there.</summary>
/// <remarks>The range only grows, and is told before the bytes go: whoever reads first and asks then never takes a hole for output.</remarks>
/// <param name="From">The first byte that is gone.</param>
/// <param name="To">The first after it that is there.</param>
public readonly record struct DroppedRange(long From, long To)
{
    /// <summary>Nothing is removed.</summary>
    public static DroppedRange None => default;

    /// <summary>How many bytes are gone.</summary>
    public long Length => To - From;

    /// <summary>Whether that byte is gone.</summary>
    public bool Contains(long offset) => offset >= From && offset < To;

    /// <summary>The file beside a log that tells it: <c>4096 81920 end</c>. Not there before the log comes near its cap.</summary>
    public static string FileOf(string log) => log + ".dropped";

    /// <summary>What is gone of a log.</summary>
    /// <exception cref="OutputUnreadableException">The file is there, and cannot be read.</exception>
    public static DroppedRange Of(string log)
    {
        using var file = LogFile.Open(FileOf(log));
        return file is null ? None : Read(file, log);
    }

    internal static DroppedRange Read(LogFile file, string log)
    {
        Span<byte> first = stackalloc byte[64], second = stackalloc byte[64];
        while (true)
        {
            var length = file.Read(FileOf(log), first, 0);
            // It is written over in place: two equal looks are no half of one and half of another.
            if (file.Read(FileOf(log), second, 0) == length && first[..length].SequenceEqual(second[..length])) return Parse(Encoding.ASCII.GetString(first[..length]));
        }
    }

    /// <summary>What the file holds for this range, always of one length.</summary>
    internal byte[] ToBytes() => Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{From} {To} end").PadRight(47) + "\n");

    private static DroppedRange Parse(string text) =>
        text.Split(' ', 4) is [var from, var to, ['e', 'n', 'd', ..], ..]
        && long.TryParse(from, NumberStyles.None, CultureInfo.InvariantCulture, out var first) && long.TryParse(to, NumberStyles.None, CultureInfo.InvariantCulture, out var after) && first < after
            ? new(first, after)
            : None;
}
