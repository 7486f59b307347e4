using System.Collections.Frozen;
using System.Collections.Immutable;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Outlast.Storage;

/// <summary>How records stand in a store: two JSON documents, the spec (written once) and everything else.</summary>
/// <remarks>
/// Strict on reading: a field that is unknown, doubled, missing without being optional, or of another type makes the document unreadable, for a document that is
/// read loosely is written back with a loss. A program that adds a field raises <see cref="Format"/> and its store's schema version, so that an older program refuses
/// the whole store and never meets a document it does not know.
/// </remarks>
public static class RecordSerializer
{
    /// <summary>The version of the documents, <c>v</c> in each.</summary>
    public const int Format = 2;

    // Since format 2; absent where they say nothing, and in every older document.
    private static readonly FrozenSet<string> OptionalOfSpec = FrozenSet.ToFrozenSet(["notify", "priority"], StringComparer.Ordinal);

    private static readonly RecordJson Json = new(new JsonSerializerOptions(RecordJson.Default.Options)
    {
        // The documents live in a database that only their owner reads; nothing needs escaping but what JSON itself demands.
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    });

    private static readonly JsonSerializerOptions Strict = new(Json.Options)
    {
        TypeInfoResolver = RecordJson.Default.WithAddedModifier(RequireWhatIsNotNullable),
    };

    // Written alone: what is read is always looked through.
    private static readonly JsonTypeInfo<SpecDocument> WrittenSpec = (JsonTypeInfo<SpecDocument>)new JsonSerializerOptions(Json.Options)
    {
        TypeInfoResolver = RecordJson.Default.WithAddedModifier(WriteKnownEnvironments),
    }.GetTypeInfo(typeof(SpecDocument));

    private static readonly JsonTypeInfo<SpecDocument> SpecInfo = (JsonTypeInfo<SpecDocument>)Strict.GetTypeInfo(typeof(SpecDocument));
    private static readonly JsonTypeInfo<StateDocument> StateInfo = (JsonTypeInfo<StateDocument>)Strict.GetTypeInfo(typeof(StateDocument));

    /// <summary>The spec as a document.</summary>
    public static byte[] WriteSpec(TaskSpec spec) => JsonSerializer.SerializeToUtf8Bytes(new SpecDocument(Format, spec), WrittenSpec);

    /// <summary>Everything of a record but its spec and number, as a document.</summary>
    public static byte[] WriteState(TaskRecord record)
    {
        ArgumentNullException.ThrowIfNull(record);
        return JsonSerializer.SerializeToUtf8Bytes(StateDocument.Of(record), Json.StateDocument);
    }

    /// <summary>Labels as a JSON object.</summary>
    public static byte[] WriteLabels(ImmutableSortedDictionary<string, string> labels) => JsonSerializer.SerializeToUtf8Bytes(labels, Json.Labels);

    /// <summary>Reads labels.</summary>
    /// <exception cref="UnreadableRecordException">They are no JSON object of texts.</exception>
    public static ImmutableSortedDictionary<string, string> ReadLabels(ReadOnlySpan<byte> labels) => Read(labels, "labels", Json.Labels);

    /// <summary>An event's details as a document.</summary>
    public static byte[] WriteEventData(ImmutableSortedDictionary<string, JsonElement> data) => JsonSerializer.SerializeToUtf8Bytes(data, Json.EventData);

    /// <summary>A step's result as it is stored.</summary>
    public static byte[] WriteResult(JsonElement result) => JsonSerializer.SerializeToUtf8Bytes(result, Json.JsonElement);

    /// <summary>Reads a step's result.</summary>
    /// <exception cref="UnreadableRecordException">It is no JSON.</exception>
    public static JsonElement ReadResult(ReadOnlySpan<byte> result)
    {
        try
        {
            return JsonElement.Parse(result);
        }
        catch (JsonException e)
        {
            throw new UnreadableRecordException("result", e.Message, e);
        }
    }

    /// <summary>Reads the two documents of a record and checks that they are one.</summary>
    /// <exception cref="UnreadableRecordException">They are not; it names the field.</exception>
    public static TaskRecord ReadRecord(long number, ReadOnlySpan<byte> spec, ReadOnlySpan<byte> state)
    {
        if (number < 1) throw new UnreadableRecordException("number", "is below 1");
        var specDocument = Read(spec, "spec", SpecInfo);
        CheckFormat(specDocument.V, "spec.v");
        var stateDocument = Read(state, "", StateInfo);
        CheckFormat(stateDocument.V, "v");
        var record = stateDocument.ToRecord(number, specDocument.Spec);
        return RecordRules.FindBreach(record) is var (field, problem) ? throw new UnreadableRecordException(field, problem) : record;
    }

    /// <summary>Reads an event's details.</summary>
    /// <exception cref="UnreadableRecordException">They are no JSON object.</exception>
    public static ImmutableSortedDictionary<string, JsonElement> ReadEventData(ReadOnlySpan<byte> data) => Read(data, "data", Json.EventData);

    private static T Read<T>(ReadOnlySpan<byte> document, string prefix, JsonTypeInfo<T> type) where T : class
    {
        if (document.IsEmpty) throw new UnreadableRecordException(prefix.Length == 0 ? "$" : prefix, "is empty");
        try
        {
            return JsonSerializer.Deserialize(document, type) ?? throw new UnreadableRecordException(prefix.Length == 0 ? "$" : prefix, "is null");
        }
        catch (JsonException e)
        {
            var path = e.Path is { Length: > 2 } p ? p[2..] : prefix.Length == 0 ? "$" : "";
            var field = prefix.Length == 0 || path.StartsWith(prefix, StringComparison.Ordinal) ? path : path.Length == 0 ? prefix : $"{prefix}.{path}";
            throw new UnreadableRecordException(field, e.Message, e);
        }
    }

    private static void CheckFormat(int format, string field)
    {
        if (format > Format) throw new UnreadableRecordException(field, $"is {format}: a newer program wrote it, and this one reads up to {Format}");
        if (format < 1) throw new UnreadableRecordException(field, $"is {format}");
    }

    private static void RequireWhatIsNotNullable(JsonTypeInfo info)
    {
        foreach (var property in info.Properties)
            if (property.Set is not null || property.AssociatedParameter is not null)
                property.IsRequired = !IsOptional(info, property);
    }

    private static bool IsOptional(JsonTypeInfo info, JsonPropertyInfo property) =>
        info.Type == typeof(TaskSpec) && OptionalOfSpec.Contains(property.Name)
        || (property.PropertyType.IsValueType ? Nullable.GetUnderlyingType(property.PropertyType) is not null : IsNullable(property));

    private static void WriteKnownEnvironments(JsonTypeInfo info)
    {
        if (info.Type != typeof(ProcessSpec)) return;
        info.Properties.First(p => p.PropertyType == typeof(ImmutableSortedDictionary<string, string>)).CustomConverter = new KnownEnvironments.Writer();
    }

    private static bool IsNullable(JsonPropertyInfo property) => property.AssociatedParameter?.IsNullable ?? property.IsSetNullable;
}
