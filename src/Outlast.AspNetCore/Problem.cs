using System.Collections.Immutable;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Outlast.Client;
using Outlast.Output;

namespace Outlast.AspNetCore;

/// <summary>An answer that says why not: <c>application/problem+json</c> with a stable type.</summary>
internal sealed record Problem(int Status, string Type, string Title)
{
    public string? Detail { get; init; }
    public IReadOnlyDictionary<string, string[]>? Errors { get; init; }
    public ImmutableArray<(string Name, object Value)> Extensions { get; init; } = [];

    public static Problem Invalid(IReadOnlyDictionary<string, string[]> errors, string title) => new(400, ProblemTypes.Invalid, title) { Errors = errors };
    public static Problem Unauthorized() => new(401, ProblemTypes.Unauthorized, "The token is missing or wrong")
    {
        Detail = "Over TCP every request needs the header 'Authorization: Bearer …' with the content of the file 'token' in the host's data folder.",
    };
    public static Problem Forbidden(string detail) => new(403, ProblemTypes.Forbidden, "This caller may not use this host") { Detail = detail };
    public static Problem NoRoute(string path) => new(404, ProblemTypes.NoRoute, "There is no such route") { Detail = path };
    public static Problem WrongMethod(string method) => new(405, ProblemTypes.WrongMethod, "The route does not take this method") { Detail = method };
    public static Problem TooLarge(long maxBytes) => new(413, ProblemTypes.TooLarge, "The body is too large") { Extensions = [("maxBytes", maxBytes)] };
    public static Problem OutputRemoved(DateTimeOffset removedAt, string? reason) => new(410, ProblemTypes.OutputRemoved, "The output was removed")
    {
        Detail = $"It was removed at {removedAt.UtcDateTime:yyyy-MM-dd'T'HH:mm:ss.fff'Z'}: {reason}.",
        Extensions = [("removedAt", removedAt), ("reason", reason ?? "")],
    };
    public static Problem OutOfRange(long offset, long size) => new(416, ProblemTypes.OutOfRange, "The offset is beyond the output")
    {
        Detail = $"The output has {size} bytes; {offset} is beyond.",
        Extensions = [("size", size)],
    };
    public static Problem NotReady(ImmutableArray<string> reasons) => new(503, ProblemTypes.NotReady, "The host would not accept work now") { Extensions = [("reasons", reasons)] };

