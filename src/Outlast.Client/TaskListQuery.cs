using System.Globalization;

namespace Outlast.Client;

/// <summary>Which tasks a list shows.</summary>
public sealed record TaskListQuery
{
    /// <summary>Any of these states; none: all.</summary>
    public IReadOnlyList<string> States { get; init; } = [];
    /// <summary>Of this kind.</summary>
    public string? Kind { get; init; }
    /// <summary>Of this session.</summary>
    public string? Session { get; init; }
    /// <summary>Children of this task.</summary>
    public string? Parent { get; init; }
    /// <summary>Of this tree.</summary>
    public string? Root { get; init; }
    /// <summary>Ended before then.</summary>
    public DateTimeOffset? EndedBefore { get; init; }
    /// <summary>With this mark (<c>key</c>, or <c>key=value</c>).</summary>
    public string? Label { get; init; }
    /// <summary>Whose name or command contains this text, case ignored.</summary>
    public string? Text { get; init; }
    /// <summary>The <see cref="TaskListView.NextCursor"/> of the page before.</summary>
    public string? Cursor { get; init; }
    /// <summary>At most so many, 1 to 1,000.</summary>
    public int Limit { get; init; } = 50;

    /// <summary>Whether running tasks are measured: see <see cref="TaskView.Live"/>.</summary>
    public bool Live { get; init; }

    internal string ToQuery()
    {
        (string Name, string? Value)[] filters =
        [
            ("state", States.Count > 0 ? string.Join(',', States) : null), ("kind", Kind), ("session", Session), ("parent", Parent), ("root", Root), ("label", Label),
            ("endedBefore", EndedBefore?.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fffffff'Z'", CultureInfo.InvariantCulture)),
            ("q", Text), ("cursor", Cursor), ("live", Live ? "true" : null), ("limit", Limit.ToString(CultureInfo.InvariantCulture)),
        ];
        return "?" + string.Join('&', filters.Where(f => f.Value is not null).Select(f => $"{f.Name}={Uri.EscapeDataString(f.Value!)}"));
    }
}
