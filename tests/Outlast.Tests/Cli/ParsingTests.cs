using System.Collections;
using Outlast.Cli;
using Outlast.Cli.Calling;
using Outlast.Cli.Rendering;
using Outlast.Cli.Serving;
using Outlast.Cli.Verbs;
using Xunit;

namespace Outlast.Tests.Cli;

public sealed class ParsingTests
{
    [Theory]
    [InlineData("run --name a --session s --parent none --label k=v --label l=w --cwd /w --env A=1 --env B=2 --stdin none --stderr merge --output-via file --leftovers keep --timeout 1s --idle-timeout 1s --idle-warning 1s --stop-signal INT --stop-grace 1s --output-cap 1MiB --output-policy keep-ends --refuse-when-full --idempotency-key k --repeatable -d --json -- x")]
    [InlineData("run --priority 1 --retry 3 --retry-backoff 5s --retry-on failed,lost --in 5m --start-by 5m -- x")]
    [InlineData("run --priority -5 --at 12:00 --start-by 2026-11-27T08:00:00Z -- x")]
    [InlineData("run --stdin - -- x")]
    [InlineData("run --stdin text --stderr separate --output-via pipe -- x -d --json --unknown")]
    [InlineData("ps -a --limit 3 --state running,stopping --state failed --kind process --session s --label k=v --json")]
    [InlineData("show 1 --json")]
    [InlineData("tree 1 --json")]
    [InlineData("top --interval 2s")]
    [InlineData("top --once --json")]
    [InlineData("logs 1 -f --tail 3 --raw --json")]
    [InlineData("logs 1 --since-offset 10")]
    [InlineData("logs 1 -f --since 5m --grep x -i --timestamps --clean --tail 3")]
    [InlineData("wait 1 2 3 --any --timeout 5s --json")]
    [InlineData("stop 1 2 --now --reason because --json")]
    [InlineData("stop --session s --label k=v --state running --kind process --query x --yes --now --reason because --json")]
    [InlineData("run --group g --notify last --session s -- x")]
    [InlineData("inbox")]
    [InlineData("inbox --session s --ack -f --json")]
    [InlineData("inbox --all")]
    [InlineData("session s --notify hold --json")]
    [InlineData("session s --close --yes")]
    [InlineData("stop --all --dry-run")]
    [InlineData("ps --query x")]
    [InlineData("completion bash")]
    [InlineData("demo --keep --json")]
    [InlineData("extend 1 --timeout +30m --idle +1h --json")]
    [InlineData("events")]
    [InlineData("events 1 -f --json")]
    [InlineData("serve --listen 127.0.0.1:0")]
    [InlineData("shutdown --json")]
    [InlineData("doctor --json")]
    [InlineData("config explain --json")]
    [InlineData("config explain process.timeout")]
    [InlineData("version --json")]
    public void Everything_promised_parses(string line) => Assert.Empty(Parse(line).Errors);

    [Theory]
    [InlineData("run --priority 101 -- x")]
    [InlineData("run --priority high -- x")]
    [InlineData("run --retry 0 -- x")]
    [InlineData("run --children kill -- x")]
    [InlineData("run --notify -- x")]
    [InlineData("run --output-policy keep_ends -- x")]
    [InlineData("run --unknown -- x")]
    [InlineData("run x")]
    [InlineData("shutdown --drain --stop-tasks")]
    [InlineData("shutdown --drain-limit 5s")]
    [InlineData("serve --install --check")]
    [InlineData("serve --system")]
    [InlineData("serve --print")]
    [InlineData("serve --force")]
    [InlineData("chat a")]
    [InlineData("inbox x")]
    [InlineData("session")]
    [InlineData("session s --notify sometimes")]
    [InlineData("wait --group")]
    [InlineData("config")]
    [InlineData("config explain a b")]
    [InlineData("show")]
    [InlineData("show 1 2")]
    [InlineData("ps --limit 0")]
    [InlineData("ps --limit x")]
    [InlineData("logs 1 --tail -1")]
    [InlineData("nosuchverb")]
    public void What_does_nothing_yet_does_not_parse(string line) => Assert.NotEmpty(Parse(line).Errors);

    [Theory]
    [InlineData("--state")]
    [InlineData("--kind")]
    [InlineData("--session")]
    [InlineData("--label")]
    [InlineData("--query")]
    public void A_filter_without_a_value_does_not_mean_everything(string option)
    {
        foreach (var verb in (string[][])[["ps"], ["stop", "--yes"], ["prune", "--ended-before", "0", "--yes"]])
        {
            foreach (var blank in (string[])["", " ", .. option == "--state" ? (string[])[",", " , "] : []])
            {
                Assert.Contains(option, Assert.Single(Parse([.. verb, option, blank]).Errors).Message, StringComparison.Ordinal);
                Assert.NotEmpty(Parse([.. verb, $"{option}={blank}"]).Errors);
            }
            Assert.Empty(Parse([.. verb, option, "x"]).Errors);
        }
    }

