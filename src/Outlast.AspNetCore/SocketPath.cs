using System.Security.Cryptography;
using System.Text;
using Outlast.Hosting;

namespace Outlast.AspNetCore;

/// <summary>Chooses where a host's socket is: in its data folder, or, where that path is too long for a socket, in the user's runtime folder.</summary>
public static class SocketPath
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    /// <summary>The path for that folder's host; what is missing of the runtime folder is made.</summary>
    /// <param name="folder">The data folder.</param>
    /// <param name="environment">Reads an environment variable.</param>
    /// <exception cref="DataFolderException">Somebody else has the place.</exception>
    public static string Choose(DataFolder folder, Func<string, string?> environment)
    {
        if (Encoding.UTF8.GetByteCount(folder.HostSocket) <= OutlastServerOptions.LongestSocketPath) return folder.HostSocket;
        var runtime = environment("XDG_RUNTIME_DIR") is { Length: > 0 and <= 50 } given && Directory.Exists(given) ? Path.Combine(given, "outlast") : Shared(folder);
        Make(runtime);
        return Path.Combine(runtime, Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(folder.Path)))[..16] + ".sock");
    }

    /// <summary>A folder of this user's in the system's temp folder; refused if somebody else made it.</summary>
    private static string Shared(DataFolder folder)
    {
        var path = $"/tmp/outlast-{PeerCredentials.OwnUid}";
        Make(path);
        try
        {
            // Only its owner may do this, and nobody else can reach it afterwards.
            if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(path, OwnerOnly);
        }
        catch (UnauthorizedAccessException)
        {
            throw new DataFolderException(folder, $"its path is too long for a socket, and '{path}' belongs to somebody else; choose a shorter one, or set XDG_RUNTIME_DIR");
        }
        return path;
    }

    private static void Make(string path)
    {
        if (OperatingSystem.IsWindows()) Directory.CreateDirectory(path);
        else Directory.CreateDirectory(path, OwnerOnly);
    }
}
