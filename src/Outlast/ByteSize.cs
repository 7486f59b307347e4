using System.Globalization;

namespace Outlast;

/// <summary>How sizes are written: <c>65536</c>, <c>64KiB</c>, <c>10MiB</c>, <c>1GiB</c>, <c>2TiB</c>.</summary>
public static class ByteSize
{
    private static readonly (string Name, int Shift)[] Units = [("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10), ("B", 0), ("", 0)];

    /// <summary>Reads a size; exactly as written, nothing is forgiven.</summary>
    public static bool TryParse(string? text, out long bytes)
    {
        bytes = 0;
        if (text is null) return false;
        var unit = Units.First(u => text.EndsWith(u.Name, StringComparison.Ordinal));
        if (!long.TryParse(text.AsSpan(0, text.Length - unit.Name.Length), NumberStyles.None, CultureInfo.InvariantCulture, out var count) || count > long.MaxValue >> unit.Shift) return false;
        bytes = count << unit.Shift;
        return true;
    }

    /// <summary>A size for people: <c>21.8 MiB</c>.</summary>
    internal static string Describe(long bytes) => bytes switch
    {
        < 1 << 10 => string.Create(CultureInfo.InvariantCulture, $"{bytes} bytes"),
        < 1 << 20 => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1024.0:0.#} KiB"),
        < 1 << 30 => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1048576.0:0.#} MiB"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1073741824.0:0.##} GiB"),
    };

    /// <summary>Writes a size in the largest unit that needs no fraction.</summary>
    public static string Format(long bytes)
    {
        var unit = bytes > 0 ? Units.First(u => bytes % (1L << u.Shift) == 0) : Units[^1];
        return (bytes >> unit.Shift).ToString(CultureInfo.InvariantCulture) + (unit.Shift == 0 ? "" : unit.Name);
    }
}
