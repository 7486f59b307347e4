using System.Globalization;
using System.Net.Http.Headers;
using System.Net.ServerSentEvents;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Outlast.Client;

/// <summary>A client of one host, over its Unix socket or loopback TCP.</summary>
/// <remarks>
/// Thread-safe. Every refusal of the host is an <see cref="OutlastProblemException"/>; a host that is away, or goes away and is not back in time, a
/// <see cref="HostUnreachableException"/>.
/// </remarks>
public sealed partial class OutlastHttpClient(HostAddress address, OutlastClientOptions? options = null) : IDisposable
{
    private readonly HostConnection _host = new(address, options ?? new());

    /// <summary>Submits a task. When this returns, the task is on disk.</summary>
    /// <param name="request">What to run.</param>
    /// <param name="idempotencyKey">The same key and body again gives the same task. A client that retries makes one up where none is given.</param>
    /// <param name="cancel">Ends the call; the task may have been accepted.</param>
    public Task<TaskView> SubmitAsync(SubmitRequest request, string? idempotencyKey = null, CancellationToken cancel = default) =>
        PostTasksAsync(request, OutlastJson.Wire.SubmitRequest, OutlastJson.Wire.TaskView, idempotencyKey, cancel);

    /// <summary>Submits 1 to 1,000 tasks, all of them or none. When this returns, they are on disk.</summary>
    /// <param name="requests">What to run; the tasks come back in this order.</param>
    /// <param name="idempotencyKey">The same key and tasks again gives the same tasks. A client that retries makes one up where none is given.</param>
    /// <param name="cancel">Ends the call; the tasks may have been accepted.</param>
    public async Task<IReadOnlyList<TaskView>> SubmitManyAsync(IReadOnlyList<SubmitRequest> requests, string? idempotencyKey = null, CancellationToken cancel = default) =>
        (await PostTasksAsync(new(requests), OutlastJson.Wire.SubmitManyRequest, OutlastJson.Wire.TaskListView, idempotencyKey, cancel).ConfigureAwait(false)).Tasks;

    /// <summary>Reads a task: at its end or after <paramref name="wait"/>, where one is given; with <paramref name="live"/> what it uses now is measured too.</summary>
    public Task<TaskView> GetAsync(string id, TimeSpan? wait = null, bool live = false, CancellationToken cancel = default) =>
        ReadAsync($"{Route(id)}{(live ? "?live=true" : "")}{(wait is { } w ? $"{(live ? '&' : '?')}wait={Milliseconds(w)}ms" : "")}", OutlastJson.Wire.TaskView, cancel);

    /// <summary>Waits until the task has ended, however long that takes.</summary>
    public async Task<TaskView> WaitAsync(string id, CancellationToken cancel = default)
    {
        while (true)
        {
            var task = await GetAsync(id, TimeSpan.FromMinutes(1), cancel: cancel).ConfigureAwait(false);
            if (task.HasEnded) return task;
        }
    }

    /// <summary>Waits until one or all of several tasks have ended, or <paramref name="wait"/> is over; shorter when the host goes.</summary>
    public Task<WaitView> WaitManyAsync(WaitQuery query, TimeSpan wait, CancellationToken cancel = default)
    {
        ArgumentNullException.ThrowIfNull(query);
        return ReadAsync("/v1/wait" + query.ToQuery((long)Math.Ceiling(wait.TotalMilliseconds)), OutlastJson.Wire.WaitView, cancel);
    }

    /// <summary>Waits until one or all of several tasks have ended, however long that takes. Survives the host, where the client retries.</summary>
    public async Task<WaitView> WaitManyAsync(WaitQuery query, CancellationToken cancel = default)
    {
        while (true)
        {
            var seen = await WaitManyAsync(query, TimeSpan.FromMinutes(1), cancel).ConfigureAwait(false);
            if (seen.Done) return seen;
        }
    }

    /// <summary>The whole ids that a person's name for a task fits: a number, an id, or an end of an id of at least 4 characters.</summary>
    public async Task<IReadOnlyList<string>> ResolveAsync(string name, CancellationToken cancel = default) =>
        (await ReadAsync($"/v1/resolve?name={Escape(name)}", OutlastJson.Wire.ResolveView, cancel).ConfigureAwait(false)).Ids;

