namespace Outlast.Cli;

/// <summary>What somebody may have meant who wrote a name that is not there.</summary>
internal static class NearestNames
{
    private const int Most = 3;

    /// <summary>Those that it is a part of, or that are a few strokes away; the nearest first.</summary>
    public static IReadOnlyList<string> Of(string name, IEnumerable<string> known) =>
    [
        .. known.Select(k => (Name: k, Distance: Distance(name.ToLowerInvariant(), k.ToLowerInvariant())))
            .Where(k => k.Distance <= 1 + Math.Max(name.Length, k.Name.Length) / 3 || (name.Length > 2 && k.Name.Contains(name, StringComparison.OrdinalIgnoreCase)))
            .OrderByDescending(k => k.Name.Contains(name, StringComparison.OrdinalIgnoreCase)).ThenBy(k => k.Distance).ThenBy(k => k.Name, StringComparer.Ordinal).Take(Most).Select(k => k.Name),
    ];

    /// <summary>How many strokes (put in, take out, change) lead from one to the other.</summary>
    private static int Distance(string a, string b)
    {
        var row = Enumerable.Range(0, b.Length + 1).ToArray();
        for (var i = 1; i <= a.Length; i++)
        {
            var diagonal = row[0]++;
            for (var j = 1; j <= b.Length; j++)
                (diagonal, row[j]) = (row[j], Math.Min(Math.Min(row[j], row[j - 1]) + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)));
        }
        return row[^1];
    }
}