    [Theory]
    [InlineData("--help")]
    [InlineData("-h")]
    public void The_help_without_a_verb_has_one_line_for_each_that_fits_a_terminal(string option)
    {
        using var output = new StringWriter();
        Assert.Equal(0, Parse(option).Invoke(new() { Output = output }));

        var lines = output.ToString().Split('\n');
        Assert.All(lines, line => Assert.InRange(line.Length, 0, 80));
        foreach (var verb in Parse(option).RootCommandResult.Command.Subcommands.Select(v => v.Name)) Assert.Single(lines, l => l.StartsWith($"  {verb} ", StringComparison.Ordinal) && l.Length > 20);
    }

    [Fact]
    public void The_help_of_a_verb_says_what_it_takes()
    {
        using var output = new StringWriter();
        Parse("stop --help").Invoke(new() { Output = output });
        Assert.Contains("[<ID>...]", output.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void What_the_command_gets_is_nobody_elses_business()
    {
        var options = new RunOptions();
        var request = options.ToRequest(Parse("run -- x"), new Caller(new Hashtable(), "/w"), ["x", "--", "@file", "-d", "[suggest]", ""], DateTimeOffset.UnixEpoch);

        Assert.Equal(["x", "--", "@file", "-d", "[suggest]", ""], request.Process!.Argv!);
        Assert.Equal("/w", request.Process.Cwd);
    }

    [Fact]
    public void The_marks_of_a_task_and_of_the_script_are_not_passed_on()
    {
        var caller = new Caller(new Hashtable
        {
            ["OUTLAST_TASK_ID"] = "t",
            ["OUTLAST_ATTEMPT"] = "1",
            ["OUTLAST_ENV_0"] = "a.b=1",
            ["OUTLAST_SCRIPT"] = "1024\n SHLVL\n./outlast",
            ["SHLVL"] = "0",
            ["OUTLAST_DATA"] = "/d",
            ["A"] = "1",
        }, "/w");

        Assert.Equal(["A", "OUTLAST_DATA"], caller.Environment.Keys.Order());
        Assert.Equal(1024, caller.OpenFiles);
        Assert.Equal("t", caller.Task);
        Assert.Equal("./outlast", caller.Program);
    }

    [Fact]
    public void The_program_is_named_as_it_can_be_typed()
    {
        var folder = Path.GetDirectoryName(Environment.ProcessPath)!;
        Assert.Equal("outlast", new Caller(new Hashtable(), "/").Program);
        Assert.Equal("/r/outlast", new Caller(new Hashtable { ["OUTLAST_SCRIPT"] = "1\n\n/r/outlast", ["PATH"] = folder }, "/").Program);
        Assert.Equal(Path.GetFileName(Environment.ProcessPath), new Caller(new Hashtable { ["OUTLAST_SCRIPT"] = "1\n\n" + Environment.ProcessPath, ["PATH"] = "/x:" + folder }, "/").Program);
    }

    [Theory]
    [InlineData("0.1.0", null)]
    [InlineData("0.0.9+abc", "older")]
    [InlineData("99.0.0", null)]
    public void A_host_that_is_older_is_named(string host, string? expected)
    {
        var own = ProgramVersion.Text.Split('+')[0];
        var warning = ProgramVersion.Warning(host == own ? ProgramVersion.Text : host, "outlast shutdown");

        if (expected is null) Assert.Null(warning);
        else Assert.Contains(expected, warning, StringComparison.Ordinal);
    }

    [Fact]
    public void A_host_of_other_sources_is_named() =>
        Assert.Contains("another build", ProgramVersion.Warning(ProgramVersion.Text.Split('+')[0] + "+other", "outlast shutdown"), StringComparison.Ordinal);

    private static System.CommandLine.ParseResult Parse(string line) => Parse(line.Split(' '));

    private static System.CommandLine.ParseResult Parse(string[] arguments)
    {
        var caller = new Caller(new Hashtable { ["OUTLAST_DATA"] = "/nowhere" }, "/");
        var terminal = new Terminal(caller);
        return CommandLine.Parse(new(caller, terminal, new HostDoor(caller, terminal, TimeProvider.System), TimeProvider.System), arguments);
    }
}