    /// <summary>Lists tasks, newest first.</summary>
    public Task<TaskListView> ListAsync(TaskListQuery? query = null, CancellationToken cancel = default) =>
        ReadAsync("/v1/tasks" + (query ?? new()).ToQuery(), OutlastJson.Wire.TaskListView, cancel);

    /// <summary>The task and everything below it.</summary>
    public Task<TaskTreeView> TreeAsync(string id, CancellationToken cancel = default) =>
        ReadAsync($"{Route(id)}/tree", OutlastJson.Wire.TaskTreeView, cancel);

    /// <summary>Asks the task and its attached descendants to stop. Returns when the request is on disk.</summary>
    public Task<TaskView> StopAsync(string id, StopRequestBody? request = null, CancellationToken cancel = default) =>
        AskAsync(() => Post($"{Route(id)}/stop", request ?? new(), OutlastJson.Wire.StopRequestBody), OutlastJson.Wire.TaskView, repeatable: true, cancel);

    /// <summary>Ends processes that an ended task has left behind. Returns when it was looked whether they are gone.</summary>
    public Task<LeftoversView> StopLeftoversAsync(string id, string? reason = null, bool? now = null, CancellationToken cancel = default) =>
        AskAsync(() => Post($"{Route(id)}/stop", new(reason, now, Leftovers: true), OutlastJson.Wire.StopRequestBody), OutlastJson.Wire.LeftoversView, repeatable: true, cancel);

    /// <summary>Moves limits of a task that has not ended. Repeated only while it is certain that the host has not begun with it.</summary>
    public Task<TaskView> ExtendAsync(string id, ExtendRequestBody request, CancellationToken cancel = default) =>
        AskAsync(() => Post($"{Route(id)}/extend", request, OutlastJson.Wire.ExtendRequestBody), OutlastJson.Wire.TaskView, repeatable: false, cancel);

    /// <summary>Answers the question that a task waits for. When this returns, the answer is on disk. Repeated only while it is certain that the host has not begun with it.</summary>
    /// <remarks>A question that was answered before or has expired is an <see cref="OutlastProblemException"/> of type <see cref="ProblemTypes.QuestionOver"/>, which says what won.</remarks>
    public Task<TaskView> AnswerAsync(string id, string text, CancellationToken cancel = default) =>
        AskAsync(() => Post($"{Route(id)}/answer", new(text), OutlastJson.Wire.AnswerRequestBody), OutlastJson.Wire.TaskView, repeatable: false, cancel);

    /// <summary>Runs an ended task again, as a new one. When this returns, the new one is on disk.</summary>
    /// <param name="id">The ended task.</param>
    /// <param name="idempotencyKey">The same key again gives the same new task. A client that retries makes one up where none is given.</param>
    /// <param name="cancel">Ends the call; the task may have been accepted.</param>
    public Task<TaskView> RetryAsync(string id, string? idempotencyKey = null, CancellationToken cancel = default)
    {
        if (idempotencyKey is null && _host.Retries) idempotencyKey = Guid.NewGuid().ToString("N");
        return AskAsync(() =>
        {
            var message = new HttpRequestMessage(HttpMethod.Post, $"{Route(id)}/retry");
            if (idempotencyKey is not null) message.Headers.TryAddWithoutValidation("Idempotency-Key", idempotencyKey);
            return message;
        }, OutlastJson.Wire.TaskView, repeatable: idempotencyKey is not null, cancel);
    }

    /// <summary>Removes an ended task and its output now. Not repeated when nobody knows if it arrived.</summary>
    /// <param name="id">The task.</param>
    /// <param name="force">Also if processes that it left behind are alive.</param>
    /// <param name="cancel">Ends the call; the task may have been removed.</param>
    public Task<RemovedView> RemoveAsync(string id, bool force = false, CancellationToken cancel = default) =>
        AskAsync(() => new(HttpMethod.Delete, $"{Route(id)}{(force ? "?force=true" : "")}"), OutlastJson.Wire.RemovedView, repeatable: false, cancel);

