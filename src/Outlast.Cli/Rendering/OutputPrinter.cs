using System.Text;
using System.Text.Json;
using Outlast.Client;

namespace Outlast.Cli.Rendering;

/// <summary>Prints what a task printed: as it is, cleaned of control sequences, or as JSON with offsets.</summary>
/// <param name="terminal">Where to.</param>
/// <param name="error">Whether it is a separate standard error.</param>
/// <param name="clean">Whether control sequences are taken out; none: on a terminal.</param>
/// <param name="json">As JSON.</param>
internal sealed class OutputPrinter(Terminal terminal, bool error, bool? clean, bool json)
{
    private readonly ControlSequences? _controls = clean ?? (!json && (error ? terminal.ErrorIsTerminal : terminal.OutIsTerminal)) ? new() : null;

    public bool IsError => error;

    public void Print(long offset, ReadOnlySpan<byte> bytes, DateTimeOffset? at = null)
    {
        if (bytes.IsEmpty) return;
        if (_controls is not null) bytes = _controls.Clean(bytes);
        if (json) terminal.Write(Piece(offset, bytes, at));
        else if (error) terminal.WriteError(bytes);
        else terminal.Write(bytes);
    }

    /// <summary>Prints a whole line, with the time by which it was there.</summary>
    public void PrintLine(long offset, ReadOnlySpan<byte> line, DateTimeOffset? at, DateTimeOffset now)
    {
        if (json)
        {
            Print(offset, line, at);
            return;
        }
        ReadOnlySpan<byte> stamp = at is { } time ? Encoding.ASCII.GetBytes(Words.At(time, now) + "  ") : [];
        ReadOnlySpan<byte> end = line is [.., (byte)'\n'] ? [] : "\n"u8;
        Print(offset, [.. stamp, .. line, .. end]);
    }

    /// <summary>Says that bytes are gone, visibly and beside the output.</summary>
    public void PassOver(OutputFrame.Gap gap)
    {
        if (json) terminal.Write(Piece(gap));
        else terminal.Say($"{Words.Bytes(gap.To - gap.From)} of {(error ? "standard error" : "output")} are gone here ({gap.Why}): from offset {gap.From} to {gap.To}");
    }

    private byte[] Piece(long offset, ReadOnlySpan<byte> bytes, DateTimeOffset? at)
    {
        using var buffer = new MemoryStream();
        using (var writer = Begin(buffer))
        {
            writer.WriteNumber("offset", offset);
            if (at is { } time) writer.WriteString("at", time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", System.Globalization.CultureInfo.InvariantCulture));
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