    /// <summary>What a fault means to the caller.</summary>
    public static Problem Of(Exception fault) => fault switch
    {
        RefusedException e => e.Problem,
        InvalidTaskException e => Invalid(e.Errors, "The task cannot be accepted"),
        TaskNotFoundException e => new(404, ProblemTypes.NotFound, "There is no such task") { Detail = e.Message },
        TaskRemovedException { Tombstone: var t } e => new(410, ProblemTypes.Removed, "The task was removed")
        {
            Detail = e.Message,
            Extensions = [("id", t.Id.ToString()), ("number", t.Number), ("state", Names.Of(t.State)), ("endedAt", t.EndedAt), ("removedAt", t.RemovedAt), ("reason", t.Reason)],
        },
        TaskEndedException { Record: var r } e => new(409, ProblemTypes.Ended, "The task has ended")
        {
            Detail = e.Message,
            Extensions = Named(r),
        },
        TaskNotEndedException { Record: var r } e => new(409, ProblemTypes.NotEnded, "The task has not ended") { Detail = e.Message, Extensions = Named(r) },
        TaskStoppingException { Record: var r } e => new(409, ProblemTypes.Stopping, "The task is being stopped") { Detail = e.Message, Extensions = Named(r) },
        LeftoversAliveException e => new(409, ProblemTypes.LeftoversAlive, "Processes of the task are alive") { Detail = e.Message, Extensions = [.. Named(e.Record), ("alive", e.Alive.Length)] },
        TaskNotStartedException { Record: var r } e => new(409, ProblemTypes.NotStarted, "The task has not started") { Detail = e.Message, Extensions = Named(r) },
        InputFullException e => new(409, ProblemTypes.InputFull, "The task's standard input is full") { Detail = e.Message, Extensions = [.. Named(e.Record), ("taken", e.Taken)] },
        InputClosedException e => new(409, ProblemTypes.InputClosed, "The task takes no input")
        {
            Detail = e.Message,
            Extensions = [.. Named(e.Record), ("taken", e.Taken), ("why", Names.Of(e.Why)), .. e.Record.Spec.Process is { } process ? [("stdin", (object)Names.Of(process.Stdin.Kind))] : ImmutableArray<(string, object)>.Empty],
        },
        ParentEndedException { Parent: var p } e => new(409, ProblemTypes.ParentEnded, "The parent can start no child any more")
        {
            Detail = e.Message,
            Extensions = [("parent", p.Id.ToString()), ("state", Names.Of(p.State))],
        },
        TreeFullException { Above: var a } e => new(409, ProblemTypes.TreeFull, "The tree has no room for another task")
        {
            Detail = e.Message,
            Extensions = [("limit", e.Limit), ("has", e.Has), ("max", e.Max), ("above", a.Id.ToString())],
        },
        WaitCycleException e => new(409, ProblemTypes.WaitCycle, "The wait would never end")
        {
            Detail = e.Message,
            Extensions = [("path", ImmutableArray.CreateRange(e.Path.Select(id => id.ToString())))],
        },
        IdempotencyMismatchException e => new(409, ProblemTypes.IdempotencyMismatch, "The idempotency key belongs to another body") { Detail = e.Message, Extensions = [("id", e.Id.ToString())] },
        FullException e => new(429, ProblemTypes.Full, "There is no room") { Detail = e.Message, Extensions = [("limit", e.Limit), ("running", e.Running), ("max", e.Max)] },
        StoreUnavailableException e => new(503, ProblemTypes.StoreUnavailable, "The store cannot be used; nothing was accepted") { Detail = e.Message },
        DrainingException e => new(503, ProblemTypes.Draining, "The host is going away") { Detail = e.Message },
        EmbeddedHostException e => new(409, ProblemTypes.Embedded, "The host is part of another program") { Detail = e.Message, Extensions = [("program", e.Program)] },
        RestartRefusedException e => new(409, e.IsLoop ? ProblemTypes.RestartLoop : ProblemTypes.RestartRefused, "The host is not replaced, and goes on") { Detail = e.Message },
        OutputUnreadableException e => new(500, ProblemTypes.OutputUnreadable, "The output cannot be read") { Detail = e.Message },
        BadHttpRequestException e => new(e.StatusCode, ProblemTypes.Invalid, "The request cannot be read") { Detail = e.Message },
        _ => new(500, ProblemTypes.Internal, "The host failed to answer") { Detail = "Its log says why." },
    };

    private static ImmutableArray<(string, object)> Named(TaskRecord record) => [("id", record.Id.ToString()), ("number", record.Number), ("state", Names.Of(record.State))];

    public async Task WriteAsync(HttpContext context)
    {
        var response = context.Response;
        response.StatusCode = Status;
        response.ContentType = "application/problem+json";
        response.Headers.CacheControl = "no-store";
        var body = ToJson();
        response.ContentLength = body.Length;
        if (!HttpMethods.IsHead(context.Request.Method)) await response.BodyWriter.WriteAsync(body, context.RequestAborted).ConfigureAwait(false);
    }

    private byte[] ToJson()
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer, new() { Encoder = OutlastJson.Wire.Options.Encoder }))
        {
            json.WriteStartObject();
            json.WriteString("type", Type);
            json.WriteString("title", Title);
            json.WriteNumber("status", Status);
            if (Detail is not null) json.WriteString("detail", Detail);
            if (Errors is not null) Write(json, "errors", Errors);
            foreach (var (name, value) in Extensions) Write(json, name, value);
            json.WriteEndObject();
        }
        return buffer.ToArray();
    }

    private static void Write(Utf8JsonWriter json, string name, IReadOnlyDictionary<string, string[]> errors)
    {
        json.WriteStartObject(name);
        foreach (var (field, texts) in errors) Write(json, field, [.. texts]);
        json.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter json, string name, ImmutableArray<string> texts)
    {
        json.WriteStartArray(name);
        foreach (var text in texts) json.WriteStringValue(text);
        json.WriteEndArray();
    }

    private static void Write(Utf8JsonWriter json, string name, object value)
    {
        switch (value)
        {
            case string text: json.WriteString(name, text); break;
            case int number: json.WriteNumber(name, number); break;
            case long number: json.WriteNumber(name, number); break;
            case DateTimeOffset time: json.WritePropertyName(name); JsonSerializer.Serialize(json, time, OutlastJson.Wire.DateTimeOffset); break;
            case ImmutableArray<string> texts: Write(json, name, texts); break;
            default: throw new ArgumentException($"A problem cannot carry a {value.GetType()}.", nameof(value));
        }
    }
}