    /// <summary>Hands bytes, and then end-of-file where that is wanted, to the open standard input of a running task. Repeated only while it is certain that the host has not begun with it.</summary>
    /// <remarks>A full pipe is an <see cref="OutlastProblemException"/> of type <see cref="ProblemTypes.InputFull"/>; its <c>taken</c> says how many bytes were taken all the same.</remarks>
    public Task<InputView> SendAsync(string id, ReadOnlyMemory<byte> bytes, bool eof = false, CancellationToken cancel = default) => AskAsync(() =>
    {
        var content = new ReadOnlyMemoryContent(bytes);
        content.Headers.ContentType = new MediaTypeHeaderValue("application/octet-stream");
        return new(HttpMethod.Post, $"{Route(id)}/input{(eof ? "?eof=true" : "")}") { Content = content };
    }, OutlastJson.Wire.InputView, repeatable: false, cancel);

    /// <summary>Reads a range of the output.</summary>
    /// <param name="id">Of that task.</param>
    /// <param name="offset">The first byte.</param>
    /// <param name="limit">At most so many bytes; go on at <see cref="OutputRange.NextOffset"/>. None: all that is there, held in memory.</param>
    /// <param name="errorStream">The separate standard error instead.</param>
    /// <param name="cancel">Ends the call.</param>
    public Task<OutputRange> ReadOutputAsync(string id, long offset, int? limit = null, bool errorStream = false, CancellationToken cancel = default) =>
        ReadOutputAsync(new OutputSource(id, errorStream), offset, limit, cancel);

    /// <summary>Reads a range of the output of one attempt.</summary>
    public Task<OutputRange> ReadOutputAsync(OutputSource source, long offset, int? limit = null, CancellationToken cancel = default)
    {
        ArgumentNullException.ThrowIfNull(source);
        return ReadOutputAsync($"{OutputRoute(source)}&offset={Invariant(offset)}{(limit is { } l ? $"&limit={Invariant(l)}" : "")}", cancel);
    }

    /// <summary>The offset at which the last lines of the output of one attempt begin; lines whose beginning is gone do not count.</summary>
    public async Task<long> FindOutputTailAsync(OutputSource source, long lines, CancellationToken cancel = default)
    {
        ArgumentNullException.ThrowIfNull(source);
        return (await ReadOutputAsync($"{OutputRoute(source)}&tailLines={Invariant(lines)}&limit=0", cancel).ConfigureAwait(false)).Offset;
    }

    /// <summary>When the output of one attempt grew, and where what is younger than that begins.</summary>
    /// <param name="source">Which output.</param>
    /// <param name="since"><c>10m</c> ago, or a time; none: only when it grew.</param>
    /// <param name="cancel">Ends the call.</param>
    public Task<OutputTimesView> ReadOutputTimesAsync(OutputSource source, string? since, CancellationToken cancel = default)
    {
        ArgumentNullException.ThrowIfNull(source);
        return ReadAsync($"{Route(source.Task)}/output/times?stream={(source.ErrorStream ? "stderr" : "stdout")}{AttemptOf(source)}{(since is null ? "" : $"&since={Escape(since)}")}", OutlastJson.Wire.OutputTimesView, cancel);
    }

    /// <summary>Reads the last bytes of the output.</summary>
    public Task<OutputRange> ReadOutputTailAsync(string id, long bytes, bool errorStream = false, CancellationToken cancel = default) =>
        ReadOutputTailAsync(new OutputSource(id, errorStream), bytes, cancel);

    /// <summary>Reads the last bytes of the output of one attempt.</summary>
    public Task<OutputRange> ReadOutputTailAsync(OutputSource source, long bytes, CancellationToken cancel = default)
    {
        ArgumentNullException.ThrowIfNull(source);
        return ReadOutputAsync($"{OutputRoute(source)}&tail={Invariant(bytes)}", cancel);
    }

