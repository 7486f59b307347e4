using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Outlast.Client;

/// <summary>How the wire contract is written: camelCase, absent and never null, times in UTC with milliseconds.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull, Converters = [typeof(TimeConverter)])]
[JsonSerializable(typeof(TaskView))]
[JsonSerializable(typeof(TaskListView))]
[JsonSerializable(typeof(TaskTreeView))]
[JsonSerializable(typeof(ResolveView))]
[JsonSerializable(typeof(WaitView))]
[JsonSerializable(typeof(SubmitRequest))]
[JsonSerializable(typeof(SubmitManyRequest))]
[JsonSerializable(typeof(StopRequestBody))]
[JsonSerializable(typeof(ExtendRequestBody))]
[JsonSerializable(typeof(InputView))]
[JsonSerializable(typeof(RemovedView))]
[JsonSerializable(typeof(LeftoversView))]
[JsonSerializable(typeof(NoticeView))]
[JsonSerializable(typeof(InboxView))]
[JsonSerializable(typeof(AcknowledgeRequestBody))]
[JsonSerializable(typeof(AcknowledgedView))]
[JsonSerializable(typeof(SessionView))]
[JsonSerializable(typeof(SessionListView))]
[JsonSerializable(typeof(SessionRequestBody))]
[JsonSerializable(typeof(EventView))]
[JsonSerializable(typeof(EventListView))]
[JsonSerializable(typeof(EventGapView))]
[JsonSerializable(typeof(OutputData))]
[JsonSerializable(typeof(OutputTimesView))]
[JsonSerializable(typeof(GapData))]
[JsonSerializable(typeof(EndData))]
[JsonSerializable(typeof(HostView))]
[JsonSerializable(typeof(DoctorView))]
[JsonSerializable(typeof(ReadyView))]
[JsonSerializable(typeof(ShutdownRequestBody))]
[JsonSerializable(typeof(ShutdownView))]
[JsonSerializable(typeof(RestartRequestBody))]
[JsonSerializable(typeof(RestartView))]
[JsonSerializable(typeof(HostFile))]
[JsonSerializable(typeof(JsonElement))]
public sealed partial class OutlastJson : JsonSerializerContext
{
    /// <summary>The contract on one line, with every character that JSON allows written as it is.</summary>
    public static OutlastJson Wire => Relaxed.Context;

    /// <summary>Apart, because static fields of a partial class have no order.</summary>
    private static class Relaxed
    {
        public static readonly OutlastJson Context = new(new JsonSerializerOptions(Default.GeneratedSerializerOptions!) { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
    }
}

internal sealed class TimeConverter : JsonConverter<DateTimeOffset>
{
    public override DateTimeOffset Read(ref Utf8JsonReader reader, Type type, JsonSerializerOptions options) => reader.GetDateTimeOffset();

    public override void Write(Utf8JsonWriter writer, DateTimeOffset value, JsonSerializerOptions options) =>
        writer.WriteStringValue(value.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture));
}

/// <summary>A whole number is written as a number, so that nobody compares figures as texts.</summary>
internal sealed class SettingValueConverter : JsonConverter<string>
{
    public override string Read(ref Utf8JsonReader reader, Type type, JsonSerializerOptions options) => ReadValue(ref reader);

    public override void Write(Utf8JsonWriter writer, string value, JsonSerializerOptions options) => WriteValue(writer, value);

    public static string ReadValue(ref Utf8JsonReader reader) => reader.TokenType switch
    {
        JsonTokenType.Number => reader.TryGetInt64(out var whole) ? whole.ToString(CultureInfo.InvariantCulture) : reader.GetDouble().ToString(CultureInfo.InvariantCulture),
        JsonTokenType.True => "true",
        JsonTokenType.False => "false",
        _ => reader.GetString()!,
    };

    public static void WriteValue(Utf8JsonWriter writer, string value)
    {
        if (long.TryParse(value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) && number.ToString(CultureInfo.InvariantCulture) == value) writer.WriteNumberValue(number);
        else writer.WriteStringValue(value);
    }
}

internal sealed class MeasuredConverter : JsonConverter<IReadOnlyDictionary<string, string>>
{
    public override IReadOnlyDictionary<string, string> Read(ref Utf8JsonReader reader, Type type, JsonSerializerOptions options)
    {
        var measured = new Dictionary<string, string>();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var name = reader.GetString()!;
            reader.Read();
            measured[name] = SettingValueConverter.ReadValue(ref reader);
        }
        return measured;
    }

    public override void Write(Utf8JsonWriter writer, IReadOnlyDictionary<string, string> value, JsonSerializerOptions options)
    {
        writer.WriteStartObject();
        foreach (var (name, text) in value)
        {
            writer.WritePropertyName(name);
            SettingValueConverter.WriteValue(writer, text);
        }
        writer.WriteEndObject();
    }
}
