using System.Text;

namespace Outlast.Cli.Watching;

internal enum KeyName { Text, Up, Down, PageUp, PageDown, Home, End, Enter, Escape, Backspace, Interrupt, Stop, Redraw, Other }

/// <summary>A key that was pressed.</summary>
internal readonly record struct Key(KeyName Name, string Text = "")
{
    private const byte Esc = 0x1b;

    /// <summary>The keys in what a terminal sent; an escape sequence is there whole, for terminals write it at once.</summary>
    public static IEnumerable<Key> Read(byte[] sent)
    {
        for (var at = 0; at < sent.Length;)
        {
            var (key, length) = ReadOne(sent.AsSpan(at));
            at += length;
            yield return key;
        }
    }

    private static (Key Key, int Length) ReadOne(ReadOnlySpan<byte> sent) => sent[0] switch
    {
        Esc when sent.Length > 2 && sent[1] is (byte)'[' or (byte)'O' => ReadSequence(sent),
        Esc => (new(KeyName.Escape), 1),
        (byte)'\r' or (byte)'\n' => (new(KeyName.Enter), 1),
        0x7f or 0x08 => (new(KeyName.Backspace), 1),
        0x03 => (new(KeyName.Interrupt), 1),
        0x1a => (new(KeyName.Stop), 1),
        0x0c => (new(KeyName.Redraw), 1),
        < 0x20 => (new(KeyName.Other), 1),
        _ => Rune.DecodeFromUtf8(sent, out var rune, out var length) == System.Buffers.OperationStatus.Done ? (new(KeyName.Text, rune.ToString()), length) : (new(KeyName.Other), 1),
    };

    private static (Key Key, int Length) ReadSequence(ReadOnlySpan<byte> sent)
    {
        var end = 2;
        while (end < sent.Length - 1 && sent[end] is >= 0x20 and < 0x40) end++;
        var name = Encoding.ASCII.GetString(sent[2..(end + 1)]) switch
        {
            "A" => KeyName.Up,
            "B" => KeyName.Down,
            "H" or "1~" or "7~" => KeyName.Home,
            "F" or "4~" or "8~" => KeyName.End,
            "5~" => KeyName.PageUp,
            "6~" => KeyName.PageDown,
            "M" => KeyName.Enter,
            _ => KeyName.Other,
        };
        return (new(name), end + 1);
    }
}
