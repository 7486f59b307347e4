using System.Text.Json;
using System.Text.Json.Serialization;

namespace Outlast.Client;

/// <summary>What a process reads: on the wire <c>"none"</c>, <c>"open"</c>, <c>"fifo"</c>, or <c>{"text": …}</c>.</summary>
/// <param name="Kind"><c>none</c>, <c>open</c>, <c>fifo</c> or <c>text</c>.</param>
/// <param name="Text">With <c>text</c>.</param>
[JsonConverter(typeof(StdinConverter))]
public sealed record StdinView(string Kind, string? Text = null)
{
    /// <summary><c>/dev/null</c>.</summary>
    public static StdinView None { get; } = new("none");

    /// <summary>A named pipe <c>stdin</c> in the attempt's folder, for a caller on the same machine: the command starts once somebody opens it for writing.</summary>
    public static StdinView Fifo { get; } = new("fifo");

    /// <summary>What is sent to it while it runs.</summary>
    public static StdinView Open { get; } = new("open");

    /// <summary>That text.</summary>
    public static StdinView Of(string text) => new("text", text);
}

internal sealed class StdinConverter : JsonConverter<StdinView>
{
    public override StdinView Read(ref Utf8JsonReader reader, Type type, JsonSerializerOptions options)
    {
        using var document = JsonDocument.ParseValue(ref reader);
        var value = document.RootElement;
        return value.ValueKind switch
        {
            JsonValueKind.String => new(value.GetString()!),
            JsonValueKind.Object when value.TryGetProperty("text", out var text) && text.ValueKind == JsonValueKind.String => StdinView.Of(text.GetString()!),
            _ => throw new JsonException("stdin is a word or {\"text\": …}"),
        };
    }

    public override void Write(Utf8JsonWriter writer, StdinView value, JsonSerializerOptions options)
    {
        if (value.Text is null)
        {
            writer.WriteStringValue(value.Kind);
            return;
        }
        writer.WriteStartObject();
        writer.WriteString("text", value.Text);
        writer.WriteEndObject();
    }
}
