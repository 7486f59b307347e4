using System.Text.Json.Nodes;
using Outlast.TestKit;
using Xunit;

namespace Outlast.IntegrationTests.Cli;

public sealed class RunTests
{
    [Theory]
    [InlineData("run -- true", 0)]
    [InlineData("run -- sh -c 'exit 7'", 7)]
    [InlineData("run -- sh -c 'kill -9 $$'", 137)]
    [InlineData("run --timeout 300ms -- sleep 60", 124)]
    [InlineData("run -- no-such-program", 125)]
    [InlineData("run --cwd /no/such/folder -- true", 125)]
    [InlineData("run --output-cap 1KiB --output-policy stop -- sh -c 'trap \"\" TERM; yes | head -c 100000; sleep 60'", 143)]
    [InlineData("run", 2)]
    [InlineData("run true", 2)]
    [InlineData("run --timeout banana -- true", 2)]
    [InlineData("run --env novalue -- true", 2)]
    [InlineData("run --parent 99 -- true", 125)]
    public async Task The_exit_code_is_the_commands_or_says_why_there_is_none(string line, int code)
    {
        await using var folder = new OutlastFolder();

        var ran = await folder.ShellAsync($"outlast {line}");

        if (code == 143) Assert.InRange(ran.Code, 1, 255);
        else Assert.Equal(code, ran.Code);
        Assert.Equal("", code == 143 ? "" : ran.Output);
        if (code is 2 or 124 or 125 or 143) Assert.StartsWith("outlast: ", ran.Error, StringComparison.Ordinal);
        else Assert.Equal("", ran.Error);
    }

    [Fact]
    public async Task In_the_foreground_every_attempt_is_shown_however_fast_they_come()
    {
        await using var folder = new OutlastFolder(("OUTLAST_SESSION", "me"));

        var ran = await folder.RunAsync("run", "--group", "g", "--retry", "4", "--retry-backoff", "0s", "--", "sh", "-c", "echo $OUTLAST_ATTEMPT; exit 3");

        Assert.Equal((3, "1\n2\n3\n4\n5\n"), (ran.Code, ran.Output));
        Assert.Contains("attempt 5 begins", ran.Error, StringComparison.Ordinal);
        // The session that the one verb takes from where it is called, the other takes too.
        Assert.Equal(1, (await folder.RunAsync("wait", "--group", "g")).Code);
    }

