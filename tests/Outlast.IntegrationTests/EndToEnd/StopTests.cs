using System.Net;
using System.Text.Json.Nodes;
using Outlast.IntegrationTests.Faults;
using Outlast.IntegrationTests.Faults.Checking;
using Outlast.TestKit;
using Xunit;

namespace Outlast.IntegrationTests.EndToEnd;

/// <summary>What a stop does to a task, and what it does not do to anything else.</summary>
public sealed class StopTests
{
    [Fact]
    [Trait("Requirement", "C10")]
    public async Task The_others_continue()
    {
        using var house = await HostFixture.StartAsync();
        var ids = new List<string>();
        for (var n = 0; n < 5; n++) ids.Add(await house.ShellAsync($"while [ ! -e {house.File("gate")} ]; do sleep 0.05; done; exit {n}"));
        foreach (var id in ids) await house.StateAsync(id, "running");

        Assert.Equal(HttpStatusCode.Accepted, (await house.StopAsync(ids[2])).Status);
        Assert.Equal("stopped", (string)(await house.Http.EndAsync(ids[2]))["state"]!);
        foreach (var id in ids.Where(i => i != ids[2])) Assert.Equal("running", (string)(await house.Http.TaskAsync(id))["state"]!);
        File.WriteAllText(house.File("gate"), "");
        for (var n = 0; n < 5; n++)
            if (n != 2) Assert.Equal(n, (int)(await house.Http.EndAsync(ids[n]))["end"]!["exitCode"]!);
    }

    [Fact]
    [Trait("Requirement", "C11")]
    public async Task A_client_that_goes_away_stops_nothing()
    {
        using var house = await HostFixture.StartAsync();
        var id = await house.ShellAsync($"echo begun; while [ ! -e {house.File("gate")} ]; do sleep 0.05; done; echo done");
        using var going = new CancellationTokenSource();
        var following = new OutputFollower(house.Http, id).FollowAsync(going.Token);
        var waiting = house.Http.EndAsync(id, going.Token);
        var events = house.Http.StreamAsync("/v1/events", going.Token);
        await events;
        await house.StateAsync(id, "running");

        await going.CancelAsync();
        await following;
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
        (await events).Dispose();

        File.WriteAllText(house.File("gate"), "");
        Assert.Equal("completed", (string)(await house.Http.EndAsync(id))["state"]!);
        Assert.Equal("begun\ndone\n", System.Text.Encoding.UTF8.GetString(await house.Http.OutputAsync(id)));
    }

    [Fact]
    [Trait("Requirement", "C12")]
    public async Task No_connection_file_or_process_stays_open()
    {
        using var house = await HostFixture.StartAsync();
        await RunAndStopAsync(5);
        var before = OpenFiles(house.Host.Pid);

        await RunAndStopAsync(40);

        await Eventually.TrueAsync(() => OpenFiles(house.Host.Pid) <= before + 2, "the host has closed what it opened");
        await Eventually.TrueAsync(() => ProcessTable.MarkedBy(house.Data.Path).IsEmpty, "no process of a stopped task is left");

        async Task RunAndStopAsync(int tasks) => await Task.WhenAll(Enumerable.Range(0, tasks).Select(async n =>
        {
            var id = await house.ShellAsync("echo x; sleep 60 & sleep 60", body => body["stopGrace"] = "200ms");
            await house.StateAsync(id, "running");
            var following = new OutputFollower(house.Http, id).FollowAsync();
            await house.StopAsync(id, now: n % 2 == 0);
            await house.Http.EndAsync(id);
            await following.Soon();
        }));
    }

    [Fact]
    [Trait("Requirement", "C17")]
    public async Task A_queued_task_never_runs()
    {
        using var house = await HostFixture.StartAsync(("OUTLAST_CONCURRENCY_PROCESSES", "1"));
        var first = await house.ShellAsync("sleep 60");
        await house.StateAsync(first, "running");
        var queued = await house.ShellAsync($"touch {house.File("marker")}");
        Assert.Equal("queued", (string)(await house.Http.TaskAsync(queued))["state"]!);

        var reply = await house.StopAsync(queued, "not needed");

        Assert.Equal(HttpStatusCode.Accepted, reply.Status);
        Assert.Equal("stopped", (string)reply.Json["state"]!);
        await house.StopAsync(first, now: true);
        await house.Http.EndAsync(first);
        // A task behind it runs, so it would have had its turn.
        await house.Http.EndAsync(await house.ShellAsync("true"));
        var task = await house.Http.TaskAsync(queued);
        Assert.Equal("stopped", (string)task["end"]!["state"]!);
        Assert.Equal("user", (string)task["end"]!["cause"]!);
        Assert.Equal(0, (int?)task["attempt"] ?? 0);
        Assert.False(File.Exists(house.File("marker")));
        Assert.False(Directory.Exists(house.Data.Task(TaskId.Parse(queued))));
    }

    [Fact]
    [Trait("Requirement", "S285-7")]
    public async Task A_child_whose_parent_timed_out_ends_once_and_by_that_and_its_own_exit_changes_nothing()
    {
        using var house = await HostFixture.StartAsync(("OUTLAST_WATCHDOG_POLL", "200ms"));
        var parent = await house.ShellAsync("trap 'exit 9' TERM; while :; do sleep 0.05; done", body => { body["timeout"] = "2s"; body["stopGrace"] = "2s"; });
        var child = await house.ShellAsync("trap 'exit 11' TERM; while :; do sleep 0.05; done", body => body["parent"] = parent);

        var ended = await house.Http.EndAsync(parent);
        var endedChild = await house.Http.EndAsync(child);

        Assert.Equal("timed_out", (string)ended["end"]!["state"]!);
        Assert.Equal("deadline", (string)ended["end"]!["cause"]!);
        Assert.Equal("stopped", (string)endedChild["end"]!["state"]!);
        Assert.Equal("parent", (string)endedChild["end"]!["cause"]!);
        foreach (var id in new[] { parent, child })
        {
            var events = await house.Http.EventsAsync(id);
            Assert.Single(events, e => (string)e["type"]! == "task.ended");
            Assert.Equal("task.ended", (string)events[^1]["type"]!);
        }
        await house.RestartAsync();
        Assert.Equal(ended["end"]!.ToJsonString(), (await house.Http.TaskAsync(parent))["end"]!.ToJsonString());
        Assert.Equal(endedChild["end"]!.ToJsonString(), (await house.Http.TaskAsync(child))["end"]!.ToJsonString());
    }

    private static int OpenFiles(int pid) => Directory.GetFiles($"/proc/{pid}/fd").Length;
}
