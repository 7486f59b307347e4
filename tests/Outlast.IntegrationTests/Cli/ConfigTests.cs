using System.Text.Json.Nodes;
using Xunit;

namespace Outlast.IntegrationTests.Cli;

/// <summary><c>config explain</c> against the real program.</summary>
public sealed class ConfigTests
{
    [Fact]
    [Trait("Requirement", "V-30")]
    [Trait("Requirement", "V-08")]
    public async Task Settings_are_the_running_hosts_own_and_what_a_restart_would_change_is_marked()
    {
        await using var folder = new OutlastFolder();
        Directory.CreateDirectory(folder.Data.Path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        await File.WriteAllTextAsync(folder.Data.Settings, """{ "process.stopGrace": "7s" }""");

        var before = await folder.RunAsync("config", "explain", "--json");
        Assert.Equal(("7s", "outlast.json", null), Of(before, "process.stopGrace"));
        Assert.False(File.Exists(folder.Data.HostFile), "nothing is started for it");

        await folder.RunAsync("ps");
        await File.WriteAllTextAsync(folder.Data.Settings, """{ "process.stopGrace": "9s", "watchdog": { "poll": "2s" } }""");
        var running = await folder.RunAsync("config", "explain", "--json");
        Assert.Equal(("7s", "outlast.json", "9s"), Of(running, "process.stopGrace"));
        Assert.Equal(("5s", "default", "2s"), Of(running, "watchdog.poll"));
        Assert.Equal(("none", "default", null), Of(running, "process.timeout"));

        var one = await folder.TerminalAsync(100, "outlast config explain OUTLAST_PROCESS_STOP_GRACE");
        Assert.Contains("process.stopGrace = 7s", one.Output, StringComparison.Ordinal);
        Assert.Contains("needs restart: outlast.json says 9s; to have it: outlast restart", one.Output, StringComparison.Ordinal);
        Assert.Contains("a duration from 0ms to 1d; default 10s; OUTLAST_PROCESS_STOP_GRACE", one.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_is_broken_is_told_all_at_once_and_the_rest_is_explained()
    {
        await using var folder = new OutlastFolder(("OUTLAST_CONCURRENCY_TOTAL", "many"));
        Directory.CreateDirectory(folder.Data.Path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        await File.WriteAllTextAsync(folder.Data.Settings, """{ "process.timeout": "banana", "process.timeuot": "1h", "watchdog.poll": "3s" }""");

        var explained = await folder.RunAsync("config", "explain");

        Assert.Equal(1, explained.Code);
        foreach (var fault in (string[])["process.timeout (outlast.json): 'banana' is no duration", "'process.timeuot' is no setting", "concurrency.total (OUTLAST_CONCURRENCY_TOTAL): 'many' is no number"])
            Assert.Contains(fault, explained.Error, StringComparison.Ordinal);
        Assert.Contains("watchdog.poll\t3s\toutlast.json", explained.Output, StringComparison.Ordinal);
        Assert.Matches("\nconcurrency.total\t.*\tbroken: concurrency.total \\(OUTLAST_CONCURRENCY_TOTAL\\): 'many' is no number", explained.Output);

        var unknown = await folder.RunAsync("config", "explain", "process.timeuot");
        Assert.Equal((2, ""), (unknown.Code, unknown.Output));
        Assert.Contains("'process.timeuot' is no setting; is it process.timeout", unknown.Error, StringComparison.Ordinal);
    }

    private static (string, string, string?) Of(Finished explained, string key)
    {
        var setting = explained.Lines.Select(l => JsonNode.Parse(l)!).Single(s => (string)s["key"]! == key);
        return ((string)setting["value"]!, (string)setting["from"]!, (string?)setting["coming"]?["value"]);
    }
}
