using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Outlast.Storage;

/// <summary>What was found out about an environment that comes again and again as the same object: a host's own, which every task gets whose caller sends none.</summary>
/// <remarks>It is the largest part of a spec, and nothing of it changes; it is looked through once instead of at each submission. Holds none longer than others do.</remarks>
internal static class KnownEnvironments
{
    /// <summary>Smaller ones are written as fast as they are looked up.</summary>
    private const int FewestVariables = 8;

    private static readonly ConditionalWeakTable<ImmutableSortedDictionary<string, string>, Facts> Known = [];

    /// <summary>The first name that has no value.</summary>
    public static string? FindNull(ImmutableSortedDictionary<string, string> environment) => environment.Count < FewestVariables ? FindNullNow(environment) : Of(environment).WithoutValue;

    private static Facts Of(ImmutableSortedDictionary<string, string> environment) => Known.GetValue(environment, static e => new Facts(e));

    private static string? FindNullNow(ImmutableSortedDictionary<string, string> environment)
    {
        foreach (var (name, value) in environment)
            if (value is null) return name;
        return null;
    }

    private sealed class Facts(ImmutableSortedDictionary<string, string> environment)
    {
        private volatile byte[]? _json;

        public string? WithoutValue { get; } = FindNullNow(environment);

        public byte[] ToJson(ImmutableSortedDictionary<string, string> of, JavaScriptEncoder? encoder)
        {
            if (_json is { } known) return known;
            using var bytes = new MemoryStream();
            using (var json = new Utf8JsonWriter(bytes, new() { Encoder = encoder })) WriteNow(json, of);
            return _json = bytes.ToArray();
        }
    }

    private static void WriteNow(Utf8JsonWriter json, ImmutableSortedDictionary<string, string> environment)
    {
        json.WriteStartObject();
        foreach (var (name, value) in environment) json.WriteString(name, value);
        json.WriteEndObject();
    }

    /// <summary>Writes an environment as any map of texts is written; reads none.</summary>
    internal sealed class Writer : JsonConverter<ImmutableSortedDictionary<string, string>>
    {
        public override ImmutableSortedDictionary<string, string> Read(ref Utf8JsonReader reader, Type type, JsonSerializerOptions options) => throw new NotSupportedException();

        public override void Write(Utf8JsonWriter writer, ImmutableSortedDictionary<string, string> value, JsonSerializerOptions options)
        {
            if (value.Count < FewestVariables) WriteNow(writer, value);
            else writer.WriteRawValue(Of(value).ToJson(value, options.Encoder), skipInputValidation: true);
        }
    }
}
