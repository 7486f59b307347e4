using Outlast.Hosting;

namespace Outlast.Tests.Supervision;

public sealed class SettingsTests
{
    [Fact]
    [Trait("Requirement", "B11")]
    [Trait("Requirement", "U-22")]
    public void The_environment_wins_over_the_file_and_each_value_says_where_it_was_set()
    {
        var settings = Load("""{ "process": { "idleTimeout": "1h", "stopGrace": "3s" }, "watchdog.poll": "2s" }""", ("OUTLAST_PROCESS_IDLE_TIMEOUT", "2h"));
        Assert.Equal(TimeSpan.FromHours(2), settings.Defaults.ProcessIdleTimeout);
        Assert.Equal(TimeSpan.FromSeconds(2), settings.Watchdog.Poll);
        Assert.Equal(("2h", "OUTLAST_PROCESS_IDLE_TIMEOUT"), settings.All.Where(s => s.Key == "process.idleTimeout").Select(s => (s.Value, s.From)).Single());
        Assert.Equal(("3s", "outlast.json"), settings.All.Where(s => s.Key == "process.stopGrace").Select(s => (s.Value, s.From)).Single());
        Assert.Equal(("none", "default"), settings.All.Where(s => s.Key == "process.timeout").Select(s => (s.Value, s.From)).Single());
    }

    [Fact]
    [Trait("Requirement", "B4")]
    public void None_and_nought_lift_a_limit()
    {
        Assert.Null(Load("""{ "process.idleWarning": "none" }""").Defaults.ProcessIdleWarning);
        Assert.Null(Load(null, ("OUTLAST_PROCESS_TIMEOUT", "0")).Defaults.ProcessTimeout);
    }

    [Fact]
    [Trait("Requirement", "B19")]
    [Trait("Requirement", "S2293-10")]
    public void Two_that_quarrel_are_both_named_and_a_default_gives_way()
    {
        var quarrel = Assert.Throws<SettingsException>(() => Load("""{ "process": { "idleWarning": "2h", "idleTimeout": "1h", "timeout": "30m" } }"""));
        Assert.Contains(quarrel.Errors, e => e.Contains("process.idleWarning = 2h") && e.Contains("process.idleTimeout = 1h") && e.Contains("outlast.json"));
        Assert.Contains(quarrel.Errors, e => e.Contains("process.idleTimeout = 1h") && e.Contains("process.timeout = 30m"));
        Assert.Equal(TimeSpan.FromMinutes(10), Load("""{ "process.idleTimeout": "10m" }""").Defaults.ProcessIdleTimeout);
        Assert.Throws<SettingsException>(() => Load("""{ "retention.tasks": "2d", "retention.tombstones": "1d" }"""));
        Assert.Equal(TimeSpan.FromDays(400), Load("""{ "retention.tasks": "400d" }""").Pruner.Tasks);
    }

    [Theory]
    [InlineData("""{ "process.timeout": "banana" }""", "'banana' is no duration")]
    [InlineData("""{ "concurrency": { "processes": 0 } }""", "'0' is no number from 1")]
    [InlineData("""{ "concurrency": { "procs": 4 } }""", "'concurrency.procs' is no setting")]
    [InlineData("""{ "watchdog.poll": "0" }""", "watchdog.poll")]
    [InlineData("[1]", "expected an object")]
    [InlineData("{", "no JSON")]
    [Trait("Requirement", "B11")]
    public void What_cannot_be_is_refused_by_name(string json, string complaint) =>
        Assert.Contains(Assert.Throws<SettingsException>(() => Load(json)).Errors, e => e.Contains(complaint));

    [Fact]
    [Trait("Requirement", "U-84")]
    public void Limits_of_keys_are_read_from_the_file_and_from_the_environment()
    {
        const string expected = "session:*=5, session:a=b, c=1, label:gpu=1, label:repo=*=2";
        var file = Load("""{ "concurrency": { "limits": { "session:*": 5, "session:a=b, c": 1, "label:gpu": 1, "label:repo=*": 2 } } }""");
        Assert.Equal(expected, string.Join(", ", file.Dispatcher.Limits));
        Assert.Equal(("session a=b, c", 1), (file.Dispatcher.Limits[1].Key.ToString(), file.Dispatcher.Limits[1].Max));
        var environment = Load("""{ "concurrency.limits": { "session:*": 1 } }""", ("OUTLAST_CONCURRENCY_LIMITS", "session:*=5, label:gpu=1,label:repo=*=2"));
        Assert.Equal("session:*=5, label:gpu=1, label:repo=*=2", environment.All.Single(s => s.Key == "concurrency.limits").Value);
        Assert.Empty(Load(null).Dispatcher.Limits);
        Assert.Equal((256, 12), (Load(null).Dispatcher.Handlers, Load("""{ "concurrency.handlers": 12 }""").Dispatcher.Handlers));
    }

    [Theory]
    [InlineData("""{ "concurrency.limits": { "sessions:*": 5 } }""", "concurrency.limits (outlast.json): 'sessions:*' is no key")]
    [InlineData("""{ "concurrency.limits": { "session:*": "five" } }""", "'session:*' allows \"five\"")]
    [InlineData("""{ "concurrency.limits": { "session:*": 0 } }""", "'session:*' allows 0")]
    [InlineData("""{ "concurrency.limits": { "kind:process": 2 } }""", "is set by concurrency.processes")]
    [InlineData("""{ "concurrency.limits": "session:*" }""", "'session:*' is no limit")]
    [InlineData("""{ "concurrency.limits": "session:a=1,session:a=2" }""", "'session:a' is given twice")]
    [InlineData("""{ "concurrency.limits": "session:a=1," }""", "'' is no limit")]
    public void A_limit_that_cannot_be_is_refused_by_name(string json, string complaint) =>
        Assert.Contains(Assert.Throws<SettingsException>(() => Load(json)).Errors, e => e.Contains(complaint));

    private static OutlastSettings Load(string? json, params (string Name, string Value)[] environment) =>
        OutlastSettings.Load(json, name => environment.Where(e => e.Name == name).Select(e => e.Value).SingleOrDefault());
}