    /// <summary>The offset at which the last lines of the output begin; lines whose beginning is gone do not count.</summary>
    public Task<long> FindOutputTailAsync(string id, long lines, bool errorStream = false, CancellationToken cancel = default) => FindOutputTailAsync(new OutputSource(id, errorStream), lines, cancel);

    /// <summary>When the output grew, and where what is younger than that begins.</summary>
    /// <param name="id">Of that task.</param>
    /// <param name="since"><c>10m</c> ago, or a time; none: only when it grew.</param>
    /// <param name="errorStream">The separate standard error instead.</param>
    /// <param name="cancel">Ends the call.</param>
    public Task<OutputTimesView> ReadOutputTimesAsync(string id, string? since = null, bool errorStream = false, CancellationToken cancel = default) =>
        ReadOutputTimesAsync(new OutputSource(id, errorStream), since, cancel);

    /// <summary>Hands the output on as it is, byte for byte, until the task has ended and everything was handed on. Survives the host, where the client retries.</summary>
    /// <param name="id">Of that task.</param>
    /// <param name="offset">The first byte.</param>
    /// <param name="consume">Takes bytes; they are gone when it returns.</param>
    /// <param name="errorStream">The separate standard error instead.</param>
    /// <param name="passOver">Told of bytes that are gone, removed by their cap or lost with a log that was cut, before those after them are handed on.</param>
    /// <param name="cancel">Ends the call.</param>
    /// <returns>The offset after the last byte.</returns>
    public Task<long> FollowOutputAsync(
        string id, long offset, Func<ReadOnlyMemory<byte>, CancellationToken, ValueTask> consume, bool errorStream = false, Action<OutputFrame.Gap>? passOver = null, CancellationToken cancel = default) =>
        FollowOutputAsync(new OutputSource(id, errorStream), offset, consume, passOver, null, cancel);

    /// <summary>The same from one attempt on, and through each that follows, whose output counts from 0.</summary>
    /// <param name="source">Which output; without an attempt it begins with the last there is.</param>
    /// <param name="offset">The first byte.</param>
    /// <param name="consume">Takes bytes; they are gone when it returns.</param>
    /// <param name="passOver">Told of bytes that are gone before those after them are handed on.</param>
    /// <param name="beginAttempt">Told of a further attempt before its first byte.</param>
    /// <param name="cancel">Ends the call.</param>
    /// <returns>The offset after the last byte of the last attempt.</returns>
    public async Task<long> FollowOutputAsync(
        OutputSource source, long offset, Func<ReadOnlyMemory<byte>, CancellationToken, ValueTask> consume, Action<OutputFrame.Gap>? passOver = null, Action<int>? beginAttempt = null, CancellationToken cancel = default)
    {
        ArgumentNullException.ThrowIfNull(source);
        var before = -1L;
        while (true)
        {
            (offset, var attempt) = await FollowAttemptAsync(source, offset, consume, passOver, cancel).ConfigureAwait(false);
            source = source with { Attempt = attempt };
            var task = await GetAsync(source.Task, cancel: cancel).ConfigureAwait(false);
            // A stream also ends where output was removed before it was sent; asked again from there, the host says where it goes on.
            var advanced = offset > before;
            before = offset;
            if (advanced && (task.Output.DroppedBytes > 0 || task.Attempt > attempt)) continue;
            if (task.Attempt > attempt)
            {
                (before, offset, source) = (-1, 0, source with { Attempt = attempt + 1 });
                beginAttempt?.Invoke(attempt + 1);
            }
            else if (task.HasEnded) return offset;
        }
    }

