using System.Security.Cryptography;
using System.Text;

namespace Outlast.AspNetCore;

/// <summary>What a caller over TCP must show: 256 random bits in an owner-only file, which only the owner of the data folder can read.</summary>
public static class AccessToken
{
    /// <summary>Reads the token, or makes one where there is none.</summary>
    /// <exception cref="IOException">The file is there and holds no token, or it cannot be written.</exception>
    public static string LoadOrCreate(string path)
    {
        if (File.Exists(path))
        {
            var token = File.ReadAllText(path).Trim();
            return token.Length >= 32 ? token : throw new IOException($"'{path}' holds no token; remove it and a new one is made.");
        }
        if (OperatingSystem.IsWindows()) throw new PlatformNotSupportedException("The token's file is made for its owner alone by Unix file modes.");
        var made = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32));
        using var file = new FileStream(path, new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.Write,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        });
        file.Write(Encoding.ASCII.GetBytes(made + "\n"));
        file.Flush(flushToDisk: true);
        return made;
    }

    /// <summary>Compares in a time that does not depend on where the two differ.</summary>
    internal static bool Matches(string expected, string shown) =>
        CryptographicOperations.FixedTimeEquals(SHA256.HashData(Encoding.UTF8.GetBytes(expected)), SHA256.HashData(Encoding.UTF8.GetBytes(shown)));
}
