using System.Buffers.Text;
using System.Security.Cryptography;

namespace Outlast.IntegrationTests.Faults.Checking;

/// <summary>Length and SHA-256 of some bytes.</summary>
internal sealed record Digest(long Length, string Sha256)
{
    public static Digest Empty { get; } = Of([]);

    public static Digest Of(ReadOnlySpan<byte> bytes) => new(bytes.Length, Convert.ToHexStringLower(SHA256.HashData(bytes)));
}

/// <summary>The output of <c>seq FIRST LAST</c>: deterministic, and any cut or repetition shows.</summary>
internal sealed record NumberedLines(long First, long Last)
{
    /// <summary>Length and hash of the whole.</summary>
    public Digest Whole => Prefix(long.MaxValue);

    /// <summary>Length and hash of the first <paramref name="length"/> bytes, or of all if there are fewer.</summary>
    public Digest Prefix(long length)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Span<byte> line = stackalloc byte[21];
        long written = 0;
        for (var i = First; i <= Last && written < length; i++)
        {
            Utf8Formatter.TryFormat(i, line, out var digits);
            line[digits] = (byte)'\n';
            var take = (int)Math.Min(digits + 1, length - written);
            hash.AppendData(line[..take]);
            written += take;
        }
        return new(written, Convert.ToHexStringLower(hash.GetHashAndReset()));
    }
}
