using System.Buffers.Binary;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Outlast.AspNetCore;

/// <summary>Who is at the other end of a connection.</summary>
/// <param name="Uid">The user; for TCP the host's own, because only that one can read the token.</param>
/// <param name="OverTcp">Whether the caller must show the token.</param>
internal sealed record Peer(uint Uid, bool OverTcp);

/// <summary>Asks the kernel who is at the other end of a Unix socket.</summary>
internal static partial class PeerCredentials
{
    private const int SolSocket = 1, SoPeerCred = 17;

    /// <summary>The user this host belongs to.</summary>
    public static uint OwnUid { get; } = GetEffectiveUid();

    public static Peer Of(Socket socket)
    {
        if (socket.AddressFamily != AddressFamily.Unix) return new(OwnUid, OverTcp: true);
        Span<byte> credentials = stackalloc byte[12];   // struct ucred { pid_t pid; uid_t uid; gid_t gid; }
        socket.GetRawSocketOption(SolSocket, SoPeerCred, credentials);
        return new(BitConverter.IsLittleEndian ? BinaryPrimitives.ReadUInt32LittleEndian(credentials[4..]) : BinaryPrimitives.ReadUInt32BigEndian(credentials[4..]), OverTcp: false);
    }

    /// <summary>Sets the mode that a socket's file gets when it is bound.</summary>
    public static void SetMode(Socket unbound, int mode)
    {
        if (ChangeMode((int)unbound.Handle, mode) != 0) throw new IOException($"The socket's mode cannot be set: {Marshal.GetLastPInvokeErrorMessage()}.");
    }

    [LibraryImport("libc", EntryPoint = "geteuid")]
    private static partial uint GetEffectiveUid();

    [LibraryImport("libc", EntryPoint = "fchmod", SetLastError = true)]
    private static partial int ChangeMode(int descriptor, int mode);
}
