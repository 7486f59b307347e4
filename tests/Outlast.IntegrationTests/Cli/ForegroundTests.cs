using Outlast.TestKit;
using Xunit;

namespace Outlast.IntegrationTests.Cli;

public sealed class ForegroundTests
{
    private const string Stubborn = "trap '' TERM; echo ready; while :; do sleep 0.1; done";

    [Fact]
    public async Task Killed_at_step_2_the_host_is_replaced_and_nothing_of_the_command_is_missed()
    {
        await using var folder = new OutlastFolder();
        using var run = folder.Start(OutlastFolder.Program, "run", "--", "sh", "-c", "for i in 1 2 3 4 5; do echo step $i; sleep 1; done; exit 7");
        await run.SeeAsync("step 2\n");
        var first = folder.HostPid;

        RunningProgram.Signal(first, "KILL");

        var ran = await run.EndAsync();
        Assert.Equal(7, ran.Code);
        Assert.Equal("step 1\nstep 2\nstep 3\nstep 4\nstep 5\n", ran.Output);
        Assert.NotEqual(first, folder.HostPid);
        var task = await folder.ShowAsync("1");
        Assert.Equal(
            ("failed", "exit", 7, 1, 1),
            ((string)task["state"]!, (string)task["end"]!["cause"]!, (int)task["end"]!["exitCode"]!, (int)task["attempt"]!, (int)task["adoptions"]!));
        var shown = (await folder.RunAsync("show", "1")).Output;
        foreach (var fact in (string[])["failed", "cause exit", "exit code 7", "attempt 1", "adoptions 1"]) Assert.Contains(fact, shown, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Ctrl_C_asks_the_task_to_stop_and_says_so()
    {
        await using var folder = new OutlastFolder();
        using var run = folder.Start(OutlastFolder.Program, "run", "--", "sh", "-c", "trap 'echo cleaning; exit 0' TERM; echo ready; while :; do sleep 0.1; done");
        await run.SeeAsync("ready");

        run.Signal("INT");

        var ran = await run.EndAsync();
        Assert.Equal(130, ran.Code);
        Assert.Contains("cleaning", ran.Output, StringComparison.Ordinal);
        Assert.Contains("outlast: asking task 1 to stop", ran.Error, StringComparison.Ordinal);
        var task = await folder.ShowAsync("1");
        Assert.Equal(("stopped", "user", "Ctrl-C"), ((string)task["state"]!, (string)task["end"]!["cause"]!, (string)task["stop"]!["reason"]!));
    }

    [Fact]
    public async Task A_second_Ctrl_C_stops_it_now()
    {
        await using var folder = new OutlastFolder();
        using var run = folder.Start(OutlastFolder.Program, "run", "--stop-grace", "10m", "--", "sh", "-c", Stubborn);
        await run.SeeAsync("ready");

        run.Signal("INT");
        await Eventually.TrueAsync(async () => (string)(await folder.ShowAsync("1"))["state"]! == "stopping", "the task is asked to stop");
        run.Signal("INT");

        var ran = await run.EndAsync();
        Assert.Equal(130, ran.Code);
        Assert.Contains("outlast: stopping task 1 now", ran.Error, StringComparison.Ordinal);
    }

    [Theory]
    [Trait("Requirement", "C11")]
    [InlineData("HUP", 129)]
    [InlineData("TERM", 143)]
    [InlineData("QUIT", 131)]
    public async Task Whatever_else_ends_the_program_leaves_the_task_running(string signal, int code)
    {
        await using var folder = new OutlastFolder();
        using var run = folder.Start(OutlastFolder.Program, "run", "--", "sh", "-c", "echo ready; sleep 60");
        await run.SeeAsync("ready");

        run.Signal(signal);

        Assert.Equal(code, (await run.EndAsync()).Code);
        Assert.Equal("running", (string)(await folder.ShowAsync("1"))["state"]!);
    }

    [Fact]
    [Trait("Requirement", "C11")]
    public async Task The_terminals_death_leaves_the_task_running()
    {
        await using var folder = new OutlastFolder();
        using var terminal = folder.Start("/usr/bin/script", "-qec", $"{OutlastFolder.Program} run -- sh -c 'echo ready; sleep 60'", "/dev/null");
        await terminal.SeeAsync("ready");

        terminal.Signal("KILL");

        await terminal.EndAsync();
        await Eventually.TrueAsync(() => !Directory.EnumerateDirectories("/proc").Any(p => IsClient(p, folder.Data.Path)), "the program is gone with its terminal");
        Assert.Equal("running", (string)(await folder.ShowAsync("1"))["state"]!);
    }

    [Fact]
    public async Task A_reader_who_has_enough_ends_the_program_quietly_and_the_task_goes_on()
    {
        await using var folder = new OutlastFolder();

        var ran = await folder.ShellAsync("outlast run -- sh -c 'while :; do echo line; sleep 0.05; done' | head -1");

        Assert.Equal(("line\n", ""), (ran.Output, ran.Error));
        Assert.Equal("running", (string)(await folder.ShowAsync("1"))["state"]!);
    }

    [Fact]
    public async Task A_stop_by_somebody_else_is_explained()
    {
        await using var folder = new OutlastFolder();
        using var run = folder.Start(OutlastFolder.Program, "run", "--", "sh", "-c", "echo ready; sleep 60");
        await run.SeeAsync("ready");

        await folder.RunAsync("stop", "1", "--reason", "wrong branch");

        var ran = await run.EndAsync();
        Assert.Equal(130, ran.Code);
        Assert.StartsWith("outlast: task 1 stopped", ran.Error, StringComparison.Ordinal);
        Assert.Equal("wrong branch", (string)(await folder.ShowAsync("1"))["stop"]!["reason"]!);
    }

    /// <summary>Whether a process is a foreground run on that data folder.</summary>
    private static bool IsClient(string process, string data)
    {
        try
        {
            return File.ReadAllText(Path.Combine(process, "cmdline")).StartsWith(OutlastFolder.Program + "\0run", StringComparison.Ordinal)
                && File.ReadAllText(Path.Combine(process, "environ")).Contains($"OUTLAST_DATA={data}\0", StringComparison.Ordinal);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }
}
