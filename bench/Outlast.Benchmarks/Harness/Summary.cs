using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Outlast.Benchmarks.Harness;

/// <summary>Result lines of one or more rounds, ours and others', as one Markdown table a work: medians, with the number of rounds.</summary>
internal static class Summary
{
    /// <exception cref="FormatException">A line is no result.</exception>
    public static string Of(IEnumerable<string> lines)
    {
        var text = new StringBuilder();
        var works = lines.Where(l => !string.IsNullOrWhiteSpace(l)).Select((line, at) => Result.Parse(line, at + 1)).GroupBy(r => r.Work).OrderBy(g => g.Key, StringComparer.Ordinal);
        foreach (var work in works)
        {
            text.Append(CultureInfo.InvariantCulture, $"### {work.Key}\n\n| Who | What | Medians | Rounds |\n|---|---|---|---|\n");
            foreach (var same in work.GroupBy(r => (r.Peer, r.Variant)))
                text.Append(CultureInfo.InvariantCulture, $"| {same.Key.Peer} | {same.Key.Variant} | {string.Join(", ", Medians([.. same]))} | {same.Count()} |\n");
            text.Append('\n');
        }
        return text.ToString().TrimEnd('\n');
    }

    private static IEnumerable<string> Medians(IReadOnlyList<Result> rounds) =>
        rounds.SelectMany(r => r.Figures.Keys).Distinct().Select(name => $"{name} {Show(Median([.. rounds.Where(r => r.Figures.ContainsKey(name)).Select(r => r.Figures[name])]))}");

    private static double Median(double[] values)
    {
        Array.Sort(values);
        return values.Length % 2 == 1 ? values[values.Length / 2] : (values[(values.Length / 2) - 1] + values[values.Length / 2]) / 2;
    }

    private static string Show(double value) => value.ToString(Math.Abs(value) >= 1000 ? "#,0" : "0.###", CultureInfo.InvariantCulture);

    private sealed record Result(string Work, string Peer, string Variant, IReadOnlyDictionary<string, double> Figures)
    {
        public static Result Parse(string line, int number)
        {
            try
            {
                using var json = JsonDocument.Parse(line);
                var root = json.RootElement;
                var disk = root.TryGetProperty("disk", out var slower) ? $" (disk {slower.GetString()})" : "";
                return new(root.GetProperty("w").GetString()!, root.GetProperty("peer").GetString()!, root.GetProperty("variant").GetString() + disk,
                    root.EnumerateObject().Where(p => p.Value.ValueKind == JsonValueKind.Number).ToDictionary(p => p.Name, p => p.Value.GetDouble()));
            }
            catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException)
            {
                throw new FormatException($"Line {number} is no result: {line}", e);
            }
        }
    }
}
