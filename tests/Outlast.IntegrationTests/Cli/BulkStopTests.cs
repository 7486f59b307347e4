using System.Text.Json.Nodes;
using Outlast.TestKit;
using Xunit;

namespace Outlast.IntegrationTests.Cli;

/// <summary><c>stop</c> with filters against the real program.</summary>
public sealed class BulkStopTests
{
    [Fact]
    public async Task What_was_shown_is_stopped_and_nothing_else_and_never_without_a_yes()
    {
        await using var folder = new OutlastFolder();
        await folder.RunAsync("run", "-d", "--session", "a", "--label", "colour=red", "--", "sleep", "301");
        await folder.RunAsync("run", "-d", "--session", "a", "--label", "colour=blue", "--", "sleep", "302");
        await folder.RunAsync("run", "-d", "--session", "b", "--label", "colour=red", "--", "sh", "-c", $"{OutlastFolder.Program} run -d --name child -- sleep 304; sleep 303");
        await Eventually.TrueAsync(async () => (await folder.RunAsync("ps", "--json")).Lines.Count(l => l.Contains("\"running\"", StringComparison.Ordinal)) == 4, "all run");

        var dry = await folder.RunAsync("stop", "--label", "colour=red", "--dry-run");
        Assert.Equal(0, dry.Code);
        Assert.Equal(["TASK\tSTATE\tBELOW", "1\trunning\t-", "3\trunning\t1"], dry.Lines.Select(l => string.Join('\t', l.Split('\t')[..3])));

        var unsure = await folder.RunAsync("stop", "--label", "colour=red", "--session", "a");
        Assert.Equal(2, unsure.Code);
        Assert.Contains("1\trunning", unsure.Output, StringComparison.Ordinal);
        Assert.Contains("--yes", unsure.Error, StringComparison.Ordinal);

        using (var asked = Terminal(folder, "stop --session b"))
        {
            await asked.SeeAsync("Stop these 2 tasks? [y/N]");
            await asked.TypeAsync("n\n");
            Assert.Contains("nothing was stopped", (await asked.EndAsync()).Output, StringComparison.Ordinal);
        }
        Assert.All(await StatesAsync(folder), state => Assert.Equal("running", state));

        await folder.RunAsync("run", "-d", "--session", "c", "--", "sh", "-c", "until [ -e \"$OUTLAST_DATA/go\" ]; do sleep 0.02; done");
        using (var asked = Terminal(folder, "stop --session c"))
        {
            await asked.SeeAsync("[y/N]");
            // What ends by itself while somebody thinks is no failure.
            await File.WriteAllTextAsync(Path.Combine(folder.Data.Path, "go"), "");
            await folder.RunAsync("wait", "5");
            await asked.TypeAsync("y\n");
            var ended = await asked.EndAsync();
            Assert.Equal(0, ended.Code);
            Assert.Contains("task 5 has ended already: completed", ended.Output, StringComparison.Ordinal);
        }
        await folder.RunAsync("prune", "5");

        using (var asked = Terminal(folder, "stop --session b --reason enough"))
        {
            await asked.SeeAsync("[y/N]");
            await asked.TypeAsync("y\n");
            Assert.Equal(0, (await asked.EndAsync()).Code);
        }
        await folder.RunAsync("wait", "3", "4");
        Assert.Equal(["running", "running", "stopped", "stopped"], await StatesAsync(folder));
        Assert.Equal("enough", (string)(await folder.ShowAsync("3"))["stop"]!["reason"]!);

        var sure = await folder.RunAsync("stop", "--query", "SLEEP 30", "--state", "running", "--yes", "--now");
        Assert.Equal((0, 2), (sure.Code, sure.Lines.Length));
        await folder.RunAsync("wait", "1", "2");
        Assert.Equal(["stopped", "stopped", "stopped", "stopped"], await StatesAsync(folder));

        var none = await folder.RunAsync("stop", "--all", "--yes", "--json");
        Assert.Equal((0, ""), (none.Code, none.Output));
        Assert.Contains("no open task fits", none.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("stop", "needs to know which")]
    [InlineData("stop 1 --session s", "exclude each other")]
    [InlineData("stop 1 --all", "exclude each other")]
    [InlineData("stop 1 --dry-run", "go with filters")]
    [InlineData("stop 1 --yes", "go with filters")]
    [InlineData("stop --all --session s1", "leave one of them out")]
    [InlineData("stop --all --leftovers", "--leftovers goes with IDs")]
    [InlineData("stop --state failed --yes", "has ended")]
    [InlineData("stop --state nonsense --yes", "--state")]
    public async Task What_makes_no_sense_is_refused(string line, string complaint)
    {
        await using var folder = new OutlastFolder();
        var refused = await folder.RunAsync(line.Split(' '));
        Assert.Equal((2, ""), (refused.Code, refused.Output));
        Assert.Contains(complaint, refused.Error, StringComparison.Ordinal);
    }

    private static RunningProgram Terminal(OutlastFolder folder, string arguments) => folder.Start("/usr/bin/script", "-qec", $"TERM=xterm {OutlastFolder.Program} {arguments}", "/dev/null");

    private static async Task<string[]> StatesAsync(OutlastFolder folder) =>
        [.. (await folder.RunAsync("ps", "-a", "--json")).Lines.Select(l => JsonNode.Parse(l)!).OrderBy(t => (long)t["number"]!).Select(t => (string)t["state"]!)];
}
