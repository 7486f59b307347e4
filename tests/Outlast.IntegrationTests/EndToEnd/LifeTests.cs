using System.Diagnostics;
using System.Text;
using System.Text.Json.Nodes;
using Outlast.IntegrationTests.Faults;
using Outlast.IntegrationTests.Faults.Checking;
using Outlast.TestKit;
using Xunit;

namespace Outlast.IntegrationTests.EndToEnd;

/// <summary>What becomes of tasks over hosts, limits and errors, through the whole product.</summary>
public sealed class LifeTests
{
    [Fact]
    [Trait("Requirement", "V-20")]
    [Trait("Requirement", "S2293-2")]
    public async Task Ended_tasks_keep_their_record_and_output_over_restarts()
    {
        using var house = await HostFixture.StartAsync();
        var good = await house.ShellAsync("echo result");
        var bad = await house.ShellAsync("echo half; echo what went wrong >&2; exit 3");
        var before = new[] { await house.Http.EndAsync(good), await house.Http.EndAsync(bad) };
        Assert.Equal("completed", (string)before[0]["state"]!);
        Assert.Equal("failed", (string)before[1]["state"]!);
        Assert.Equal("exit code 3", (string)before[1]["end"]!["reason"]!);

        await house.RestartAsync();

        Assert.Equal(before[0].ToJsonString(), (await house.Http.TaskAsync(good)).ToJsonString());
        Assert.Equal(before[1].ToJsonString(), (await house.Http.TaskAsync(bad)).ToJsonString());
        Assert.Equal("result\n", Encoding.UTF8.GetString(await house.Http.OutputAsync(good)));
        Assert.Equal("half\nwhat went wrong\n", Encoding.UTF8.GetString(await house.Http.OutputAsync(bad)));
        Assert.Equal(2, (await house.Http.GetAsync("/v1/tasks?state=completed,failed")).Json["tasks"]!.AsArray().Count);
    }

    [Fact]
    [Trait("Requirement", "V-17")]
    public async Task What_an_ended_task_left_behind_is_named_and_shown_by_the_next_host()
    {
        using var house = await HostFixture.StartAsync();
        var id = await house.ShellAsync("sleep 600 >/dev/null 2>&1 & echo $!");
        var end = (await house.Http.EndAsync(id))["end"]!;
        var pid = int.Parse(Encoding.UTF8.GetString(await house.Http.OutputAsync(id)));
        try
        {
            Assert.Equal(pid, (int)Assert.Single(end["leftovers"]!.AsArray())!["pid"]!);
            await house.RestartAsync();
            var check = (await house.Http.GetAsync("/v1/doctor")).Json["checks"]!.AsArray().Single(c => (string)c!["name"]! == "leftovers")!;
            Assert.Equal("warn", (string)check["level"]!);
            Assert.Contains($"pid {pid} sleep 600", (string)check["text"]!);
        }
        finally
        {
            Process.GetProcessById(pid).Kill();
        }
    }

    [Fact]
    [Trait("Requirement", "U-12")]
    public async Task Tasks_that_end_at_once_are_seen_to_end()
    {
        using var house = await HostFixture.StartAsync();
        var ids = await Task.WhenAll(Enumerable.Range(0, 100).Select(n => house.ShellAsync($"exit {n % 3}")));
        for (var n = 0; n < ids.Length; n++)
        {
            var task = await house.Http.EndAsync(ids[n]);
            Assert.Equal(n % 3, (int)task["end"]!["exitCode"]!);
            Assert.Equal(n % 3 == 0 ? "completed" : "failed", (string)task["state"]!);
        }
        var host = (await house.Http.GetAsync("/v1/host")).Json;
        Assert.Equal(0, (int)host["queued"]!);
        await Eventually.TrueAsync(async () => (int)(await house.Http.GetAsync("/v1/host")).Json["running"]! == 0, "no place is taken");
    }

    [Fact]
    [Trait("Requirement", "V-63")]
    [Trait("Requirement", "V-70")]
    [Trait("Requirement", "U-20")]
    public async Task Silence_is_announced_and_then_ended_and_the_end_names_its_rule()
    {
        using var house = await HostFixture.StartAsync(("OUTLAST_WATCHDOG_POLL", "200ms"));
        var id = await house.ShellAsync("echo last words; sleep 60", body => { body["idleTimeout"] = "2s"; body["idleWarning"] = "1s"; });

        var task = await house.Http.EndAsync(id);

        Assert.Equal("timed_out", (string)task["end"]!["state"]!);
        Assert.Equal("inactivity", (string)task["end"]!["cause"]!);
        Assert.Equal("rule", (string)task["end"]!["actor"]!["type"]!);
        Assert.Equal("inactivity", (string)task["end"]!["actor"]!["id"]!);
        Assert.Equal(2000, (int)task["end"]!["measured"]!["limitMs"]!);
        Assert.InRange((int)task["end"]!["measured"]!["idleMs"]!, 2000, 10_000);
        Assert.Contains("--idle-timeout", (string)task["end"]!["reason"]!);
        var types = (await house.Http.EventsAsync(id)).Select(e => (string)e["type"]!).ToList();
        Assert.True(types.IndexOf("task.warning") is > 0 and var warning && warning < types.IndexOf("task.stop_requested"), string.Join(' ', types));
        Assert.Equal("last words\n", Encoding.UTF8.GetString(await house.Http.OutputAsync(id)));
    }

