using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.Http;
using Outlast.Client;

namespace Outlast.AspNetCore;

/// <summary>Writes messages of <c>text/event-stream</c>.</summary>
internal sealed class ServerSentEvents(StreamResponse stream) : IDisposable
{
    private readonly Utf8JsonWriter _json = new(stream.Body, new() { Encoder = OutlastJson.Wire.Options.Encoder });

    public static bool AreWanted(HttpRequest request) => request.Headers.Accept.ToString().Contains("text/event-stream", StringComparison.OrdinalIgnoreCase);

    public static void Announce(HttpResponse response)
    {
        response.ContentType = "text/event-stream";
        response.Headers.CacheControl = "no-store";
        response.Headers["X-Accel-Buffering"] = "no";
    }

    /// <summary>Writes a message; it goes out with the next flush.</summary>
    public void Write<T>(string name, long? id, T data, JsonTypeInfo<T> type) => Write(name, id?.ToString(CultureInfo.InvariantCulture), data, type);

    /// <inheritdoc cref="Write{T}(string, long?, T, JsonTypeInfo{T})"/>
    public void Write<T>(string name, string? id, T data, JsonTypeInfo<T> type)
    {
        Raw("event: ");
        Raw(name);
        if (id is not null)
        {
            Raw("\nid: ");
            Raw(id);
        }
        Raw("\ndata: ");
        _json.Reset(stream.Body);
        JsonSerializer.Serialize(_json, data, type);
        _json.Flush();
        Raw("\n\n");
    }

    /// <summary>Sends a comment line if nothing was sent for long.</summary>
    public async ValueTask BeatAsync()
    {
        if (stream.UntilHeartbeat > TimeSpan.Zero) return;
        Raw(": still here\n\n");
        await stream.FlushAsync().ConfigureAwait(false);
    }

    public void Dispose() => _json.Dispose();

    private void Raw(string ascii) => Encoding.ASCII.GetBytes(ascii, stream.Body);
}
