using System.Text.RegularExpressions;

namespace Outlast.Tests.Conventions;

/// <summary>Code on a page is code that is compiled: a block below the name of a file stands in that file.</summary>
public sealed partial class SnippetTests
{
    public static TheoryData<string, string> Snippets
    {
        get
        {
            var all = new TheoryData<string, string>();
            foreach (var page in Directory.EnumerateFiles(Repository.File("docs"), "*.md").Order(StringComparer.Ordinal))
                foreach (Match block in Block().Matches(File.ReadAllText(page))) all.Add(block.Groups[1].Value, block.Groups[2].Value);
            return all;
        }
    }

    [Theory]
    [MemberData(nameof(Snippets))]
    public void A_block_stands_in_its_file(string file, string code) => Assert.Contains(code, File.ReadAllText(Repository.File(file)), StringComparison.Ordinal);

    [GeneratedRegex("<!-- (samples/\\S+) -->\n```csharp\n(.*?)\n```", RegexOptions.Singleline)]
    private static partial Regex Block();
}