    /// <summary>The output as messages, with marks where bytes are missing, ending with exactly one <see cref="OutputFrame.End"/>. Survives the host, where the client retries.</summary>
    public async IAsyncEnumerable<OutputFrame> StreamOutputAsync(
        string id, long offset = 0, bool errorStream = false, [EnumeratorCancellation] CancellationToken cancel = default)
    {
        int? attempt = null;
        var messages = StreamAsync(() => $"{Route(id)}/output/stream?offset={Invariant(offset)}{(errorStream ? "&stream=stderr" : "")}{AttemptOf(new(id, errorStream, attempt))}", cancel);
        await foreach (var message in messages.ConfigureAwait(false))
        {
            // Before the offset stands the attempt, where that is not the first.
            if (message.EventId is { Length: > 0 } cursor) attempt = cursor.IndexOf(':', StringComparison.Ordinal) is > 0 and var at ? int.Parse(cursor.AsSpan(0, at), CultureInfo.InvariantCulture) : 1;
            switch (message.EventType)
            {
                case "output":
                    var output = Parse(message.Data, OutlastJson.Wire.OutputData);
                    var bytes = output.Text is { } text ? Encoding.UTF8.GetBytes(text) : Convert.FromBase64String(output.Base64!);
                    offset = output.Offset + bytes.Length;
                    yield return new OutputFrame.Chunk(output.Offset, bytes);
                    break;
                case "gap":
                    var gap = Parse(message.Data, OutlastJson.Wire.GapData);
                    offset = gap.To;
                    yield return new OutputFrame.Gap(gap.From, gap.To, gap.Why);
                    break;
                case "end":
                    var end = Parse(message.Data, OutlastJson.Wire.EndData);
                    yield return new OutputFrame.End(end.State, end.ExitCode);
                    yield break;
            }
        }
    }

    /// <summary>A page of events, oldest first.</summary>
    public Task<EventListView> ReadEventsAsync(long after = 0, int limit = 100, string? task = null, string? session = null, CancellationToken cancel = default) =>
        ReadAsync($"/v1/events?after={Invariant(after)}&limit={Invariant(limit)}{Filter(task, session)}", OutlastJson.Wire.EventListView, cancel);

    /// <summary>Events as they happen, without end. Survives the host, where the client retries.</summary>
    public async IAsyncEnumerable<EventFrame> StreamEventsAsync(
        long after = 0, string? task = null, string? session = null, [EnumeratorCancellation] CancellationToken cancel = default)
    {
        await foreach (var message in StreamAsync(() => $"/v1/events?after={Invariant(after)}{Filter(task, session)}", cancel).ConfigureAwait(false))
        {
            if (message.EventType == "gap")
            {
                var gap = Parse(message.Data, OutlastJson.Wire.EventGapView);
                after = Math.Max(after, gap.First - 1);
                yield return new(null, gap);
                continue;
            }
            var happened = Parse(message.Data, OutlastJson.Wire.EventView);
            after = happened.Seq;
            yield return new(happened);
        }
    }

    /// <summary>What the host says of itself.</summary>
    public Task<HostView> HostAsync(CancellationToken cancel = default) => ReadAsync("/v1/host", OutlastJson.Wire.HostView, cancel);

    /// <summary>Returns when the host answers.</summary>
    public async Task HealthAsync(CancellationToken cancel = default)
    {
        using var response = await _host.SendAsync(() => Get("/healthz"), repeatable: true, cancel).ConfigureAwait(false);
    }

    /// <summary>Whether the host would accept work now.</summary>
    public async Task<ReadyView> ReadyAsync(CancellationToken cancel = default)
    {
        try
        {
            return await ReadAsync("/readyz", OutlastJson.Wire.ReadyView, cancel).ConfigureAwait(false);
        }
        catch (OutlastProblemException e) when (e.Type == ProblemTypes.NotReady)
        {
            return new(false, [.. e.Extensions["reasons"].EnumerateArray().Select(r => r.ToString())]);
        }
    }

    /// <summary>Everything that a person would look at when something is wrong.</summary>
    public Task<DoctorView> DoctorAsync(CancellationToken cancel = default) => ReadAsync("/v1/doctor", OutlastJson.Wire.DoctorView, cancel);

    /// <summary>Asks the host to go. Returns when it is about to: at once, or, where tasks are awaited or stopped, when they have ended. Cancelled before that, the host stays.</summary>
    public Task<ShutdownView> ShutdownAsync(ShutdownRequestBody? request = null, CancellationToken cancel = default) =>
        AskAsync(() => Post("/v1/host/shutdown", request ?? new(), OutlastJson.Wire.ShutdownRequestBody), OutlastJson.Wire.ShutdownView, repeatable: false, cancel);

