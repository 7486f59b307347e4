using System.Text.RegularExpressions;

namespace Outlast.Tests.Conventions;

/// <summary>docs/lifecycle.md says what the code does. <c>OUTLAST_ACCEPT_DOCS=1</c> writes the tables anew.</summary>
public sealed class LifecyclePageTests
{
    private static readonly string Page = Repository.File("docs", "lifecycle.md");

    public static TheoryData<string> Tables => [.. LifecyclePage.Tables.Keys];

    [Theory]
    [MemberData(nameof(Tables))]
    public void The_page_has_the_table_that_the_code_says(string table)
    {
        var block = new Regex($"(?<=<!-- {table} -->\n).*?(?=\n<!-- /{table} -->)", RegexOptions.Singleline);
        var page = File.ReadAllText(Page);
        Assert.Matches(block, page);
        var said = LifecyclePage.Tables[table]();
        if (Environment.GetEnvironmentVariable("OUTLAST_ACCEPT_DOCS") == "1") File.WriteAllText(Page, page = block.Replace(page, _ => said));
        Assert.Equal(said, block.Match(page).Value);
    }

    [Fact]
    [Trait("Requirement", "S2293-14")]
    public void Every_state_cause_kind_and_event_is_on_the_page()
    {
        var page = File.ReadAllText(Page);
        string[] names = [.. Names.All<TaskState>(), .. Names.All<EndCause>(), .. Names.All<TaskEventType>(), .. Names.All<TaskKind>(), .. Names.All<ActorType>()];
        Assert.All(names, n => Assert.Contains($"`{n}`", page, StringComparison.Ordinal));
    }
}
