using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Outlast.Cli.Rendering;

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
