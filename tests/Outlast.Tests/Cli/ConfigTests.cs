using Outlast.Cli;
using Outlast.Cli.Serving;
using Outlast.Client;
using Outlast.Hosting;

namespace Outlast.Tests.Cli;

public sealed class ConfigTests
{
    private const string Key = "process.idleTimeout", Variable = "OUTLAST_PROCESS_IDLE_TIMEOUT";

    [Fact]
    public void Without_a_host_it_says_what_one_would_have()
    {
        var setting = Explain(null, """{ "process.idleTimeout": "2h" }""", (Variable, "3h"));

        Assert.Equal(("3h", Variable, "none", Variable), (setting.Value, setting.From, setting.Default, setting.Variable));
        Assert.Null(setting.Coming);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("1h")]
    public void What_is_broken_is_said_where_it_is(string? running)
    {
        var setting = Explain(running is null ? null : new(Key, running, "default"), """{ "process.timeout": "banana" }""", (Variable, "soon"));

        Assert.StartsWith($"{Key} ({Variable}): 'soon' is no duration", setting.Broken, StringComparison.Ordinal);
        Assert.Null(Explain(null, """{ "process.timeout": "banana" }""").Broken);
    }

    [Theory]
    [Trait("Requirement", "V-08")]
    // What the host has, whence; the file; this shell; what is coming, and whether a restart brings it.
    [InlineData("none", "default", null, null, null, false)]
    [InlineData("none", "default", "2h", null, "2h", true)]
    [InlineData("2h", "outlast.json", "2h", null, null, false)]
    [InlineData("2h", "outlast.json", null, null, "none", true)]
    [InlineData("1h", Variable, "2h", null, null, false)]
    [InlineData("1h", Variable, "2h", "1h", null, false)]
    [InlineData("1h", Variable, "2h", "3h", "3h", false)]
    [InlineData("2h", "outlast.json", "2h", "3h", "3h", false)]
    [InlineData("2h", "outlast.json", "5h", "2h", null, false)]
    public void What_differs_from_the_running_host_is_marked_with_what_brings_it(string value, string from, string? file, string? shell, string? coming, bool byRestart)
    {
        var setting = Explain(new(Key, value, from), file is null ? null : $$"""{ "process.idleTimeout": "{{file}}" }""", shell is null ? [] : [(Variable, shell)]);

        Assert.Equal((value, from), (setting.Value, setting.From));
        Assert.Equal(coming, setting.Coming?.Value);
        if (coming is not null) Assert.Equal(byRestart, setting.Coming!.ByRestart);
    }

    [Fact]
    public void A_setting_that_an_older_host_does_not_know_is_said_to_be_so() =>
        Assert.Equal("unknown to the running host", Explain(new("other", "1", "default"), null).Value);

    [Theory]
    [InlineData("process.idletimeout", "process.idleTimeout")]
    [InlineData("idleTimeout", "host.idleTimeout")]
    [InlineData("concurency.processes", "concurrency.processes")]
    [InlineData("retention.task", "retention.tasks")]
    [InlineData("banana", null)]
    public void Near_names_are_found(string name, string? nearest) =>
        Assert.Equal(nearest, NearestNames.Of(name, OutlastSettings.Load(null, _ => null).All.Select(s => s.Key)) is [var first, ..] ? first : null);

    private static ExplainedSetting Explain(SettingView? running, string? file, params (string Name, string Value)[] shell)
    {
        var (local, errors) = OutlastSettings.Examine(file, name => shell.Where(s => s.Name == name).Select(s => s.Value).SingleOrDefault());
        var (alone, _) = OutlastSettings.Examine(file, _ => null);
        return ExplainedSetting.Of(running is null ? null : [running], local, alone, errors).Single(s => s.Key == Key);
    }
}
