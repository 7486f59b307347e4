using System.Text;
using System.Text.Json;

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

    private byte[] Piece(long offset, ReadOnlySpan<byte> bytes)
    {
        using var buffer = new MemoryStream();
        using (var writer = new Utf8JsonWriter(buffer, new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            writer.WriteStartObject();
            writer.WriteString("stream", error ? "stderr" : "stdout");
            writer.WriteNumber("offset", offset);
            if (System.Text.Unicode.Utf8.IsValid(bytes)) writer.WriteString("text", Encoding.UTF8.GetString(bytes));
            else writer.WriteBase64String("base64", bytes);
            writer.WriteEndObject();
        }
        buffer.WriteByte((byte)'\n');
        return buffer.ToArray();
    }
}
