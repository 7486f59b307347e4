using System.Globalization;
using System.Text.Json.Nodes;
using Outlast.TestKit;
using Xunit;

namespace Outlast.IntegrationTests.Cli;

/// <summary>The live view in a real pseudo terminal.</summary>
public sealed class TopTests
{
    private const string Enter = "\e[?1049h\e[?25l", Leave = "\e[?25h\e[?1049l";

    [Fact]
    [Trait("Requirement", "U-63")]
    public async Task Keys_stop_extend_and_follow_and_the_terminal_is_left_as_it_was()
    {
        await using var folder = new OutlastFolder();
        await folder.RunAsync("run", "-d", "--name", "printer", "--timeout", "1h", "--", "sh", "-c", "echo hello from the printer; sleep 300");
        await folder.RunAsync("run", "-d", "--name", "sleeper", "--", "sleep", "300");
        using var top = Start(folder);
        await top.SeeAsync("sleeper");

        await top.TypeAsync("s");
        await top.SeeAsync("Ask task 2 (sleeper) and its tree to stop? [y/N]");
        await top.TypeAsync("n");
        await top.SeeAsync("nothing was stopped");
        Assert.Equal("running", (string)(await folder.ShowAsync("2"))["state"]!);
        await top.TypeAsync("s");
        await top.TypeAsync("y");
        Assert.Equal(130, (await folder.RunAsync("wait", "2")).Code);
        Assert.Equal("asked in the live view", (string)(await folder.ShowAsync("2"))["stop"]!["reason"]!);

        await top.TypeAsync("\e[H");
        await top.TypeAsync("e");
        await top.SeeAsync("Extend the limits of task 1 by: +");
        await top.TypeAsync("30m\r");
        await top.SeeAsync("task 1: timeout 1h 30m");
        Assert.Equal(5_400_000, (long)(await folder.ShowAsync("1"))["limits"]!["timeoutMs"]!);

        await top.TypeAsync("f");
        await top.SeeAsync("hello from the printer");
        await top.TypeAsync("\e");
        await top.TypeAsync("?");
        await top.SeeAsync("order by the next column");
        await top.TypeAsync("x");
        await top.TypeAsync("q");
        await RestoredAsync(top, 0);
    }

    [Theory]
    [InlineData("TERM", 143)]
    [InlineData("INT", 130)]
    [InlineData("HUP", 129)]
    [Trait("Requirement", "U-63")]
    public async Task A_signal_ends_it_and_the_terminal_is_left_as_it_was(string signal, int code)
    {
        await using var folder = new OutlastFolder();
        await folder.RunAsync("run", "-d", "--name", "sleeper", "--", "sleep", "300");
        using var top = Start(folder);
        await top.SeeAsync("sleeper");
        RunningProgram.Signal(PidOf(top), signal);
        await RestoredAsync(top, code);
        Assert.Equal("running", (string)(await folder.ShowAsync("1"))["state"]!);
    }

    [Fact]
    [Trait("Requirement", "U-63")]
    public async Task It_outlives_the_host_and_goes_on_with_the_next()
    {
        await using var folder = new OutlastFolder();
        await folder.RunAsync("run", "-d", "--name", "sleeper", "--", "sleep", "300");
        using var top = Start(folder);
        await top.SeeAsync($"host h1, pid {folder.HostPid}");

        RunningProgram.Signal(folder.HostPid, "KILL");
        await top.SeeAsync("the host is away");
        await top.SeeAsync("host h2, pid");
        Assert.Equal(1, (int)(await folder.ShowAsync("1"))["attempt"]!);

        // One that somebody shut down is not started again by who only looks on.
        var shown = top.Output.Length;
        Assert.Equal(0, (await folder.RunAsync("shutdown")).Code);
        await Eventually.TrueAsync(() => top.Output[shown..].Contains("the host is away for 1s", StringComparison.Ordinal), "it waits");
        Assert.False(File.Exists(folder.Data.HostFile));
        await folder.RunAsync("ps");
        await top.SeeAsync("host h3, pid");
        await top.TypeAsync("\u0003");
        await RestoredAsync(top, 0);
    }

    [Fact]
    public async Task Stopped_by_the_shell_it_gives_the_terminal_back_and_takes_it_again()
    {
        await using var folder = new OutlastFolder();
        await folder.RunAsync("run", "-d", "--name", "sleeper", "--", "sleep", "300");
        using var top = Start(folder);
        await top.SeeAsync("sleeper");
        var pid = PidOf(top);

        RunningProgram.Signal(pid, "STOP");
        await Eventually.TrueAsync(() => StateOf(pid) == 'T', "it is stopped");
        RunningProgram.Signal(pid, "CONT");
        await Eventually.TrueAsync(() => Count(top.Output, Enter) == 2, "it draws anew");
        await top.TypeAsync("q");
        await RestoredAsync(top, 0);
    }

    [Fact]
    public async Task Without_a_terminal_one_table_is_printed_and_a_live_view_is_refused()
    {
        await using var folder = new OutlastFolder();
        await folder.RunAsync("run", "-d", "--name", "sleeper", "--", "sleep", "300");

        var table = await folder.RunAsync("top", "--once", "--interval", "600ms");
        Assert.Equal("TASK\tSTATE\tCPU%\tMEM\tPROC\tOUTPUT\tRATE\tIDLE\tLEFT\tTIME\tNAME\tCOMMAND", table.Lines[0]);
        Assert.StartsWith("1\trunning\t0.0\t", table.Lines[1], StringComparison.Ordinal);
        var json = await folder.RunAsync("top", "--once", "--json", "--interval", "600ms");
        Assert.NotNull(JsonNode.Parse(Assert.Single(json.Lines))!["live"]!["cpuPercent"]);

        foreach (var (arguments, complaint) in ((string[], string)[])[(["top"], "needs a terminal"), (["top", "--json"], "--json needs --once"), (["top", "--once", "--interval", "1ms"], "--interval '1ms'")])
        {
            var refused = await folder.RunAsync(arguments);
            Assert.Equal((2, ""), (refused.Code, refused.Output));
            Assert.Contains(complaint, refused.Error, StringComparison.Ordinal);
        }
    }

    /// <summary>In a terminal of 100 columns; says first which process it is, and at last how it ended and whether the terminal is as it was.</summary>
    private static RunningProgram Start(OutlastFolder folder) => folder.Start("/usr/bin/script", "-qec",
        $"stty cols 100 rows 30; export TERM=xterm; before=$(stty -g); sh -c 'echo pid=$$=; exec {OutlastFolder.Program} top --interval 100ms'; code=$?; [ \"$(stty -g)\" = \"$before\" ] && echo restored=$code=", "/dev/null");

    private static async Task RestoredAsync(RunningProgram top, int code)
    {
        await top.SeeAsync($"restored={code}=");
        Assert.True(top.Output.LastIndexOf(Leave, StringComparison.Ordinal) > top.Output.LastIndexOf(Enter, StringComparison.Ordinal), "the screen was given back");
    }

    private static int PidOf(RunningProgram top) => int.Parse(top.Output.Split('=')[1], CultureInfo.InvariantCulture);

    private static char StateOf(int pid) => File.ReadAllText($"/proc/{pid}/stat") is var stat ? stat[stat.LastIndexOf(')') + 2] : ' ';

    private static int Count(string text, string part) => text.Split(part).Length - 1;
}
