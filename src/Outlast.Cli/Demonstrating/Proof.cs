using Outlast.Cli.Rendering;

namespace Outlast.Cli.Demonstrating;

/// <summary>What was promised, what was seen, and whether it is so.</summary>
internal sealed record ProofLine(string Promised, string Seen, bool So);

/// <summary>Everything that a demonstration claims, judged.</summary>
internal sealed class Proof
{
    private readonly List<ProofLine> _lines = [];

    public IReadOnlyList<ProofLine> Lines => _lines;

    /// <summary>Nothing that was not looked at is so.</summary>
    public bool Holds => _lines.Count > 0 && _lines.All(l => l.So);

    public void Add(string promised, string seen, bool so) => _lines.Add(new(promised, seen, so));

    /// <summary>As a table; on a terminal what was seen is wrapped and never cut.</summary>
    public IEnumerable<string> Table(bool terminal, int width, bool ink)
    {
        if (!terminal)
        {
            yield return "PROMISED\tSEEN\tSO";
            foreach (var line in _lines) yield return $"{line.Promised}\t{ControlSequences.Escape(line.Seen)}\t{(line.So ? "yes" : "NO")}";
            yield break;
        }
        var first = _lines.Count == 0 ? 0 : _lines.Max(l => TextWidth.Of(l.Promised));
        var room = Math.Max(20, width - first - 7);
        foreach (var line in _lines)
        {
            var verdict = line.So ? "yes" : "NO ";
            if (ink) verdict = Ink.OfLevel(line.So ? "ok" : "error", verdict);
            foreach (var (i, seen) in TextWidth.Wrap(ControlSequences.Escape(line.Seen), room).Index())
                yield return i == 0 ? $"{verdict}  {line.Promised}{new string(' ', first - TextWidth.Of(line.Promised))}  {seen}" : $"{new string(' ', first + 7)}{seen}";
        }
    }
}