    [Fact]
    [Trait("Requirement", "U-20")]
    public async Task A_silent_command_that_computes_is_not_idle()
    {
        using var house = await HostFixture.StartAsync(("OUTLAST_WATCHDOG_POLL", "200ms"));
        var id = await house.ShellAsync($"while [ ! -e {house.File("gate")} ]; do :; done", body => body["idleTimeout"] = "2s");
        await house.StateAsync(id, "running");
        // Longer than two limits.
        await Task.Delay(TimeSpan.FromSeconds(5));
        File.WriteAllText(house.File("gate"), "");
        var task = await house.Http.EndAsync(id);
        Assert.True((string)task["state"]! == "completed", task.ToJsonString());
    }

    [Fact]
    [Trait("Requirement", "U-23")]
    public async Task A_limit_can_be_moved_while_the_work_runs()
    {
        using var house = await HostFixture.StartAsync(("OUTLAST_WATCHDOG_POLL", "200ms"));
        var id = await house.ShellAsync($"while [ ! -e {house.File("gate")} ]; do sleep 0.05; done", body => body["timeout"] = "2s");
        await house.StateAsync(id, "running");

        var reply = await house.Http.SendAsync(HttpMethod.Post, $"/v1/tasks/{id}/extend", new JsonObject { ["timeout"] = "+30s" });

        Assert.Equal(System.Net.HttpStatusCode.OK, reply.Status);
        Assert.Equal(32_000, (long)reply.Json["limits"]!["timeoutMs"]!);
        await Task.Delay(TimeSpan.FromSeconds(3));
        await house.RestartAsync();
        Assert.Equal(32_000, (long)(await house.Http.TaskAsync(id))["limits"]!["timeoutMs"]!);
        File.WriteAllText(house.File("gate"), "");
        Assert.Equal("completed", (string)(await house.Http.EndAsync(id))["state"]!);
        Assert.Contains(await house.Http.EventsAsync(id), e => (string)e["type"]! == "task.extended");
    }

    [Theory]
    [InlineData("completed", "true")]
    [InlineData("failed", "exit 4")]
    [InlineData("stopped", "sleep 60")]
    [Trait("Requirement", "S285-3")]
    public async Task After_its_end_a_task_holds_nothing_that_keeps_the_host(string state, string script)
    {
        using var house = await HostFixture.StartAsync();
        var id = await house.ShellAsync(script, body => { body["timeout"] = "1h"; body["idleTimeout"] = "30m"; });
        if (state == "stopped")
        {
            await house.StateAsync(id, "running");
            await house.StopAsync(id);
        }
        Assert.Equal(state, (string)(await house.Http.EndAsync(id))["state"]!);

        var clock = Stopwatch.StartNew();
        house.Host.Signal("TERM");
        await house.Host.ExitedAsync();
        Assert.InRange(clock.Elapsed, TimeSpan.Zero, TimeSpan.FromSeconds(4));
        Assert.Equal(0, house.Host.ExitCode);
    }

    [Fact]
    [Trait("Requirement", "U-10")]
    [Trait("Requirement", "V-19")]
    public async Task A_host_that_dies_often_loses_nothing_and_starts_nothing_twice()
    {
        using var house = await HostFixture.StartAsync();
        var plan = new PlannedTask("steps", new(1, 60), 5, Repeatable: true);
        var argv = house.Witness.Command(plan, portion: 1, between: $"sleep 0.05; while [ $i -gt 59 ] && [ ! -e {house.File("gate")} ]; do sleep 0.05; done");
        var id = (string)(await house.Http.SubmitAsync(plan.Key, argv, body => body["repeatable"] = true))["id"]!;
        var following = new OutputFollower(house.Http, id).FollowAsync();
        await Eventually.TrueAsync(() => house.Witness.Read().Starts.Length > 0, "the command runs");
        for (var n = 1; n <= 3; n++)
        {
            await house.RestartAsync();
            await Eventually.TrueAsync(async () => (int?)(await house.Http.TaskAsync(id))["adoptions"] == n, "the next host adopts it");
        }
        File.WriteAllText(house.File("gate"), "");

        var task = await house.Http.EndAsync(id);

        Assert.Equal(5, (int)task["end"]!["exitCode"]!);
        Assert.Equal(1, (int)task["attempt"]!);
        Assert.Single(house.Witness.Read().Starts);
        Assert.Equal(plan.Output.Whole, (await following.Soon()).Output);
    }
}
