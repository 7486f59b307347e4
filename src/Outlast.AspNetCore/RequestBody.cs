using System.Buffers;
using System.IO.Pipelines;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Unicode;
using Microsoft.AspNetCore.Http;

namespace Outlast.AspNetCore;

/// <summary>A posted JSON document: read whole, of bounded size and depth.</summary>
internal static class RequestBody
{
    public const int MaxBytes = 4 * 1024 * 1024;
    private const int MaxDepth = 16, MaxDiscarded = 64 * 1024 * 1024;

    /// <summary>Reads the document; an empty body is an empty object.</summary>
    /// <exception cref="RefusedException">It is no JSON object, or too large.</exception>
    public static async Task<JsonDocument> ReadAsync(HttpContext context)
    {
        var body = await ReadBytesAsync(context).ConfigureAwait(false);
        if (body.Length == 0) return JsonDocument.Parse("{}");
        if (!Utf8.IsValid(body)) throw NotJson("it is no UTF-8");
        try
        {
            var document = JsonDocument.Parse(body, new() { MaxDepth = MaxDepth });
            return document.RootElement.ValueKind == JsonValueKind.Object ? document : throw NotJson("a JSON object is expected");
        }
        catch (JsonException e)
        {
            throw NotJson(e.Message);
        }
    }

    /// <summary>SHA-256 of the document in one spelling: fields in order, no white space. In hex.</summary>
    public static string Hash(JsonElement document)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer)) WriteCanonical(json, document);
        return Convert.ToHexStringLower(SHA256.HashData(buffer.WrittenSpan));
    }

    /// <summary>Reads the body as it is.</summary>
    /// <exception cref="RefusedException">It is too large.</exception>
    public static Task<byte[]> ReadBytesAsync(HttpContext context) => ReadBytesAsync(context.Request.BodyReader, context.RequestAborted);

    private static async Task<byte[]> ReadBytesAsync(PipeReader reader, CancellationToken cancel)
    {
        while (true)
        {
            var read = await reader.ReadAsync(cancel).ConfigureAwait(false);
            if (read.Buffer.Length > MaxBytes) throw await TooLargeAsync(reader, read, cancel).ConfigureAwait(false);
            if (!read.IsCompleted)
            {
                reader.AdvanceTo(read.Buffer.Start, read.Buffer.End);
                continue;
            }
            var bytes = read.Buffer.ToArray();
            reader.AdvanceTo(read.Buffer.End);
            return bytes;
        }
    }

    private static void WriteCanonical(Utf8JsonWriter json, JsonElement value)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.Object:
                json.WriteStartObject();
                foreach (var field in value.EnumerateObject().OrderBy(f => f.Name, StringComparer.Ordinal))
                {
                    json.WritePropertyName(field.Name);
                    WriteCanonical(json, field.Value);
                }
                json.WriteEndObject();
                break;
            case JsonValueKind.Array:
                json.WriteStartArray();
                foreach (var item in value.EnumerateArray()) WriteCanonical(json, item);
                json.WriteEndArray();
                break;
            default:
                value.WriteTo(json);
                break;
        }
    }

    private static RefusedException NotJson(string why) =>
        new(Problem.Invalid(new Dictionary<string, string[]> { ["body"] = [$"cannot be read as JSON: {why}"] }, "The body cannot be read"));

    /// <summary>Reads on for a while without keeping anything: a caller whose connection breaks while it still sends never sees the answer.</summary>
    private static async Task<RefusedException> TooLargeAsync(PipeReader reader, ReadResult read, CancellationToken cancel)
    {
        for (long discarded = 0; ; read = await reader.ReadAsync(cancel).ConfigureAwait(false))
        {
            discarded += read.Buffer.Length;
            reader.AdvanceTo(read.Buffer.End);
            if (read.IsCompleted || discarded > MaxDiscarded) return new(Problem.TooLarge(MaxBytes));
        }
    }
}
