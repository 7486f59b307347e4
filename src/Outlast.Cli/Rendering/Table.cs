namespace Outlast.Cli.Rendering;

/// <summary>A column of a table.</summary>
/// <param name="Header">In capitals.</param>
/// <param name="Right">Figures stand to the right.</param>
/// <param name="Least">Where it may be cut: the fewest columns that are still of use. None: never cut.</param>
/// <param name="Dropped">Where it may be left out when room is short: the higher, the sooner. 0: never.</param>
internal sealed record Column(string Header, bool Right = false, int? Least = null, int Dropped = 0);

/// <summary>A text and its colour.</summary>
internal readonly record struct Cell(string Text, Func<string, string>? Ink = null)
{
    public static implicit operator Cell(string text) => new(text);
}

/// <summary>Rows that fit the terminal; where there is none, fields between tabs.</summary>
internal sealed class Table(params Column[] columns)
{
    private const int Gap = 2;
    private readonly List<Cell[]> _rows = [];

    public void Add(params Cell[] row) => _rows.Add([.. row.Select(c => c with { Text = ControlSequences.Escape(c.Text) })]);

    public void Write(Terminal terminal)
    {
        foreach (var line in terminal.OutIsTerminal ? Fitted(terminal.Width, terminal.Ink) : Plain()) terminal.Line(line);
    }

    public IEnumerable<string> Plain() =>
        [string.Join('\t', columns.Select(c => c.Header)), .. _rows.Select(r => string.Join('\t', r.Select(c => c.Text)))];

    public IEnumerable<string> Fitted(int width, bool ink)
    {
        var widths = Widths(width);
        yield return Row(columns.Select(c => new Cell(c.Header, Ink.Dim)).ToArray(), widths, ink);
        foreach (var row in _rows) yield return Row(row, widths, ink);
    }

    /// <summary>Columns go, least needed first, until the rest fits when cut as far as it may be; what room is left then goes to the cut ones, from the left. 0: gone.</summary>
    private int[] Widths(int width)
    {
        var natural = columns.Select((c, i) => _rows.Select(r => TextWidth.Of(r[i].Text)).Append(c.Header.Length).Max()).ToArray();
        var widths = columns.Select((c, i) => Math.Min(natural[i], c.Least ?? natural[i])).ToArray();
        while (Room() < 0 && Enumerable.Range(0, widths.Length).Where(i => widths[i] > 0 && columns[i].Dropped > 0).ToArray() is { Length: > 0 } spare)
            widths[spare.MaxBy(i => columns[i].Dropped)] = 0;
        for (var i = 0; i < widths.Length; i++)
            if (widths[i] > 0) widths[i] += Math.Clamp(natural[i] - widths[i], 0, Math.Max(0, Room()));
        for (var i = widths.Length - 1; i >= 0 && Room() < 0; i--)
            if (widths[i] > 0) widths[i] = Math.Max(1, widths[i] + Room());
        return widths;

        int Room() => width - widths.Sum() - Gap * (widths.Count(w => w > 0) - 1);
    }

    private string Row(Cell[] row, int[] widths, bool ink)
    {
        List<string> fields = [];
        var last = Array.FindLastIndex(widths, w => w > 0);
        for (var i = 0; i < row.Length; i++)
        {
            if (widths[i] == 0) continue;
            var text = TextWidth.Cut(row[i].Text, widths[i]);
            var padding = new string(' ', Math.Max(0, widths[i] - TextWidth.Of(text)));
            var shown = ink && row[i].Ink is { } colour && text.Length > 0 ? colour(text) : text;
            fields.Add(columns[i].Right ? padding + shown : i == last ? shown : shown + padding);
        }
        return string.Join(new string(' ', Gap), fields).TrimEnd();
    }
}
