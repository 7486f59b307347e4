using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Logging;

namespace Outlast.AspNetCore;

/// <summary>Gives the server its sockets: those that it is lent, and never closes, else ones of its own.</summary>
/// <remarks>
/// Kestrel's own transport can only close a socket to stop accepting. A lent one stays open and goes on listening, so that whoever connects while no server is there waits in its queue for the next.
/// </remarks>
internal sealed class KeptSockets(OutlastServerOptions options, ILoggerFactory logs) : IConnectionListenerFactory, IConnectionListenerFactorySelector
{
    public bool CanBind(EndPoint endpoint) => endpoint is UnixDomainSocketEndPoint or IPEndPoint;

    public ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default)
    {
        var lent = options.Listening.FirstOrDefault(s => s.AddressFamily == endpoint.AddressFamily);
        return new(new Listener(lent ?? OutlastServer.Listen(endpoint), isOurs: lent is null, new(new(), logs.CreateLogger<KeptSockets>())));
    }

    private sealed class Listener(Socket socket, bool isOurs, SocketConnectionContextFactory connections) : IConnectionListener
    {
        private static readonly TimeSpan Breath = TimeSpan.FromMilliseconds(20);
        private readonly CancellationTokenSource _enough = new();

        public EndPoint EndPoint { get; } = socket.LocalEndPoint!;

        public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default)
        {
            while (true)
            {
                try
                {
                    var accepted = await socket.AcceptAsync(_enough.Token).ConfigureAwait(false);
                    if (accepted.AddressFamily != AddressFamily.Unix) accepted.NoDelay = true;
                    return connections.Create(accepted);
                }
                catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException)
                {
                    return null;
                }
                catch (SocketException)
                {
                    // The caller has gone again, or the system has no descriptor left: the next one may be luckier.
                    await Task.Delay(Breath, TimeProvider.System, CancellationToken.None).ConfigureAwait(false);
                }
            }
        }

        public async ValueTask UnbindAsync(CancellationToken cancellationToken = default)
        {
            await _enough.CancelAsync().ConfigureAwait(false);
            if (isOurs) socket.Dispose();
        }

        public async ValueTask DisposeAsync()
        {
            await UnbindAsync().ConfigureAwait(false);
            connections.Dispose();
        }
    }
}
