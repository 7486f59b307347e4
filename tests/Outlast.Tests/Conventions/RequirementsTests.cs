using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;

namespace Outlast.Tests.Conventions;

/// <summary>docs/requirements.md names, row by row, the tests that carry the row's id; nothing else, and nothing less.</summary>
public sealed partial class RequirementsTests
{
    private static readonly string Root = Path.GetFullPath(Path.Combine(Here(), "../../.."));
    private static readonly string Page = Path.Combine(Root, "docs", "requirements.md");

    [Fact]
    public void The_page_names_the_tests_of_every_row()
    {
        var tests = TestsByRow();
        var lines = File.ReadAllLines(Page).Select(line => Row().Match(line) is { Success: true } row ? Rewritten(row, tests) : line).ToList();
        if (Environment.GetEnvironmentVariable("OUTLAST_ACCEPT_REQUIREMENTS") == "1") File.WriteAllLines(Page, lines);
        Assert.Equal(lines, File.ReadAllLines(Page));
    }

    [Fact]
    public void Every_row_that_a_test_carries_is_on_the_page() =>
        Assert.Empty(TestsByRow().Keys.Except(RowsOfThePage().Select(r => r.Id)));

    [Fact]
    public void Every_row_has_a_test_or_says_why_not() =>
        Assert.Empty(RowsOfThePage().Where(r => r.Tests.Length == 0 || r.Tests == "none").Select(r => r.Id));

    private static string Rewritten(Match row, Dictionary<string, SortedSet<string>> tests)
    {
        var id = row.Groups["id"].Value;
        var stated = row.Groups["tests"].Value.Trim();
        // A row without a test says in its own words why.
        var now = tests.TryGetValue(id, out var named) ? string.Join(", ", named) : stated.StartsWith("waived:", StringComparison.Ordinal) ? stated : "none";
        return $"| {id} | {row.Groups["text"].Value.Trim()} | {now} |";
    }

    private static IEnumerable<(string Id, string Tests)> RowsOfThePage() =>
        File.ReadAllLines(Page).Select(line => Row().Match(line)).Where(m => m.Success).Select(m => (m.Groups["id"].Value, m.Groups["tests"].Value.Trim()));

    private static Dictionary<string, SortedSet<string>> TestsByRow()
    {
        var found = new Dictionary<string, SortedSet<string>>(StringComparer.Ordinal);
        foreach (var file in Directory.EnumerateFiles(Path.Combine(Root, "tests"), "*.cs", SearchOption.AllDirectories).Where(f => !f.Contains("/obj/") && !f.Contains("/bin/")))
        {
            var name = Path.GetFileNameWithoutExtension(file);
            var ids = new List<string>();
            foreach (var line in File.ReadLines(file))
            {
                ids.AddRange(Trait().Matches(line).Select(m => m.Groups[1].Value));
                if (ids.Count == 0 || Method().Match(line) is not { Success: true } method) continue;
                foreach (var id in ids) (found.TryGetValue(id, out var tests) ? tests : found[id] = new(StringComparer.Ordinal)).Add($"`{name}.{method.Groups[1].Value}`");
                ids.Clear();
            }
        }
        return found;
    }

    private static string Here([CallerFilePath] string path = "") => Path.GetDirectoryName(path)!;

    [GeneratedRegex(@"^\| (?<id>[A-Z]+\d*-?\d+) \|(?<text>.*?)\|(?<tests>[^|]*)\|$")]
    private static partial Regex Row();

    [GeneratedRegex("""Trait\("Requirement", "([^"]+)"\)""")]
    private static partial Regex Trait();

    [GeneratedRegex(@"^\s*(?:public|internal) (?:sealed |abstract |async |static |override |virtual |partial )*(?:class|[A-Za-z<>\[\], ]+) (\w+)\s*(?:\(|$|:|<)")]
    private static partial Regex Method();
}