    /// <summary>Asks the host to be replaced in its process. Returns when the new program was found fit and the host is about to go.</summary>
    public Task<RestartView> RestartAsync(RestartRequestBody? request = null, CancellationToken cancel = default) =>
        AskAsync(() => Post("/v1/host/restart", request ?? new(), OutlastJson.Wire.RestartRequestBody), OutlastJson.Wire.RestartView, repeatable: false, cancel);

    /// <inheritdoc/>
    public void Dispose() => _host.Dispose();

    /// <summary>Hands on one attempt's output to its end, over as many connections as that takes.</summary>
    private async Task<(long Offset, int Attempt)> FollowAttemptAsync(
        OutputSource source, long offset, Func<ReadOnlyMemory<byte>, CancellationToken, ValueTask> consume, Action<OutputFrame.Gap>? passOver, CancellationToken cancel)
    {
        var buffer = new byte[256 * 1024];
        HostConnection.Patience? patience = null;
        while (true)
        {
            using var response = await _host.SendAsync(
                () => Get($"{OutputRoute(source)}&follow=true&offset={Invariant(offset)}"), repeatable: true, cancel).ConfigureAwait(false);
            patience?.Connected();
            var attempt = (int)Math.Max(1, Number(response.Headers, "Outlast-Attempt"));
            // What is asked for after a break is the same attempt's.
            source = source with { Attempt = attempt };
            var from = Number(response.Headers, "Outlast-Offset");
            if (from > offset) passOver?.Invoke(new(offset, from, "dropped"));
            offset = from;
            var body = await response.Content.ReadAsStreamAsync(cancel).ConfigureAwait(false);
            await using var bodyDisposal = body.ConfigureAwait(false);
            while (true)
            {
                int count;
                try
                {
                    count = await body.ReadAsync(buffer, cancel).ConfigureAwait(false);
                }
                catch (Exception e) when (e is HttpRequestException or IOException)
                {
                    if (await (patience ??= _host.StartPatience()).HoldAsync(cancel).ConfigureAwait(false)) break;
                    throw _host.Unreachable(maybeDone: true, e);
                }
                if (count == 0) return (offset, attempt);
                patience = null;
                await consume(buffer.AsMemory(0, count), cancel).ConfigureAwait(false);
                offset += count;
            }
        }
    }

    private Task<T> PostTasksAsync<TBody, T>(TBody body, JsonTypeInfo<TBody> bodyType, JsonTypeInfo<T> type, string? idempotencyKey, CancellationToken cancel)
    {
        if (idempotencyKey is null && _host.Retries) idempotencyKey = Guid.NewGuid().ToString("N");
        return AskAsync(() =>
        {
            var message = Post("/v1/tasks", body, bodyType);
            if (idempotencyKey is not null) message.Headers.TryAddWithoutValidation("Idempotency-Key", idempotencyKey);
            return message;
        }, type, repeatable: idempotencyKey is not null, cancel);
    }

    private Task<T> ReadAsync<T>(string route, JsonTypeInfo<T> type, CancellationToken cancel) => AskAsync(() => Get(route), type, repeatable: true, cancel);

    private async Task<T> AskAsync<T>(Func<HttpRequestMessage> build, JsonTypeInfo<T> type, bool repeatable, CancellationToken cancel)
    {
        var patience = _host.StartPatience();
        while (true)
        {
            using var response = await _host.SendAsync(build, repeatable, cancel).ConfigureAwait(false);
            try
            {
                var body = await response.Content.ReadAsByteArrayAsync(cancel).ConfigureAwait(false);
                return JsonSerializer.Deserialize(body, type) ?? throw new JsonException("The host answered null.");
            }
            catch (Exception e) when (e is HttpRequestException or IOException)
            {
                if (!repeatable || !await patience.HoldAsync(cancel).ConfigureAwait(false)) throw _host.Unreachable(maybeDone: true, e);
            }
        }
    }

