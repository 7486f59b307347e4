using System.Text.Json.Nodes;
using Xunit;

namespace Outlast.IntegrationTests.Cli;

public sealed class SteeringTests
{
    [Fact]
    public async Task A_retry_behaves_like_the_run_that_it_repeats()
    {
        await using var folder = new OutlastFolder();

        var ran = await folder.ShellAsync("""
            export GREETING=hello
            outlast run -- sh -c 'echo $GREETING; echo error >&2; exit 7'; echo $?
            unset GREETING
            outlast retry 1; echo $?
            id=$(outlast retry -d 2); outlast wait $id; outlast show 3 | grep 'retry of' | grep -c "$(outlast show 2 --json | grep -o '"id":"[^"]*"' | head -1 | cut -d'"' -f4)"
            """);

        Assert.Equal("hello\n7\nhello\n7\n3\tfailed\texit code 7\n1\n", ran.Output);
        Assert.Equal("error\nerror\n", ran.Error);
    }

    [Fact]
    public async Task What_cannot_be_run_again_is_refused_with_what_can_be_done()
    {
        await using var folder = new OutlastFolder();

        var open = await folder.ShellAsync("outlast run -d -- sleep 60 >/dev/null; outlast retry -d 1");
        Assert.Equal(5, open.Code);
        Assert.Matches("^outlast: task 1 has not ended: (queued|running). Wait for its end: .*wait 1\n$", open.Error);
        Assert.Equal(125, (await folder.RunAsync("retry", "1")).Code);
        var piped = await folder.ShellAsync("echo text | outlast run --stdin - -- cat; outlast retry -d 2; echo $?; echo again | outlast retry 2");
        Assert.Equal("text\n2\nagain\n", piped.Output);
        Assert.Contains("leave out -d", piped.Error, StringComparison.Ordinal);
        Assert.Equal(4, (await folder.RunAsync("retry", "-d", "99")).Code);
    }

    [Fact]
    [Trait("Requirement", "U-90")]
    public async Task Ended_tasks_are_removed_by_name_or_by_age_and_nothing_else()
    {
        await using var folder = new OutlastFolder();

        var ran = await folder.ShellAsync("""
            for n in 1 2 3; do outlast run -- sh -c "exit $((n - 1))"; done; outlast run -d -- sleep 600 >/dev/null
            outlast prune 1 4; echo $?
            outlast show 1; echo $?
            outlast prune --ended-before 1h; echo $?
            outlast prune --ended-before 0; echo $?
            outlast prune --ended-before 0 --dry-run --json | wc -l
            outlast prune --ended-before 0 --json 2>/dev/null | wc -l
            outlast prune --ended-before 0 --state completed --yes; echo $?
            outlast ps -a | cut -f1 | tr '\n' ' '
            outlast prune --ended-before 0 --yes --json | wc -l
            outlast ps -a | cut -f1 | tr '\n' ' '
            """);

        Assert.Equal(["1", "removed"], ran.Lines[0].Split('\t'));
        Assert.Equal(["5", "4", "0"], ran.Lines[1..4]);
        Assert.Contains("2\tfailed (1)", ran.Output, StringComparison.Ordinal);
        Assert.Contains("3\tfailed (2)", ran.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("4\trunning", ran.Output, StringComparison.Ordinal);
        Assert.EndsWith("2\n2\n2\n0\nTASK 4 3 2 2\nTASK 4 ", ran.Output, StringComparison.Ordinal);
        Assert.Contains("task 4 has not ended", ran.Error, StringComparison.Ordinal);
        Assert.Contains("nothing was removed: without a terminal to ask on, --yes removes these", ran.Error, StringComparison.Ordinal);
        Assert.Equal(2, (await folder.RunAsync("prune")).Code);
        Assert.Equal(2, (await folder.RunAsync("prune", "2", "--yes")).Code);
        Assert.Equal(2, (await folder.RunAsync("prune", "2", "--dry-run")).Code);
        Assert.Equal(2, (await folder.RunAsync("prune", "2", "--ended-before", "7d")).Code);
        Assert.Equal(2, (await folder.RunAsync("prune", "--ended-before", "0", "--state", "running", "--yes")).Code);
    }

    [Fact]
    public async Task On_a_terminal_it_asks_and_only_yes_removes()
    {
        await using var folder = new OutlastFolder();
        await folder.RunAsync("run", "--", "true");

        var no = await folder.ShellAsync($"export TERM=xterm; printf 'n\\n' | script -qec '{OutlastFolder.Program} prune --ended-before 0' /dev/null");
        Assert.Contains("Remove 1 task and their output for good? [y/N]", no.Output, StringComparison.Ordinal);
        Assert.Contains("nothing was removed", no.Output, StringComparison.Ordinal);
        Assert.Equal("completed", (string)JsonNode.Parse((await folder.RunAsync("show", "1", "--json")).Output)!["state"]!);
        var yes = await folder.ShellAsync($"export TERM=xterm; printf 'y\\n' | script -qec '{OutlastFolder.Program} prune --ended-before 0' /dev/null");
        Assert.Contains("1 task removed", yes.Output, StringComparison.Ordinal);
        Assert.Equal(4, (await folder.RunAsync("show", "1")).Code);
    }
}
