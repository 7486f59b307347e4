using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Outlast.TestKit;
using Xunit;

namespace Outlast.IntegrationTests.Cli;

public sealed partial class ListingTests
{
    [Fact]
    [Trait("Requirement", "A22")]
    public async Task A_task_is_named_by_its_id_its_number_or_an_end_of_its_id_and_by_nothing_else()
    {
        await using var folder = new OutlastFolder();
        var id = (await folder.RunAsync("run", "-d", "--", "true")).Output.Trim();
        Assert.Equal(0, (await folder.RunAsync("wait", id)).Code);

        foreach (var name in (string[])[id, id.ToUpperInvariant(), "1", id[^4..], id[^12..]])
        {
            var shown = await folder.RunAsync("show", name, "--json");
            if (name.All(char.IsAsciiDigit) && name != "1") continue;
            Assert.Equal((0, id), (shown.Code, (string)JsonNode.Parse(shown.Output)!["id"]!));
        }
        Assert.Equal(4, (await folder.RunAsync("show", "99")).Code);
        Assert.Equal(4, (await folder.RunAsync("wait", TaskId.New(DateTimeOffset.UtcNow).ToString())).Code);
        Assert.Equal(4, (await folder.RunAsync("logs", "zzzzzzzz")).Code);
        Assert.Equal(4, (await folder.RunAsync("show", "../../etc")).Code);
        Assert.Equal(2, (await folder.RunAsync("show", "abc")).Code);
        var unknown = await folder.RunAsync("show", "99");
        Assert.Equal("", unknown.Output);
        Assert.StartsWith("outlast: ", unknown.Error, StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Requirement", "V-22")]
    [Trait("Requirement", "V-61")]
    public async Task One_list_shows_all_that_runs_and_a_stop_of_it_leaves_nothing()
    {
        await using var folder = new OutlastFolder();
        await folder.RunAsync("run", "-d", "--session", "s1", "--label", "repo=x", "--", "sleep", "60");
        await folder.RunAsync("run", "-d", "--session", "s2", "--", "sleep", "60");
        await folder.RunAsync("run", "--", "true");

        var open = (await folder.RunAsync("ps", "--json")).Lines.Select(l => JsonNode.Parse(l)!).ToList();
        Assert.Equal([2L, 1L], open.Select(t => (long)t["number"]!));
        Assert.Equal(3, (await folder.RunAsync("ps", "-a", "--json")).Lines.Length);
        Assert.Equal(1, (long)JsonNode.Parse((await folder.RunAsync("ps", "--session", "s1", "--json")).Output)!["number"]!);
        Assert.Equal(1, (long)JsonNode.Parse((await folder.RunAsync("ps", "--label", "repo=x", "--json")).Output)!["number"]!);
        Assert.Equal(3, (long)JsonNode.Parse((await folder.RunAsync("ps", "--state", "completed", "--json")).Output)!["number"]!);
        var wrong = await folder.RunAsync("ps", "--state", "nosuchstate");
        Assert.Equal(2, wrong.Code);
        Assert.Contains("--state", wrong.Error, StringComparison.Ordinal);

        Assert.Equal(0, (await folder.RunAsync(["stop", .. open.Select(t => (string)t["id"]!)])).Code);
        Assert.Equal(1, (await folder.RunAsync(["wait", .. open.Select(t => (string)t["id"]!)])).Code);
        Assert.Empty((await folder.RunAsync("ps", "--json")).Lines);
    }

    [Fact]
    public async Task Stop_prints_the_state_goes_on_after_a_failure_and_ends_with_the_worst_code()
    {
        await using var folder = new OutlastFolder();
        await folder.RunAsync("run", "-d", "--", "sh", "-c", "trap '' TERM; while :; do sleep 0.1; done");
        await folder.RunAsync("run", "--", "true");
        await folder.RunAsync("run", "-d", "--", "sleep", "60");

        Assert.Equal((0, "stopping\n"), await folder.RunAsync("stop", "1") is var one ? (one.Code, one.Output) : default);
        var ended = await folder.RunAsync("stop", "2");
        Assert.Equal(5, ended.Code);
        Assert.Contains("completed", ended.Error, StringComparison.Ordinal);
        var several = await folder.RunAsync("stop", "2", "99", "3");
        Assert.Equal(5, several.Code);
        Assert.StartsWith("3\tstopp", several.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Wait_of_one_of_several_of_any_and_not_for_ever()
    {
        await using var folder = new OutlastFolder();
        await folder.RunAsync("run", "-d", "--", "sleep", "60");
        await folder.RunAsync("run", "-d", "--", "sh", "-c", "exit 7");
        await folder.RunAsync("run", "-d", "--", "true");

        Assert.Equal(7, (await folder.RunAsync("wait", "2")).Code);
        Assert.Equal(1, (await folder.RunAsync("wait", "2", "3")).Code);
        Assert.Equal(0, (await folder.RunAsync("wait", "3", "3")).Code);
        Assert.Equal(7, (await folder.RunAsync("wait", "--any", "1", "2")).Code);
        var over = await folder.RunAsync("wait", "1", "--timeout", "200ms");
        Assert.Equal(124, over.Code);
        Assert.Equal("running", (string)(await folder.ShowAsync("1"))["state"]!);
    }

    [Fact]
    public async Task A_limit_is_moved_while_the_task_runs()
    {
        await using var folder = new OutlastFolder();
        await folder.RunAsync("run", "-d", "--timeout", "10m", "--", "sleep", "60");

        var extended = await folder.RunAsync("extend", "1", "--timeout", "+30m", "--idle", "1h", "--json");

        Assert.Equal(0, extended.Code);
        Assert.Equal(40 * 60_000, (long)JsonNode.Parse(extended.Output)!["limits"]!["timeoutMs"]!);
        Assert.Equal(2, (await folder.RunAsync("extend", "1")).Code);
        var wrong = await folder.RunAsync("extend", "1", "--idle", "banana");
        Assert.Equal(2, wrong.Code);
        Assert.Contains("--idle 'banana'", wrong.Error, StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Requirement", "U-64")]
    public async Task Logs_are_raw_in_a_pipe_and_cleaned_on_a_terminal_unless_asked()
    {
        await using var folder = new OutlastFolder();
        await folder.RunAsync("run", "-d", "--", "sh", "-c", "printf '\\033[31mred\\033[0m\\033]0;title\\007\\n'; for i in 1 2 3; do echo $i; done; exit 1");
        await folder.RunAsync("wait", "1");

        Assert.Equal("\e[31mred\e[0m\e]0;title\a\n1\n2\n3\n", (await folder.RunAsync("logs", "1")).Output);
        Assert.Equal("red\r\n1\r\n2\r\n3\r\n", (await folder.TerminalAsync(80, "outlast logs 1")).Output);
        Assert.Contains("\e[31mred", (await folder.TerminalAsync(80, "outlast logs 1 --raw")).Output, StringComparison.Ordinal);
        Assert.Equal("2\n3\n", (await folder.RunAsync("logs", "1", "--tail", "2")).Output);
        Assert.Equal("3\n", (await folder.RunAsync("logs", "1", "-f", "--tail", "1")).Output);
        Assert.Equal("2\n3\n", (await folder.RunAsync("logs", "1", "--since-offset", "25")).Output);
        Assert.Equal(2, (await folder.RunAsync("logs", "1", "--since-offset", "9999")).Code);
        var piece = JsonNode.Parse((await folder.RunAsync("logs", "1", "--json", "--tail", "1")).Output)!;
        Assert.Equal(("stdout", 27L, "3\n"), ((string)piece["stream"]!, (long)piece["offset"]!, (string)piece["text"]!));
    }

    [Fact]
    public async Task A_follower_of_logs_and_of_events_ends_with_the_task()
    {
        await using var folder = new OutlastFolder();
        await folder.RunAsync("run", "-d", "--stderr", "separate", "--", "sh", "-c", "echo out; echo err >&2; while [ ! -e " + folder.File("go") + " ]; do sleep 0.05; done; echo end; exit 4");
        using var logs = folder.Start(OutlastFolder.Program, "logs", "-f", "1");
        using var events = folder.Start(OutlastFolder.Program, "events", "-f", "1", "--json");
        await logs.SeeAsync("out\n");
        await events.SeeAsync("task.started");

        await File.WriteAllTextAsync(folder.File("go"), "");

        var (printed, told) = (await logs.EndAsync(), await events.EndAsync());
        Assert.Equal((0, "out\nend\n", "err\n"), (printed.Code, printed.Output, printed.Error));
        Assert.Equal(["task.submitted", "task.started", "task.ended"], told.Lines.Select(l => (string)JsonNode.Parse(l)!["type"]!));
    }

    [Fact]
    [Trait("Requirement", "V-18")]
    public async Task Printed_follow_up_commands_work_as_printed()
    {
        await using var folder = new OutlastFolder();
        await folder.RunAsync("run", "--", "sh", "-c", "echo printed; exit 3");
        await folder.RunAsync("run", "-d", "--stop-grace", "10m", "--", "sh", "-c", "trap '' TERM; echo started; while :; do sleep 0.1; done");
        var commands = new List<string>();

        foreach (var name in (string[])["1", "2"]) commands.AddRange(FollowUps((await folder.RunAsync("show", name)).Output));
        await folder.RunAsync("stop", "2");
        commands.AddRange(FollowUps((await folder.RunAsync("show", "2")).Output));
        commands.AddRange(FollowUps((await folder.RunAsync("show", "99")).Error));

        Assert.True(commands.Count >= 8, string.Join('\n', commands));
        // Those that wait first, those that stop last, the hard stop at the very end: each while its task is as it was when it was printed.
        foreach (var command in commands.OrderBy(c => c.Contains("--now", StringComparison.Ordinal) ? 3 : c.Contains(" stop", StringComparison.Ordinal) ? 2 : 1))
        {
            if (command.Contains(" wait ", StringComparison.Ordinal) || command.Contains("logs -f", StringComparison.Ordinal)) Assert.Equal(124, (await folder.ShellAsync($"timeout 1 {command.Replace("outlast", OutlastFolder.Program, StringComparison.Ordinal)}")).Code);
            else Assert.Equal((0, ""), await folder.ShellAsync(command) is var ran ? (ran.Code, ran.Error) : default);
        }
    }

    [Fact]
    public async Task What_is_no_terminal_gets_no_control_characters_and_json_alone_on_standard_output()
    {
        await using var folder = new OutlastFolder();
        await folder.RunAsync("run", "--", "sh", "-c", "exit 3", "evil\e[2J\e]0;title\a");

        foreach (var line in (string[])["ps -a", "show 1", "tree 1", "events", "doctor", "version"])
        {
            var plain = await folder.RunAsync(line.Split(' '));
            Assert.Equal((line, 0, ""), (line, plain.Code, plain.Error));
            Assert.DoesNotContain(plain.Output, c => char.IsControl(c) && c is not ('\n' or '\t'));
            var json = await folder.RunAsync([.. line.Split(' '), "--json"]);
            Assert.All(json.Lines, l => Assert.NotNull(JsonNode.Parse(l)));
            Assert.NotEmpty(json.Lines);
            Assert.Equal("", json.Error);
        }
    }

    [Theory]
    [InlineData(40)]
    [InlineData(80)]
    [InlineData(200)]
    public async Task On_a_terminal_tables_fit_and_are_coloured_unless_colour_is_unwanted(int columns)
    {
        await using var folder = new OutlastFolder();
        await folder.RunAsync("run", "--name", "a-rather-long-name-for-a-task", "--", "sh", "-c", "exit 3 # " + new string('x', 250));

        var inked = await folder.TerminalAsync(columns, "outlast ps -a");
        var plain = await folder.TerminalAsync(columns, "NO_COLOR=1 outlast ps -a");
        var dumb = await folder.TerminalAsync(columns, "TERM=dumb outlast ps -a");

        Assert.Contains("\e[31mfailed (3)", inked.Output, StringComparison.Ordinal);
        Assert.DoesNotContain('\e', plain.Output);
        Assert.DoesNotContain('\e', dumb.Output);
        Assert.Equal(Age().Replace(plain.Output, ""), Age().Replace(ControlSequence().Replace(inked.Output, ""), ""));
        Assert.All(plain.Lines, line => Assert.InRange(line.TrimEnd('\r').Length, 1, columns));
    }

    private static IEnumerable<string> FollowUps(string text) => FollowUp().Matches(text).Select(m => m.Value.Trim());

    [GeneratedRegex("\\boutlast [a-z][^#\n]*")]
    private static partial Regex FollowUp();

    /// <summary>Time goes by between two looks.</summary>
    [GeneratedRegex(" +[0-9]+s ")]
    private static partial Regex Age();

    [GeneratedRegex("\e\\[[0-9;]*m")]
    private static partial Regex ControlSequence();
}