    private async Task<OutputRange> ReadOutputAsync(string route, CancellationToken cancel)
    {
        var patience = _host.StartPatience();
        while (true)
        {
            using var response = await _host.SendAsync(() => Get(route), repeatable: true, cancel).ConfigureAwait(false);
            try
            {
                return new()
                {
                    Bytes = await response.Content.ReadAsByteArrayAsync(cancel).ConfigureAwait(false),
                    Offset = Number(response.Headers, "Outlast-Offset"),
                    NextOffset = Number(response.Headers, "Outlast-Next-Offset"),
                    Size = Number(response.Headers, "Outlast-Size"),
                    Dropped = Number(response.Headers, "Outlast-Dropped"),
                    Ended = response.Headers.GetValues("Outlast-Ended").Single() == "true",
                };
            }
            catch (Exception e) when (e is HttpRequestException or IOException)
            {
                if (!await patience.HoldAsync(cancel).ConfigureAwait(false)) throw _host.Unreachable(maybeDone: true, e);
            }
        }
    }

    /// <summary>The messages of a stream; begun again at what <paramref name="route"/> then says when the connection breaks.</summary>
    private async IAsyncEnumerable<SseItem<string>> StreamAsync(Func<string> route, [EnumeratorCancellation] CancellationToken cancel)
    {
        HostConnection.Patience? patience = null;
        while (true)
        {
            using var response = await _host.SendAsync(() =>
            {
                var request = Get(route());
                request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("text/event-stream"));
                return request;
            }, repeatable: true, cancel).ConfigureAwait(false);
            patience?.Connected();
            var body = await response.Content.ReadAsStreamAsync(cancel).ConfigureAwait(false);
            await using var bodyDisposal = body.ConfigureAwait(false);
            var messages = SseParser.Create(body).EnumerateAsync(cancel).GetAsyncEnumerator(cancel);
            await using var messagesDisposal = messages.ConfigureAwait(false);
            while (true)
            {
                Exception? broken = null;
                var more = false;
                try
                {
                    more = await messages.MoveNextAsync().ConfigureAwait(false);
                }
                catch (Exception e) when (e is HttpRequestException or IOException)
                {
                    broken = e;
                }
                if (more)
                {
                    patience = null;
                    yield return messages.Current;
                    continue;
                }
                broken ??= new IOException("The host closed the stream.");
                if (!await (patience ??= _host.StartPatience()).HoldAsync(cancel).ConfigureAwait(false)) throw _host.Unreachable(maybeDone: true, broken);
                break;
            }
        }
    }

    private static HttpRequestMessage Get(string route) => new(HttpMethod.Get, route);

    private static HttpRequestMessage Post<T>(string route, T body, JsonTypeInfo<T> type) => WithBody(HttpMethod.Post, route, body, type);

    private static HttpRequestMessage WithBody<T>(HttpMethod method, string route, T body, JsonTypeInfo<T> type)
    {
        var content = new ByteArrayContent(JsonSerializer.SerializeToUtf8Bytes(body, type));
        content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        return new(method, route) { Content = content };
    }

    private static T Parse<T>(string data, JsonTypeInfo<T> type) => JsonSerializer.Deserialize(data, type) ?? throw new JsonException("The host sent null.");

    private static long Number(HttpResponseHeaders headers, string name) => long.Parse(headers.GetValues(name).Single(), CultureInfo.InvariantCulture);

    private static string Route(string id) => $"/v1/tasks/{Escape(id)}";

    private static string OutputRoute(OutputSource source) => $"{Route(source.Task)}/output?stream={(source.ErrorStream ? "stderr" : "stdout")}{AttemptOf(source)}";

    private static string AttemptOf(OutputSource source) => source.Attempt is { } attempt ? $"&attempt={Invariant(attempt)}" : "";

    private static string Filter(string? task, string? session) =>
        $"{(task is null ? "" : $"&task={Escape(task)}")}{(session is null ? "" : $"&session={Escape(session)}")}";

    private static string Escape(string text) => Uri.EscapeDataString(text);

    private static string Invariant(long number) => number.ToString(CultureInfo.InvariantCulture);

    private static string Milliseconds(TimeSpan time) => Invariant((long)Math.Ceiling(time.TotalMilliseconds));
}
