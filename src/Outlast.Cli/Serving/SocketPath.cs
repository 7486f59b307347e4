using System.Security.Cryptography;
using System.Text;

namespace Outlast.Cli.Serving;

/// <summary>Chooses where a host's socket is: in its data folder, or, where that path is too long for a socket, in the user's runtime folder.</summary>
internal static class SocketPath
{
    private const int Longest = 100;
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    public static string Choose(DataFolder folder, Func<string, string?> environment)
    {
        if (Encoding.UTF8.GetByteCount(folder.HostSocket) <= Longest) return folder.HostSocket;
        var runtime = environment("XDG_RUNTIME_DIR") is { Length: > 0 and <= 50 } given && Directory.Exists(given) ? Path.Combine(given, "outlast") : Shared();
        Directory.CreateDirectory(runtime, OwnerOnly);
        return Path.Combine(runtime, Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(folder.Path)))[..16] + ".sock");
    }

    /// <summary>A folder of this user's in the system's temp folder; refused if somebody else made it.</summary>
    private static string Shared()
    {
        var path = $"/tmp/outlast-{LibC.UserId}";
        Directory.CreateDirectory(path, OwnerOnly);
        try
        {
            // Only its owner may do this, and nobody else can reach it afterwards.
            File.SetUnixFileMode(path, OwnerOnly);
        }
        catch (UnauthorizedAccessException)
        {
            throw new CommandException($"'{path}' belongs to somebody else. Set OUTLAST_DATA to a shorter path, or XDG_RUNTIME_DIR", ExitCodes.Refused);
        }
        return path;
    }
}
