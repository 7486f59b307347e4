using Outlast.TestKit;
using Xunit;

namespace Outlast.IntegrationTests.Cli;

public sealed class ShutdownTests
{
    [Fact]
    [Trait("Requirement", "A20")]
    public async Task A_drain_waits_for_what_runs_and_leaves_what_is_queued()
    {
        await using var folder = new OutlastFolder(("OUTLAST_CONCURRENCY_PROCESSES", "1"));
        await folder.RunAsync("run", "-d", "--", "sh", "-c", $"while [ ! -e {folder.File("go")} ]; do sleep 0.02; done; exit 3");
        await folder.RunAsync("run", "-d", "--", "true");
        using var drain = folder.Start(OutlastFolder.Program, "shutdown", "--drain");
        await NotReadyAsync(folder);

        await File.WriteAllTextAsync(folder.File("go"), "");

        var gone = await drain.EndAsync();
        Assert.Equal((0, "the host is gone; 1 queued task waits for the next host\n"), (gone.Code, gone.Output));
        Assert.Contains("waiting for what runs to end, at most 1m (--drain-limit);", gone.Error, StringComparison.Ordinal);
        Assert.Contains("Ctrl-C calls it off", gone.Error, StringComparison.Ordinal);
        Assert.Equal(3, (await folder.RunAsync("wait", "1")).Code);
        Assert.Equal(0, (await folder.RunAsync("wait", "2")).Code);
    }

    [Fact]
    [Trait("Requirement", "V-34")]
    public async Task A_drain_names_what_has_not_ended_in_time_and_leaves_it_running()
    {
        await using var folder = new OutlastFolder();
        await folder.RunAsync("run", "-d", "--name", "wedged", "--", "sleep", "1000");

        var gone = await folder.RunAsync("shutdown", "--drain", "--drain-limit", "300ms");

        Assert.Equal((0, "the host is gone; 1 task goes on without it (1 wedged), and the next host takes over\n"), (gone.Code, gone.Output));
        Assert.Equal("running", (string)(await folder.ShowAsync("1"))["state"]!);
    }

    [Fact]
    public async Task A_limit_that_is_none_at_all_is_refused_before_anything_is_said()
    {
        await using var folder = new OutlastFolder();
        await folder.RunAsync("run", "--", "true");
        var refused = await folder.RunAsync("shutdown", "--drain", "--drain-limit", "banana");
        Assert.Equal((2, ""), (refused.Code, refused.Output));
        Assert.StartsWith("outlast: --drain-limit 'banana' is no duration; write 90s, 10m, PT10M or none", refused.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("none")]
    [InlineData("0s")]
    [Trait("Requirement", "V-38")]
    public async Task A_drain_that_is_broken_off_leaves_the_host_open(string limit)
    {
        await using var folder = new OutlastFolder();
        await folder.RunAsync("run", "-d", "--", "sh", "-c", $"while [ ! -e {folder.File("go")} ]; do sleep 0.02; done");
        var pid = folder.HostPid;
        using var drain = folder.Start(OutlastFolder.Program, "shutdown", "--drain", "--drain-limit", limit);
        await NotReadyAsync(folder);

        drain.Signal("INT");

        var broken = await drain.EndAsync();
        Assert.Equal(130, broken.Code);
        Assert.Contains("however long that takes", broken.Error, StringComparison.Ordinal);
        Assert.Equal(0, (await folder.RunAsync("run", "--", "true")).Code);
        Assert.Equal(pid, folder.HostPid);
        await File.WriteAllTextAsync(folder.File("go"), "");
        Assert.Equal(0, (await folder.RunAsync("wait", "1")).Code);
    }

    [Fact]
    [Trait("Requirement", "A20")]
    public async Task A_task_that_is_waited_for_may_still_run_others_and_wait_for_them()
    {
        await using var folder = new OutlastFolder();
        var id = (await folder.RunAsync("run", "-d", "--", "sh", "-c", $"while [ ! -e {folder.File("go")} ]; do sleep 0.02; done; '{OutlastFolder.Program}' run -- sh -c 'echo child; exit 6'")).Output.Trim();
        using var drain = folder.Start(OutlastFolder.Program, "shutdown", "--drain", "--drain-limit", "none");
        await NotReadyAsync(folder);

        await File.WriteAllTextAsync(folder.File("go"), "");

        Assert.Equal((0, "the host is gone; no task was open\n"), (await drain.EndAsync()) is var gone ? (gone.Code, gone.Output) : default);
        Assert.Equal(6, (await folder.RunAsync("wait", id)).Code);
        Assert.Equal("child\n", (await folder.RunAsync("logs", id)).Output);
    }

    [Fact]
    [Trait("Requirement", "V-33")]
    public async Task A_task_that_asks_for_a_drain_is_not_waited_for()
    {
        await using var folder = new OutlastFolder();

        var ran = await folder.RunAsync("run", "--", "sh", "-c", $"'{OutlastFolder.Program}' shutdown --drain --drain-limit none 2>/dev/null; exit 5");

        Assert.Equal((5, "the host is gone; 1 task goes on without it (1 sh), and the next host takes over\n"), (ran.Code, ran.Output));
    }

    [Fact]
    [Trait("Requirement", "A20")]
    public async Task With_its_tasks_the_host_stops_everything_first_and_says_who_wanted_it()
    {
        await using var folder = new OutlastFolder(("OUTLAST_CONCURRENCY_PROCESSES", "1"));
        await folder.RunAsync("run", "-d", "--stop-grace", "300ms", "--", "sh", "-c", "trap '' TERM; while :; do sleep 0.05; done");
        await folder.RunAsync("run", "-d", "--", "true");

        var gone = await folder.RunAsync("shutdown", "--stop-tasks");

        Assert.Equal((0, "the host is gone; 2 tasks were stopped\n"), (gone.Code, gone.Output));
        foreach (var task in new[] { await folder.ShowAsync("1"), await folder.ShowAsync("2") })
            Assert.Equal(("stopped", "shutdown", "cli"), ((string)task["end"]!["state"]!, (string)task["end"]!["cause"]!, (string)task["end"]!["actor"]!["via"]!));
    }

    private static Task NotReadyAsync(OutlastFolder folder) => Eventually.TrueAsync(
        async () => (await folder.RunAsync("events", "--json")).Output.Contains("host.draining", StringComparison.Ordinal), "the host drains");
}
