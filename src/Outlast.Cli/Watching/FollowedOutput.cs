using System.Text;
using Outlast.Cli.Rendering;

namespace Outlast.Cli.Watching;

/// <summary>The last lines of an output that grows, cleaned of what would move a terminal.</summary>
internal sealed class FollowedOutput(string title)
{
    private const int MostLines = 5000, LongestLine = 4000;
    private readonly Lock _lock = new();
    // Guarded by _lock: the lines, the last of which may go on, and how far back the reader looks.
    private readonly List<string> _lines = [""];
    private readonly ControlSequences _controls = new();
    private readonly Decoder _decoder = Encoding.UTF8.GetDecoder();
    private int _back;

    public string Title => title;

    public void Add(ReadOnlySpan<byte> bytes)
    {
        lock (_lock)
        {
            var clean = _controls.Clean(bytes);
            var text = new char[_decoder.GetCharCount(clean, flush: false)];
            _decoder.GetChars(clean, text, flush: false);
            var pieces = new string(text).Replace("\t", "    ", StringComparison.Ordinal).Split('\n');
            _lines[^1] = Short(_lines[^1] + pieces[0]);
            foreach (var piece in pieces.Skip(1))
            {
                _lines.Add(Short(piece));
                // Who looks back goes on seeing the same.
                if (_back > 0) _back++;
            }
            if (_lines.Count > MostLines) _lines.RemoveRange(0, _lines.Count - MostLines);
        }
    }

    /// <summary>A line of ours, between what the task prints.</summary>
    public void Note(string text)
    {
        lock (_lock)
        {
            if (_lines[^1].Length > 0) _lines.Add("");
            _lines[^1] = $"-- {text}";
            _lines.Add("");
        }
    }

    public void Scroll(int back)
    {
        lock (_lock) _back = (int)Math.Clamp((long)_back + back, 0, Math.Max(0, _lines.Count - 1));
    }

    /// <summary>The lines that fit, the newest at the bottom unless the reader looks back.</summary>
    public IReadOnlyList<string> Lines(int room, int width)
    {
        lock (_lock)
        {
            var whole = _lines[^1].Length == 0 ? _lines.Count - 1 : _lines.Count;
            var end = Math.Clamp(whole - _back, Math.Min(room, whole), whole);
            return [.. _lines[Math.Max(0, end - room)..end].Select(l => TextWidth.Cut(l, width))];
        }
    }

    private static string Short(string line) => line.Length <= LongestLine ? line : line[..LongestLine];
}
