using System.Net;
using System.Net.Sockets;

namespace Outlast.AspNetCore;

/// <summary>Where a host listens, and whom it answers.</summary>
public sealed class OutlastServerOptions
{
    /// <summary>The longest path of a Unix socket that every system accepts.</summary>
    public const int LongestSocketPath = 100;

    /// <summary>The Unix socket: absolute, at most <see cref="LongestSocketPath"/> bytes. Made for its owner alone.</summary>
    public required string SocketPath { get; init; }

    /// <summary>A loopback address to listen on as well; port 0: any free one.</summary>
    /// <value>None.</value>
    public IPEndPoint? Listen { get; init; }

    /// <summary>What callers over TCP must show; needed with <see cref="Listen"/>. See <see cref="AccessToken"/>.</summary>
    /// <value>None.</value>
    public string? Token { get; init; }

    /// <summary>Sockets that listen already, one an address family: they are used instead of new ones on <see cref="SocketPath"/> and <see cref="Listen"/>, and stay open when the server ends.</summary>
    /// <value>None.</value>
    public IReadOnlyList<Socket> Listening { get; init; } = [];

    internal void Check()
    {
        if (!Path.IsPathRooted(SocketPath)) throw new ArgumentException($"The socket path '{SocketPath}' is not absolute.");
        if (System.Text.Encoding.UTF8.GetByteCount(SocketPath) > LongestSocketPath)
            throw new ArgumentException($"The socket path '{SocketPath}' is longer than {LongestSocketPath} bytes; choose a shorter one.");
        if (Listen is null) return;
        if (!IPAddress.IsLoopback(Listen.Address)) throw new ArgumentException($"{Listen} is no loopback address; this host listens on this machine only (127.0.0.1 or [::1]).");
        if (string.IsNullOrEmpty(Token)) throw new ArgumentException("To listen on TCP a token is needed.");
    }
}
