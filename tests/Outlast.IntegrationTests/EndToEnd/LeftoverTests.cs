using System.Net;
using System.Text.Json.Nodes;
using Outlast.IntegrationTests.Faults;
using Outlast.TestKit;
using Xunit;

namespace Outlast.IntegrationTests.EndToEnd;

/// <summary>Processes that outlive their command, through the whole product.</summary>
public sealed class LeftoverTests
{
    private const string Leaver = "sleep 600 >/dev/null 2>&1 & exit 0";

    [Fact]
    [Trait("Requirement", "V-17")]
    [Trait("Requirement", "U-33")]
    public async Task What_is_left_is_shown_alive_ended_on_request_and_noted()
    {
        using var house = await HostFixture.StartAsync();
        var id = await house.ShellAsync(Leaver);
        var pid = (int)Assert.Single((await house.Http.EndAsync(id))["end"]!["leftovers"]!.AsArray())!["pid"]!;
        await house.RestartAsync();
        Assert.Equal(pid, (int)Assert.Single((await house.Http.TaskAsync(id))["survivors"]!.AsArray())!["pid"]!);
        var check = (await house.Http.GetAsync("/v1/doctor")).Json["checks"]!.AsArray().Single(c => (string)c!["name"]! == "leftovers")!;
        Assert.Equal("if they are not wanted: outlast stop 1 --leftovers", (string)check["do"]!);

        var left = await StopLeftoversAsync(house, id);
        Assert.Equal(HttpStatusCode.OK, left.Status);
        Assert.Equal(pid, (int)Assert.Single(left.Json["ended"]!.AsArray())!["pid"]!);
        Assert.Empty(left.Json["survivors"]!.AsArray());
        Assert.False(ProcessBench.IsAlive(pid));

        await house.RestartAsync();
        var task = await house.Http.TaskAsync(id);
        Assert.Null(task["survivors"]);
        Assert.Contains($"{pid} sleep 600", (string)Assert.Single(task["annotations"]!.AsArray())!["text"]!, StringComparison.Ordinal);
        Assert.Equal("completed", (string)task["state"]!);
        Assert.Empty((await StopLeftoversAsync(house, id)).Json["ended"]!.AsArray());
        Assert.Single((await house.Http.TaskAsync(id))["annotations"]!.AsArray());
    }

    [Fact]
    public async Task Of_an_open_task_a_plain_stop_takes_everything()
    {
        using var house = await HostFixture.StartAsync();
        var id = await house.ShellAsync("sleep 600");
        var refused = await StopLeftoversAsync(house, id);
        Assert.Equal((HttpStatusCode.Conflict, "urn:outlast:not-ended"), (refused.Status, refused.Type));
        Assert.Null((await house.Http.TaskAsync(id))["stop"]);
        await house.StopAsync(id, now: true);
        await house.Http.EndAsync(id);
    }

    [Fact]
    [Trait("Requirement", "U-33")]
    public async Task The_policy_of_a_task_is_kept_over_the_death_of_its_host()
    {
        using var house = await HostFixture.StartAsync();
        var go = house.File("go");
        var waits = await house.ShellAsync($"(until [ -e {go} ]; do sleep 0.02; done) & exit 4", b => b["process"]!["leftovers"] = "wait");
        await Eventually.TrueAsync(async () => (await house.Http.TaskAsync(waits))["annotations"]!.AsArray().Count > 0, "the wait is told");
        await house.RestartAsync();
        Assert.Equal("running", (string)(await house.Http.TaskAsync(waits))["state"]!);
        File.WriteAllText(go, "");
        var end = await house.Http.EndAsync(waits);
        Assert.Equal(("failed", 4, 0), ((string)end["state"]!, (int)end["end"]!["exitCode"]!, end["end"]!["leftovers"]!.AsArray().Count));
        Assert.Single(end["annotations"]!.AsArray(), a => ((string)a!["text"]!).Contains("leftovers wait", StringComparison.Ordinal));

        var stops = await house.Http.EndAsync(await house.ShellAsync(Leaver, b => b["process"]!["leftovers"] = "stop"));
        Assert.Equal(("completed", 0), ((string)stops["state"]!, stops["end"]!["leftovers"]!.AsArray().Count));
        Assert.Contains("sleep 600", stops["end"]!["evidence"]!.ToJsonString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_limit_during_the_wait_takes_them_and_is_a_note()
    {
        using var house = await HostFixture.StartAsync();
        var id = await house.ShellAsync(Leaver, b =>
        {
            b["process"]!["leftovers"] = "wait";
            b["timeout"] = "1s";
        });
        var task = await house.Http.EndAsync(id);
        Assert.Equal(("completed", "exit", 0), ((string)task["state"]!, (string)task["end"]!["cause"]!, (int)task["end"]!["exitCode"]!));
        Assert.Equal("deadline", (string)task["stop"]!["cause"]!);
        Assert.Contains("the stop came too late", task["annotations"]!.ToJsonString(), StringComparison.Ordinal);
        Assert.Empty(task["end"]!["leftovers"]!.AsArray());
    }

    private static Task<HostReply> StopLeftoversAsync(HostFixture house, string id) => house.Http.SendAsync(HttpMethod.Post, $"/v1/tasks/{id}/stop", new JsonObject { ["leftovers"] = true });
}
