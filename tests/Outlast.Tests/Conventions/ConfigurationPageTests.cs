using System.Text.RegularExpressions;
using Outlast.Hosting;

namespace Outlast.Tests.Conventions;

/// <summary>docs/configuration.md says what the code reads. <c>OUTLAST_ACCEPT_DOCS=1</c> writes its table anew.</summary>
public sealed partial class ConfigurationPageTests
{
    [Fact]
    [Trait("Requirement", "V-30")]
    [Trait("Requirement", "U-94")]
    public void The_page_has_every_setting_as_the_code_reads_it()
    {
        var file = Repository.File("docs", "configuration.md");
        var page = File.ReadAllText(file);
        var said = Table();
        Assert.Matches(Block(), page);
        if (Environment.GetEnvironmentVariable("OUTLAST_ACCEPT_DOCS") == "1") File.WriteAllText(file, page = Block().Replace(page, _ => said));
        Assert.Equal(said, Block().Match(page).Value);
    }

    [Fact]
    [Trait("Requirement", "U-94")]
    public void Every_setting_says_what_it_does_and_what_it_may_be_and_has_its_unit()
    {
        Assert.All(OutlastSettings.Load(null, _ => null).Descriptions, setting =>
        {
            Assert.Matches("^[A-Z][^.]{20,}[^.]$", setting.About);
            Assert.DoesNotContain("default", setting.About, StringComparison.OrdinalIgnoreCase);
            Assert.NotEmpty(setting.Default);
            // A value has its unit in itself; a bare number only where it counts things.
            if (setting.Range.StartsWith("a duration", StringComparison.Ordinal)) Assert.Matches(@"^(none|\d.*[smhd])$", setting.Default);
        });
    }

    [Fact]
    public void Every_value_has_its_description_in_the_same_place()
    {
        var settings = OutlastSettings.Load(null, _ => null);
        Assert.Equal(settings.All.Select(s => s.Key), settings.Descriptions.Select(s => s.Key));
    }

    private static string Table() => string.Join('\n',
        ["| Setting | Default | May be | Does | Environment |", "|---|---|---|---|---|", .. OutlastSettings.Load(null, _ => null).Descriptions.Select(s => $"| `{s.Key}` | {s.Default} | {s.Range} | {s.About} | `{s.Variable}` |")]);

    [GeneratedRegex("(?<=<!-- settings -->\n).*?(?=\n<!-- /settings -->)", RegexOptions.Singleline)]
    private static partial Regex Block();
}