    [Fact]
    public async Task A_usage_error_names_the_option_as_typed()
    {
        await using var folder = new OutlastFolder();

        var ran = await folder.RunAsync("run", "--idle-timeout", "banana", "--output-cap", "much", "--", "true");

        Assert.Equal(2, ran.Code);
        Assert.Contains("outlast: --idle-timeout 'banana'", ran.Error, StringComparison.Ordinal);
        Assert.Contains("outlast: --output-cap 'much'", ran.Error, StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Requirement", "U-102")]
    public async Task Detached_the_id_alone_is_printed_at_once_although_the_host_has_just_been_started()
    {
        await using var folder = new OutlastFolder();

        var ran = await folder.ShellAsync("id=$(outlast run -d -- sleep 60); printf '%s' \"$id\"; outlast show $id --json | grep -c '\"state\":\"\\(queued\\|running\\)\"' >&2");

        Assert.True(TaskId.TryParse(ran.Output, out _), ran.Output);
        Assert.Equal("1\n", ran.Error);
    }

    [Fact]
    public async Task The_task_is_started_as_the_callers_shell_would_start_it()
    {
        await using var folder = new OutlastFolder(("WITH_SPACE", "a b"), ("EMPTY", ""), ("PWD", "/"), ("MULTI", "a\nb"));
        const string facts = "umask; ulimit -Sn; ulimit -Hn; pwd; env -0 | sort -z | tr '\\0' '\\n' | grep -v '^_=\\|^OUTLAST_'; grep 'Sig[BI]' /proc/self/status";

        var ran = await folder.ShellAsync($$"""
            cd /usr; ulimit -Sn 777; umask 027
            sh -c '{{facts.Replace("'", "'\\''", StringComparison.Ordinal)}}' </dev/null 2>&1 | cat
            echo ======
            outlast run -- sh -c '{{facts.Replace("'", "'\\''", StringComparison.Ordinal)}}'
            """);

        var (plain, task) = (ran.Output.Split("======\n")[0], ran.Output.Split("======\n")[1]);
        Assert.Contains("0027\n777\n", plain, StringComparison.Ordinal);
        Assert.Equal(plain, task);
        Assert.Equal("0\n1\n2\n3\n", (await folder.ShellAsync("exec 5</dev/null; outlast run -- sh -c 'exec ls /proc/self/fd'")).Output);
    }

    [Fact]
    public async Task Options_add_to_the_environment_and_name_another_folder()
    {
        await using var folder = new OutlastFolder(("A", "1"), ("INPUT_X-Y", "no identifier"));
        Assert.Contains("INPUT_X-Y=no identifier", (await folder.RunAsync("run", "--", "env")).Lines);

        var ran = await folder.ShellAsync("outlast run --cwd /usr --env A=2 --env B='x y' -- sh -c 'echo $A $B; pwd; echo $OUTLAST_DATA'");

        Assert.Equal($"2 x y\n/usr\n{folder.Data.Path}\n", ran.Output);
    }

    [Fact]
    public async Task Standard_input_is_what_was_asked_for()
    {
        await using var folder = new OutlastFolder();

        Assert.Equal("", (await folder.ShellAsync("outlast run -- cat", "not for it")).Output);
        Assert.Equal("some text", (await folder.ShellAsync("outlast run --stdin 'some text' -- cat")).Output);
        var large = string.Concat(Enumerable.Range(0, 50_000).Select(i => $"line {i}\n"));
        Assert.Equal(large, (await folder.ShellAsync("outlast run --stdin - -- cat", large)).Output);
        Assert.Equal(2, (await folder.ShellAsync("outlast run -d --stdin - -- cat")).Code);
    }

    [Fact]
    public async Task A_task_that_does_not_read_does_not_hold_its_caller()
    {
        await using var folder = new OutlastFolder();

        using var run = folder.Start(OutlastFolder.Program, "run", "--stdin", "-", "--", "sh", "-c", "exec 0<&-; echo done");

        Assert.Equal("done\n", (await run.EndAsync()).Output);
    }

    [Fact]
    public async Task Both_streams_keep_apart_where_the_caller_keeps_them_apart()
    {
        await using var folder = new OutlastFolder();
        const string command = "outlast run -- sh -c 'echo one; echo two >&2; echo three'";

        var apart = await folder.ShellAsync(command);
        var together = await folder.ShellAsync(command + " 2>&1");

        Assert.Equal(("one\nthree\n", "two\n"), (apart.Output, apart.Error));
        Assert.Equal("one\ntwo\nthree\n", together.Output);
    }

    [Fact]
    public async Task In_json_the_task_is_the_last_line_on_a_line_of_its_own()
    {
        await using var folder = new OutlastFolder();

        var ran = await folder.RunAsync("run", "--json", "--", "sh", "-c", "printf 'no line end'; exit 3");

        Assert.Equal(3, ran.Code);
        Assert.Equal("no line end", ran.Lines[0]);
        Assert.Equal(3, (int)JsonNode.Parse(ran.Lines[^1])!["end"]!["exitCode"]!);
        Assert.Equal(2, ran.Lines.Length);
    }

    [Fact]
    public async Task Inside_a_task_run_makes_a_child_of_it_unless_told_otherwise()
    {
        await using var folder = new OutlastFolder();

        var parent = (await folder.ShellAsync($"outlast run --json -- sh -c '{OutlastFolder.Program} run -d -- true; {OutlastFolder.Program} run -d --parent none -- true'")).Lines;

        var (child, stranger, task) = (await folder.ShowAsync(parent[0]), await folder.ShowAsync(parent[1]), JsonNode.Parse(parent[2])!);
        Assert.Equal((string)task["id"]!, (string?)child["parent"]);
        Assert.Null(stranger["parent"]);
        var tree = JsonNode.Parse((await folder.RunAsync("tree", (string)task["id"]!, "--json")).Output)!;
        Assert.Equal(parent[0], (string)tree["children"]![0]!["task"]!["id"]!);
    }

    [Fact]
    public async Task Full_and_asked_to_refuse_nothing_starts()
    {
        await using var folder = new OutlastFolder(("OUTLAST_CONCURRENCY_PROCESSES", "1"));
        await folder.RunAsync("run", "-d", "--", "sleep", "60");

        var refused = await folder.RunAsync("run", "--refuse-when-full", "--", "true");

        Assert.Equal(125, refused.Code);
        Assert.Contains("kind process", refused.Error, StringComparison.Ordinal);
        Assert.Single((await folder.RunAsync("ps", "-a", "--json")).Lines);
    }

    [Fact]
    public async Task The_same_key_gives_the_same_task_and_another_command_under_it_is_refused()
    {
        await using var folder = new OutlastFolder();

        var first = await folder.RunAsync("run", "-d", "--idempotency-key", "k", "--", "true");
        var again = await folder.RunAsync("run", "-d", "--idempotency-key", "k", "--", "true");
        var other = await folder.RunAsync("run", "-d", "--idempotency-key", "k", "--", "false");

        Assert.Equal(first.Output, again.Output);
        Assert.Equal(125, other.Code);
        Assert.Contains(first.Output.Trim(), other.Error, StringComparison.Ordinal);
    }
}
