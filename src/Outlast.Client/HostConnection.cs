using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;

namespace Outlast.Client;

/// <summary>One way to a host that may go away and come back elsewhere: sends, tries again, and turns every refusal into an exception.</summary>
internal sealed class HostConnection : IDisposable
{
    private readonly OutlastClientOptions _options;
    private readonly HttpClient _http;
    private volatile HostAddress _address;

    public HostConnection(HostAddress address, OutlastClientOptions options)
    {
        _address = address;
        _options = options;
        _http = new(new SocketsHttpHandler
        {
            UseProxy = false,
            UseCookies = false,
            AllowAutoRedirect = false,
            ActivityHeadersPropagator = null,
            // A body that is held back goes when the host asks for it, and not before.
            Expect100ContinueTimeout = TimeSpan.FromDays(1),
            ConnectCallback = ConnectAsync,
        })
        { Timeout = Timeout.InfiniteTimeSpan };
    }

    public bool Retries => _options.RetryFor > TimeSpan.Zero;

    /// <summary>Sends what <paramref name="build"/> makes; the answer is a success, its body unread.</summary>
    /// <param name="build">Makes the request, once a try.</param>
    /// <param name="repeatable">Whether it may be sent again when nobody knows if it arrived.</param>
    /// <param name="cancel">Ends the call.</param>
    public async Task<HttpResponseMessage> SendAsync(Func<HttpRequestMessage> build, bool repeatable, CancellationToken cancel)
    {
        var patience = StartPatience();
        while (true)
        {
            var request = build();
            var held = repeatable || !Retries ? null : HeldContent.Hold(request);
            try
            {
                return await TrySendAsync(request, cancel).ConfigureAwait(false);
            }
            catch (HttpRequestException e)
            {
                var arrived = e.HttpRequestError != HttpRequestError.ConnectionError && held is not { WasAskedFor: false };
                if (arrived && !repeatable) throw Unreachable(maybeDone: true, e);
                if (!await patience.HoldAsync(cancel).ConfigureAwait(false)) throw Unreachable(arrived, e);
            }
            catch (OutlastProblemException e) when (e.Type == ProblemTypes.Draining)
            {
                // It did nothing and is about to be away.
                if (!await patience.HoldAsync(cancel).ConfigureAwait(false)) throw;
            }
        }
    }

    public Patience StartPatience() => new(this);

    public HostUnreachableException Unreachable(bool maybeDone, Exception e) =>
        new($"The host at {_address} {(maybeDone ? "broke the connection" : "cannot be reached")}: {e.GetBaseException().Message}", maybeDone, e);

    public void Dispose() => _http.Dispose();

    private async Task<HttpResponseMessage> TrySendAsync(HttpRequestMessage request, CancellationToken cancel)
    {
        request.RequestUri = new Uri(_address.Url ?? new Uri("http://outlast"), request.RequestUri!.OriginalString);
        if (_address.Token is { } token) request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        if (_options.Via is { } via) request.Headers.Add("Outlast-Via", via);
        var response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancel).ConfigureAwait(false);
        if (response.IsSuccessStatusCode) return response;
        using (response)
        {
            throw OutlastProblemException.Read(response.StatusCode, await response.Content.ReadAsByteArrayAsync(cancel).ConfigureAwait(false));
        }
    }

    private async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, CancellationToken cancel)
    {
        var address = _address;
        var socket = address.Socket is null
            ? new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true }
            : new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            EndPoint end = address.Socket is { } path ? new UnixDomainSocketEndPoint(path) : new DnsEndPoint(address.Url!.IdnHost, address.Url.Port);
            await socket.ConnectAsync(end, cancel).ConfigureAwait(false);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>What is left of the time in which a host that is away is tried again. Each success starts a new one.</summary>
    public sealed class Patience(HostConnection connection)
    {
        private long _start = connection._options.Time.GetTimestamp();
        private long? _connectedAt;

        /// <summary>The host is there. If that lasts a while, it is a new absence when it breaks, though nothing was said meanwhile.</summary>
        public void Connected() => _connectedAt = connection._options.Time.GetTimestamp();

        /// <summary>Waits for the next try, and asks for the host's new place. False: the time is over.</summary>
        public async Task<bool> HoldAsync(CancellationToken cancel)
        {
            var options = connection._options;
            if (_connectedAt is { } at && options.Time.GetElapsedTime(at) >= options.Steady) _start = options.Time.GetTimestamp();
            _connectedAt = null;
            if (options.Time.GetElapsedTime(_start) >= options.RetryFor) return false;
            if (options.HostAway is { } hostAway && await hostAway(cancel).ConfigureAwait(false) is { } address) connection._address = address;
            await Task.Delay(options.RetryPause, options.Time, cancel).ConfigureAwait(false);
            return true;
        }
    }
}
