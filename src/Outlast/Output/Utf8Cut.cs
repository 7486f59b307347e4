namespace Outlast.Output;

/// <summary>Where UTF-8 text may be cut without cutting a character.</summary>
public static class Utf8Cut
{
    /// <summary>How many of the bytes can be shown: all but a last character that has begun and is not complete.</summary>
    public static int Whole(ReadOnlySpan<byte> bytes)
    {
        for (var back = 1; back <= 3 && back <= bytes.Length; back++)
        {
            var b = bytes[^back];
            if ((b & 0b1100_0000) == 0b1000_0000) continue;
            return LengthOf(b) > back ? bytes.Length - back : bytes.Length;
        }
        return bytes.Length;
    }

    private static int LengthOf(byte lead) => lead switch
    {
        >= 0b1111_0000 and < 0b1111_1000 => 4,
        >= 0b1110_0000 and < 0b1111_0000 => 3,
        >= 0b1100_0000 and < 0b1110_0000 => 2,
        _ => 1,
    };
}
