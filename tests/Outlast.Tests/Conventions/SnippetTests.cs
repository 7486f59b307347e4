using System.Text.RegularExpressions;

namespace Outlast.Tests.Conventions;

/// <summary>Code on a page is code that is compiled: a block below the name of a file stands in that file.</summary>
public sealed partial class SnippetTests
{
    [Fact]
    public void A_block_below_the_name_of_a_file_stands_in_that_file()
    {
        var blocks = Directory.EnumerateFiles(Repository.File("docs"), "*.md").SelectMany(page => Block().Matches(File.ReadAllText(page))).ToList();
        Assert.NotEmpty(blocks);
        Assert.All(blocks, block => Assert.Contains(block.Groups[2].Value, File.ReadAllText(Repository.File(block.Groups[1].Value)), StringComparison.Ordinal));
    }

    [Fact]
    public void The_check_sees_such_a_block() => Assert.Matches(Block(), "<!-- samples/A/B.cs -->\n```csharp\nvar a = 1;\n```");

    [GeneratedRegex("<!-- (samples/\\S+) -->\n```csharp\n(.*?)\n```", RegexOptions.Singleline)]
    private static partial Regex Block();
}
