using System.Text;
using System.Text.Json;
using Outlast.Client;

namespace Outlast.Cli.Rendering;

/// <summary>Prints what a task printed: as it is, cleaned for a terminal, or as JSON with offsets.</summary>
internal sealed class OutputPrinter(Terminal terminal, bool error, bool raw, bool json)
{
    private readonly ControlSequences? _controls = !raw && !json && (error ? terminal.ErrorIsTerminal : terminal.OutIsTerminal) ? new() : null;

    public bool IsError => error;

    public void Print(long offset, ReadOnlySpan<byte> bytes)
    {
        if (bytes.IsEmpty) return;
        if (json) terminal.Write(Piece(offset, bytes));
        else if (error) terminal.WriteError(_controls is null ? bytes : _controls.Clean(bytes));
        else terminal.Write(_controls is null ? bytes : _controls.Clean(bytes));
    }

    /// <summary>Says that bytes are gone, visibly and beside the output.</summary>
    public void PassOver(OutputFrame.Gap gap)
    {
        if (json) terminal.Write(Piece(gap));
        else terminal.Say($"{Words.Bytes(gap.To - gap.From)} of {(error ? "standard error" : "output")} are gone here ({gap.Why}): from offset {gap.From} to {gap.To}");
    }

    private byte[] Piece(long offset, ReadOnlySpan<byte> bytes)
    {
        using var buffer = new MemoryStream();
        using (var writer = Begin(buffer))
        {
            writer.WriteNumber("offset", offset);
            if (System.Text.Unicode.Utf8.IsValid(bytes)) writer.WriteString("text", Encoding.UTF8.GetString(bytes));
            else writer.WriteBase64String("base64", bytes);
            writer.WriteEndObject();
        }
        buffer.WriteByte((byte)'\n');
        return buffer.ToArray();
    }

    private byte[] Piece(OutputFrame.Gap gap)
    {
        using var buffer = new MemoryStream();
        using (var writer = Begin(buffer))
        {
            writer.WriteNumber("offset", gap.From);
            writer.WriteNumber("gapUntil", gap.To);
            writer.WriteString("why", gap.Why);
            writer.WriteEndObject();
        }
        buffer.WriteByte((byte)'\n');
        return buffer.ToArray();
    }

    private Utf8JsonWriter Begin(MemoryStream buffer)
    {
        var writer = new Utf8JsonWriter(buffer, new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
        writer.WriteStartObject();
        writer.WriteString("stream", error ? "stderr" : "stdout");
        return writer;
    }
}
