using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using Outlast.TestKit;

namespace Outlast.IntegrationTests.Faults;

/// <summary>Plain HTTP to whichever host serves a data folder, over its socket. Knows nothing of our own client, so that a fault of it cannot hide one of the host.</summary>
internal sealed class HostConnection : IDisposable
{
    public const string OpenStates = "queued,running,waiting,stopping";
    private static readonly TimeSpan BetweenTries = TimeSpan.FromMilliseconds(30);
    private readonly HttpClient _http;

    public HostConnection(DataFolder data, Place? place = null) => _http = new(new SocketsHttpHandler
    {
        // Soon closed, so that a test may count what the host itself holds open.
        PooledConnectionIdleTimeout = TimeSpan.FromSeconds(1),
        ConnectCallback = async (_, cancel) =>
        {
            var file = HostFile.TryRead(data, place ?? Place.Here) ?? throw new SocketException((int)SocketError.ConnectionRefused);
            var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            try
            {
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(file.Socket), cancel);
                return new NetworkStream(socket, ownsSocket: true);
            }
            catch
            {
                socket.Dispose();
                throw;
            }
        },
    })
    { BaseAddress = new("http://outlast"), Timeout = Timeout.InfiniteTimeSpan };

    /// <summary>One try. A host that dies meanwhile shows as an <see cref="HttpRequestException"/>.</summary>
    public Task<HostReply> SendAsync(HttpMethod method, string path, JsonNode? body = null, string? idempotencyKey = null, CancellationToken cancel = default) =>
        SendAsync(method, path, body is null ? null : JsonContent.Create(body), idempotencyKey, cancel);

    /// <summary>One try, with a body of any kind.</summary>
    public async Task<HostReply> SendAsync(HttpMethod method, string path, HttpContent? content, string? idempotencyKey = null, CancellationToken cancel = default)
    {
        using var request = new HttpRequestMessage(method, path) { Content = content };
        if (idempotencyKey is not null) request.Headers.Add("Idempotency-Key", idempotencyKey);
        using var response = await _http.SendAsync(request, cancel);
        return new(response.StatusCode, response.Headers, await response.Content.ReadAsByteArrayAsync(cancel));
    }

    public Task<HostReply> GetAsync(string path, CancellationToken cancel = default) => SendAsync(HttpMethod.Get, path, cancel: cancel);

    /// <summary>Tries again through hosts that die, start and are not ready, as every client of ours does.</summary>
    public async Task<HostReply> InsistAsync(HttpMethod method, string path, JsonNode? body = null, string? idempotencyKey = null, CancellationToken cancel = default)
    {
        while (true)
        {
            try
            {
                var reply = await SendAsync(method, path, body, idempotencyKey, cancel);
                if (reply.Status != HttpStatusCode.ServiceUnavailable) return reply;
            }
            catch (Exception e) when (e is HttpRequestException or IOException) { }
            await Task.Delay(BetweenTries, cancel);
        }
    }

    /// <summary>Submits under a name that is its idempotency key too, until it is accepted.</summary>
    public async Task<JsonNode> SubmitAsync(string key, IEnumerable<string> argv, Action<JsonObject>? more = null, CancellationToken cancel = default)
    {
        var reply = await InsistAsync(HttpMethod.Post, "/v1/tasks", Submission(key, argv, more), key, cancel);
        return reply.Status == HttpStatusCode.Accepted ? reply.Json : throw new InvalidOperationException($"Not accepted: {reply}");
    }

    public static JsonObject Submission(string name, IEnumerable<string> argv, Action<JsonObject>? more = null)
    {
        var body = new JsonObject { ["name"] = name, ["process"] = new JsonObject { ["argv"] = new JsonArray([.. argv.Select(a => (JsonNode)a)]), ["cwd"] = "/" } };
        more?.Invoke(body);
        return body;
    }

    public async Task<JsonNode> TaskAsync(string id, CancellationToken cancel = default) => (await InsistAsync(HttpMethod.Get, $"/v1/tasks/{id}", cancel: cancel)).Json;

    /// <summary>Waits for the end, through any number of hosts.</summary>
    public async Task<JsonNode> EndAsync(string id, CancellationToken cancel = default)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        if (!cancel.CanBeCanceled) patience.CancelAfter(Eventually.Patience);
        while (true)
        {
            var reply = await InsistAsync(HttpMethod.Get, $"/v1/tasks/{id}?wait=10s", cancel: patience.Token);
            if (reply.Status != HttpStatusCode.OK) throw new InvalidOperationException($"Task {id}: {reply}");
            if (reply.Json["end"] is not null) return reply.Json;
        }
    }

    /// <summary>A task that has not ended; none if all have.</summary>
    public async Task<JsonNode?> FindOpenAsync(CancellationToken cancel) =>
        (await InsistAsync(HttpMethod.Get, $"/v1/tasks?state={OpenStates}&limit=1", cancel: cancel)).Json["tasks"]!.AsArray().FirstOrDefault();

    /// <summary>Waits until every task has ended, through any number of hosts.</summary>
    public async Task NothingIsOpenAsync(CancellationToken cancel)
    {
        while (await FindOpenAsync(cancel) is { } open) await InsistAsync(HttpMethod.Get, $"/v1/tasks/{open["id"]}?wait=10s", cancel: cancel);
    }

    /// <summary>The whole output, in as many parts as the host likes to give.</summary>
    public async Task<byte[]> OutputAsync(string id, string stream = "stdout")
    {
        using var all = new MemoryStream();
        while (true)
        {
            var reply = await InsistAsync(HttpMethod.Get, $"/v1/tasks/{id}/output?offset={all.Length}&limit=4194304{(stream == "stdout" ? "" : "&stream=" + stream)}");
            if (reply.Status != HttpStatusCode.OK && reply.Status != HttpStatusCode.PartialContent) throw new InvalidOperationException($"Output of {id}: {reply}");
            all.Write(reply.Body);
            if (all.Length >= reply.Number("Outlast-Size") || reply.Body.Length == 0) return all.ToArray();
        }
    }

    /// <summary>Every event that is kept.</summary>
    public async Task<List<JsonNode>> EventsAsync(string? task = null)
    {
        var all = new List<JsonNode>();
        for (long after = 0; ;)
        {
            var page = (await InsistAsync(HttpMethod.Get, $"/v1/events?after={after}&limit=1000{(task is null ? "" : "&task=" + task)}")).Json;
            var next = (long)page["next"]!;
            all.AddRange(page["events"]!.AsArray().Select(e => e!));
            if (next == after) return all;
            after = next;
        }
    }

    /// <summary>Opens a stream of server-sent events.</summary>
    public async Task<Stream> StreamAsync(string path, CancellationToken cancel)
    {
        var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("text/event-stream"));
        var response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancel);
        if (response.StatusCode == HttpStatusCode.ServiceUnavailable) throw new HttpRequestException("not ready");
        if (response.StatusCode != HttpStatusCode.OK) throw new InvalidOperationException($"{path}: {(int)response.StatusCode} {await response.Content.ReadAsStringAsync(cancel)}");
        return await response.Content.ReadAsStreamAsync(cancel);
    }

    public void Dispose() => _http.Dispose();
}

/// <summary>An answer, read to its end.</summary>
internal sealed record HostReply(HttpStatusCode Status, HttpResponseHeaders Headers, byte[] Body)
{
    public JsonNode Json => JsonNode.Parse(Body)!;
    public string? Type => (string?)Json["type"];
    public long Number(string header) => long.Parse(Headers.GetValues(header).Single(), System.Globalization.CultureInfo.InvariantCulture);
    public override string ToString() => $"{(int)Status} {System.Text.Encoding.UTF8.GetString(Body)}";
}
