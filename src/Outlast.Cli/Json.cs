using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using Outlast.Cli.Demonstrating;
using Outlast.Cli.Rendering;
using Outlast.Cli.Serving;

namespace Outlast.Cli;

/// <summary>Objects on standard output, one a line.</summary>
internal static class Json
{
    public static void Write<T>(Terminal terminal, T value, JsonTypeInfo<T> type)
    {
        var bytes = JsonSerializer.SerializeToUtf8Bytes(value, type);
        terminal.Write([.. bytes, (byte)'\n']);
    }
}

/// <summary>What verbs tell with <c>--json</c> that is no part of the wire contract.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(ExplainedSetting))]
[JsonSerializable(typeof(ProofLine))]
[JsonSerializable(typeof(StartVerdict))]
internal sealed partial class CliJson : JsonSerializerContext
{
    public static CliJson Relaxed => Lazily.Context;

    /// <summary>Apart, because static fields of a partial class have no order.</summary>
    private static class Lazily
    {
        public static readonly CliJson Context = new(new JsonSerializerOptions(Default.GeneratedSerializerOptions!) { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
    }
}
