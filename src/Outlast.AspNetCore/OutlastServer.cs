using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;

namespace Outlast.AspNetCore;

/// <summary>The server of a host of its own: Kestrel on an owner-only Unix socket, and on loopback TCP when asked.</summary>
/// <remarks>
/// The caller adds what answers (<see cref="ITaskClient"/>, <see cref="IHostStatus"/>) and logging. Once started, the socket is ready and has mode 0600; the address on TCP
/// is in <see cref="WebApplication.Urls"/>. What tasks get whose caller sends no environment is captured when the builder is made.
/// </remarks>
public static class OutlastServer
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    /// <summary>How many callers may wait to be accepted: those of a moment in which no server is there.</summary>
    private const int Waiting = 4096;

    /// <summary>A builder with Kestrel, routing and nothing else: no configuration files, no environment, no loggers.</summary>
    /// <exception cref="ArgumentException">The socket's path is too long, or the address is not on loopback.</exception>
    public static WebApplicationBuilder CreateBuilder(OutlastServerOptions options)
    {
        options.Check();
        var builder = WebApplication.CreateEmptyBuilder(new() { ContentRootPath = "/" });
        builder.WebHost.UseKestrelCore();
        builder.WebHost.ConfigureKestrel(kestrel => Configure(kestrel, options));
        builder.Services.AddSingleton<IConnectionListenerFactory, KeptSockets>();
        builder.Services.AddRoutingCore();
        builder.Services.AddSingleton(options);
        builder.Services.AddSingleton(HostEnvironment.Capture());
        return builder;
    }

    /// <summary>The routes, behind the gate that lets only the owner in.</summary>
    public static WebApplication UseOutlast(this WebApplication app) => app.UseOutlast(app.Services);

    /// <summary>The same, of a runtime that is another program's.</summary>
    internal static WebApplication UseOutlast(this WebApplication app, IServiceProvider runtime)
    {
        app.Use(Gate.Wrap(app.Services.GetRequiredService<OutlastServerOptions>()));
        app.UseRouting();
        app.MapOutlast(runtime);
        return app;
    }

    private static void Configure(KestrelServerOptions kestrel, OutlastServerOptions options)
    {
        kestrel.AddServerHeader = false;
        kestrel.AllowSynchronousIO = false;
        // Bodies have a limit of their own, whose answer reaches the caller.
        kestrel.Limits.MaxRequestBodySize = null;
        kestrel.Limits.MaxRequestHeadersTotalSize = 32 * 1024;
        // A wait names its tasks in its line: 1,000 ids of 26 characters.
        kestrel.Limits.MaxRequestLineSize = 64 * 1024;
        kestrel.ListenUnixSocket(options.SocketPath, Admit);
        if (options.Listen is { } address) kestrel.Listen(address, Admit);
    }

    private static void Admit(ListenOptions listen)
    {
        listen.Protocols = HttpProtocols.Http1;
        listen.Use(next => connection =>
        {
            connection.Features.Set(PeerCredentials.Of(connection.Features.Get<IConnectionSocketFeature>()!.Socket));
            return next(connection);
        });
    }

    /// <summary>A socket that listens. The file of a Unix socket is its owner's alone from the first instant: its mode is set before it has a name.</summary>
    /// <exception cref="SocketException">The address is taken, or cannot be.</exception>
    public static Socket Listen(EndPoint address)
    {
        var isUnix = address is UnixDomainSocketEndPoint;
        var socket = new Socket(address.AddressFamily, SocketType.Stream, isUnix ? ProtocolType.Unspecified : ProtocolType.Tcp);
        try
        {
            if (isUnix) PeerCredentials.SetMode(socket, (int)OwnerOnly);
            socket.Bind(address);
            socket.Listen(Waiting);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
