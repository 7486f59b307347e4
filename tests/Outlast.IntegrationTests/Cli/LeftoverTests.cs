using Xunit;

namespace Outlast.IntegrationTests.Cli;

public sealed class LeftoverTests
{
    [Fact]
    public async Task What_is_removed_by_force_while_processes_of_it_live_names_them()
    {
        await using var folder = new OutlastFolder();

        var ran = await folder.ShellAsync("""
            outlast run -- sh -c 'sleep 600 >/dev/null 2>&1 & echo $!'
            outlast prune 1; outlast prune 1 --force --json
            """);

        var pid = ran.Lines[0];
        Assert.Contains($"although processes that it left behind are alive: {pid} sleep 600", (string)System.Text.Json.Nodes.JsonNode.Parse(ran.Lines[1])!["reason"]!, StringComparison.Ordinal);
        Assert.Contains($"outlast: task 1 is removed, and process {pid} of it is alive: sleep 600\n", ran.Error, StringComparison.Ordinal);
        RunningProgram.Signal(int.Parse(pid, System.Globalization.CultureInfo.InvariantCulture), "KILL");
    }

    [Fact]
    public async Task What_was_left_behind_is_ended_and_each_process_named()
    {
        await using var folder = new OutlastFolder();

        var ran = await folder.ShellAsync("""
            outlast run -- sh -c 'sleep 600 >/dev/null 2>&1 & exit 0'
            outlast show 1 | grep -c 'sleep 600  (alive)'
            outlast stop 1 --leftovers | cut -f1,3; outlast stop --leftovers 1
            outlast show 1 | grep -c 'sleep 600  (gone)'
            outlast run -d -- sleep 600 >/dev/null; outlast stop 2 --leftovers
            """);

        Assert.Equal("1\nended\tsleep 600\n1\n", ran.Output);
        Assert.Equal(5, ran.Code);
        Assert.Matches("^outlast: nothing that task 1 left behind is alive\noutlast: task 2 has not ended \\((queued|running)\\): what it started is stopped with it by .*stop 2\n$", ran.Error);
    }
}
