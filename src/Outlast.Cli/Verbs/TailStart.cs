using Outlast.Client;

namespace Outlast.Cli.Verbs;

/// <summary>Finds where the last lines of an output begin, reading it from its end.</summary>
internal static class TailStart
{
    private const long FirstGuess = 16 * 1024;

    public static async Task<long> FindAsync(OutlastHttpClient client, string id, long lines, bool errorStream, CancellationToken cancel)
    {
        for (var bytes = FirstGuess; ; bytes *= 4)
        {
            var end = await client.ReadOutputTailAsync(id, bytes, errorStream, cancel);
            if (Start(end.Bytes.Span, lines) is { } start) return end.Offset + start;
            if (end.Offset == 0 || end.Bytes.Length < bytes) return end.Offset;
        }
    }

    /// <summary>Where the last lines begin, if all of them are here. A line end at the very end belongs to the last line.</summary>
    internal static int? Start(ReadOnlySpan<byte> bytes, long lines)
    {
        if (lines == 0) return bytes.Length;
        var end = bytes.Length > 0 && bytes[^1] == '\n' ? bytes.Length - 1 : bytes.Length;
        while (bytes[..end].LastIndexOf((byte)'\n') is >= 0 and var at)
        {
            if (--lines == 0) return at + 1;
            end = at;
        }
        return null;
    }
}
