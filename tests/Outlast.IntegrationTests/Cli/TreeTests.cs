using Xunit;

namespace Outlast.IntegrationTests.Cli;

/// <summary>Trees of commands, as somebody at a shell sees them.</summary>
public sealed class TreeTests
{
    [Fact]
    [Trait("Requirement", "C8")]
    [Trait("Requirement", "M-28")]
    [Trait("Requirement", "U-95")]
    [Trait("Requirement", "V-02")]
    [Trait("Requirement", "V-40")]
    [Trait("Requirement", "V-41")]
    public async Task A_stop_takes_the_tree_and_wait_says_of_each_how_it_ended_but_the_detached_goes_on()
    {
        await using var folder = new OutlastFolder();
        var started = await folder.ShellAsync("""
            outlast run -d --name top -- sleep 600 >/dev/null
            outlast run -d --name child --parent 1 -- sleep 601 >/dev/null
            outlast run -d --name grandchild --parent 2 -- sleep 602 >/dev/null
            outlast run -d --name apart --parent 2 --detached -- sleep 603 >/dev/null
            until [ "$(outlast ps | grep -c running)" = 4 ]; do sleep 0.1; done
            outlast stop 1 --reason enough
            outlast wait 1; echo $?
            """);

        Assert.StartsWith("stopping\n1\tstopped\tstopped by user: enough\n130\n", started.Output, StringComparison.Ordinal);
        Assert.Contains("how the tree of task 1 ended:", started.Error, StringComparison.Ordinal);
        Assert.Contains("2  stopped  child  (stopped with its parent: task 1 stopped by user: enough; after ", started.Error, StringComparison.Ordinal);
        Assert.Contains("3  stopped  grandchild  (stopped with its parent: ", started.Error, StringComparison.Ordinal);
        Assert.Contains("4  running  apart  (detached)", started.Error, StringComparison.Ordinal);
        var shown = await folder.ShowAsync("1");
        Assert.Contains("2 tasks below it ended by a stop, nothing of them was left alive", shown["end"]!["evidence"]!.AsArray().Select(e => (string)e!));
        Assert.Equal((1, 3, 2), ((int)shown["below"]!["open"]!, (int)shown["below"]!["ever"]!, (int)shown["below"]!["stopped"]!));
    }

    [Fact]
    [Trait("Requirement", "U-13")]
    public async Task The_policy_of_a_task_says_what_its_end_does_to_its_children()
    {
        await using var folder = new OutlastFolder();
        var ran = await folder.ShellAsync("""
            outlast run --children stop -- sh -c 'outlast run -d -- sleep 600 >/dev/null'; echo $?
            outlast run --children detach -- sh -c 'outlast run -d -- sleep 601 >/dev/null'; echo $?
            outlast tree 1 | tail -1; outlast tree 3 | tail -1
            """.Replace("sh -c 'outlast", $"sh -c '{OutlastFolder.Program}", StringComparison.Ordinal));

        Assert.Equal(["0", "0"], ran.Lines[..2]);
        Assert.Contains("2  stopped  sleep  (stopped with its parent: its parent ended: exit code 0; ", ran.Lines[2], StringComparison.Ordinal);
        Assert.Matches("4  (running|queued)  sleep", ran.Lines[3]);
    }

    [Fact]
    [Trait("Requirement", "V-04")]
    public async Task A_wait_inside_a_task_that_would_never_end_is_refused_with_its_path()
    {
        await using var folder = new OutlastFolder();
        var (program, one) = (OutlastFolder.Program, await folder.ShellAsync($"outlast run -- sh -c '{OutlastFolder.Program} wait $OUTLAST_TASK_ID'"));
        Assert.Equal(5, one.Code);
        Assert.Contains("that wait would never end, for they wait for each other", one.Error, StringComparison.Ordinal);

        var parent = await folder.ShellAsync($"outlast run -- sh -c '{program} run -- {program} wait $OUTLAST_TASK_ID'");
        Assert.Equal(5, parent.Code);

        // With one place only: who waits lends its own.
        await using var narrow = new OutlastFolder(("OUTLAST_CONCURRENCY_PROCESSES", "1"));
        var lent = await narrow.ShellAsync($"outlast run -- sh -c 'id=$({program} run -d --parent none -- sh -c \"exit 7\"); {program} wait $id'");
        Assert.Equal(7, lent.Code);
    }

    [Fact]
    [Trait("Requirement", "M-32")]
    public async Task Limits_and_budgets_are_refused_with_name_and_value()
    {
        await using var folder = new OutlastFolder(("OUTLAST_TREE_DEPTH", "1"));
        await folder.RunAsync("run", "-d", "--budget", "tasks=1,wall=2h,output=1MiB", "--", "sleep", "600");
        await folder.RunAsync("run", "-d", "--parent", "1", "--", "sleep", "600");

        var deep = await folder.RunAsync("run", "-d", "--parent", "2", "--", "true");
        Assert.Equal(125, deep.Code);
        Assert.Contains("task 2 can start no child: it would be at depth 2, and tree.depth is 1. To start it without a parent: --parent none", deep.Error, StringComparison.Ordinal);
        var many = await folder.RunAsync("run", "-d", "--parent", "1", "--", "true");
        Assert.Contains("no more tasks can be below task 1: 1 were submitted, and its budget (budget.tasks) is 1", many.Error, StringComparison.Ordinal);
        Assert.Equal(7_200_000, (int)(await folder.ShowAsync("1"))["spec"]!["budget"]!["wallMs"]!);

        foreach (var (given, said) in new[]
        {
            ("wall=banana", "--budget 'banana' is no duration"), ("tasks=x", "--budget tasks='x' is no whole number"), ("tokens=5", "--budget 'tokens' is nothing that is counted"), ("wall", "--budget 'wall' is no NAME=VALUE"),
        })
        {
            var refused = await folder.RunAsync("run", "-d", "--budget", given, "--", "true");
            Assert.Equal((2, true), (refused.Code, refused.Error.Contains(said, StringComparison.Ordinal)));
        }
        Assert.Contains("here is no parent", (await folder.RunAsync("run", "-d", "--detached", "--", "true")).Error, StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Requirement", "M-32")]
    public async Task What_a_tree_prints_together_ends_it_when_its_budget_is_used_up()
    {
        await using var folder = new OutlastFolder(("OUTLAST_WATCHDOG_POLL", "200ms"));
        var ran = await folder.ShellAsync($"outlast run --budget output=64KiB -- sh -c '{OutlastFolder.Program} run -d -- sh -c \"head -c 50000 /dev/zero; sleep 600\" >/dev/null; head -c 30000 /dev/zero; sleep 600' >/dev/null; echo $?");

        Assert.Equal("143\n", ran.Output);
        var end = (await folder.ShowAsync("1"))["end"]!;
        Assert.Equal(("failed", "budget", 80_000, 65_536), ((string)end["state"]!, (string)end["cause"]!, (int)end["measured"]!["outputBytes"]!, (int)end["measured"]!["limitBytes"]!));
        Assert.Equal("parent", (string)(await folder.ShowAsync("2"))["end"]!["cause"]!);
        Assert.Equal(30_000, (int)(await folder.ShowAsync("1"))["output"]!["bytes"]!);
    }
}
