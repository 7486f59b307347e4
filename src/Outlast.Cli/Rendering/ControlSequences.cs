using System.Text;

namespace Outlast.Cli.Rendering;

/// <summary>Takes out of what a task printed everything that would move, colour, rename or question a terminal. Keeps its place between calls.</summary>
internal sealed class ControlSequences
{
    private enum Place { Text, Return, Lead, Escape, Intermediate, Sequence, String, StringEscape }

    private const byte Esc = 0x1b, Bell = 7, Lead = 0xc2;
    private Place _place;

    /// <summary>The bytes that are left. Line ends and tabs stay; a return alone becomes a line end, so that nothing printed is painted over.</summary>
    public byte[] Clean(ReadOnlySpan<byte> bytes)
    {
        var kept = new List<byte>(bytes.Length);
        foreach (var b in bytes) Take(b, kept);
        return [.. kept];
    }

    /// <summary>A short text of foreign origin on one line, its control characters made visible.</summary>
    public static string Escape(string text)
    {
        if (!text.Any(char.IsControl)) return text;
        var visible = new StringBuilder(text.Length + 8);
        foreach (var c in text)
        {
            if (!char.IsControl(c)) visible.Append(c);
            else visible.Append(c switch { '\n' => "\\n", '\r' => "\\r", '\t' => "\\t", '\e' => "\\e", _ => $"\\x{(int)c:x2}" });
        }
        return visible.ToString();
    }

    private void Take(byte b, List<byte> kept)
    {
        switch (_place)
        {
            case Place.Return:
                kept.Add((byte)'\n');
                _place = Place.Text;
                if (b != '\n') TakeText(b, kept);
                break;
            case Place.Lead:
                _place = Place.Text;
                TakeC1(b, kept);
                break;
            case Place.Escape:
                _place = b switch
                {
                    (byte)'[' => Place.Sequence,
                    (byte)']' or (byte)'P' or (byte)'X' or (byte)'^' or (byte)'_' => Place.String,
                    >= 0x20 and < 0x30 => Place.Intermediate,
                    Esc => Place.Escape,
                    _ => Place.Text,
                };
                if (b < 0x20 && b != Esc) TakeText(b, kept);
                break;
            case Place.Intermediate:
                if (b is >= 0x20 and < 0x30) break;
                _place = Place.Text;
                if (b < 0x20) TakeText(b, kept);
                break;
            case Place.Sequence:
                if (b is >= 0x20 and < 0x40) break;
                _place = Place.Text;
                if (b < 0x20) TakeText(b, kept);
                break;
            case Place.String or Place.StringEscape when b == '\n':
                // A string that nobody closes must not swallow the rest of the output.
                _place = Place.Text;
                kept.Add(b);
                break;
            case Place.String:
                _place = b switch { Bell => Place.Text, Esc => Place.StringEscape, _ => Place.String };
                break;
            case Place.StringEscape:
                _place = b == '\\' ? Place.Text : Place.String;
                break;
            default:
                TakeText(b, kept);
                break;
        }
    }

    private void TakeText(byte b, List<byte> kept)
    {
        switch (b)
        {
            case Esc: _place = Place.Escape; break;
            case Lead: _place = Place.Lead; break;
            case (byte)'\r': _place = Place.Return; break;
            case (byte)'\n' or (byte)'\t' or (>= 0x20 and not 0x7f): kept.Add(b); break;
        }
    }

    /// <summary>The same controls as <c>ESC [</c> and its kin, written as one character of two bytes.</summary>
    private void TakeC1(byte b, List<byte> kept)
    {
        switch (b)
        {
            case 0x9b: _place = Place.Sequence; break;
            case 0x90 or 0x98 or 0x9d or 0x9e or 0x9f: _place = Place.String; break;
            case >= 0x80 and < 0xa0: break;
            default:
                kept.Add(Lead);
                TakeText(b, kept);
                break;
        }
    }
}
