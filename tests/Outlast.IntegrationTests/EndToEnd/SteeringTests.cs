using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Outlast.Diagnostics;
using Outlast.IntegrationTests.Faults;
using Outlast.TestKit;
using Xunit;

namespace Outlast.IntegrationTests.EndToEnd;

/// <summary>Ended tasks run again and dismissed, through the whole product.</summary>
public sealed class SteeringTests
{
    [Fact]
    public async Task A_retry_has_the_environment_that_was_stored_and_survives_the_host()
    {
        using var house = await HostFixture.StartAsync();
        var id = await house.ShellAsync("echo \"$SECRET\"; exit 3", b =>
        {
            b["process"]!["env"] = new JsonObject { ["SECRET"] = "a b" };
            b["labels"] = new JsonObject { ["repo"] = "x" };
        });
        await house.Http.EndAsync(id);
        await house.RestartAsync();

        var reply = await house.Http.SendAsync(HttpMethod.Post, $"/v1/tasks/{id}/retry", new JsonObject());
        var next = (string)reply.Json["id"]!;
        Assert.Equal((HttpStatusCode.Accepted, id, "x"), (reply.Status, (string)reply.Json["retryOf"]!, (string)reply.Json["labels"]!["repo"]!));
        Assert.Equal(3, (int)(await house.Http.EndAsync(next))["end"]!["exitCode"]!);
        await house.RestartAsync();
        Assert.Equal("a b\n", Encoding.UTF8.GetString(await house.Http.OutputAsync(next)));
        Assert.Equal(id, (string)(await house.Http.TaskAsync(next))["retryOf"]!);
        Assert.Contains(next, (await house.Http.TaskAsync(id))["annotations"]!.ToJsonString(), StringComparison.Ordinal);
    }

    [Theory]
    [Trait("Requirement", "U-90")]
    [InlineData(null)]
    [InlineData(Milestone.TombstoneCommitted)]
    [InlineData(Milestone.FilesRemoved)]
    public async Task What_was_dismissed_never_comes_back(string? dies)
    {
        using var scratch = new ScratchFolder();
        var data = new DataFolder(scratch.File("data"));
        using var http = new HostConnection(data);
        string id;
        using (var host = HostProcess.Start(data, dies is null ? null : ["--at", dies]))
        {
            await host.ReadyAsync();
            id = (string)(await http.SubmitAsync("dismissed", ["/bin/echo", "gone"]))["id"]!;
            await http.EndAsync(id);
            Assert.True(Directory.Exists(data.Task(TaskId.Parse(id))));
            if (dies is null) Assert.Equal(HttpStatusCode.OK, (await http.SendAsync(HttpMethod.Delete, $"/v1/tasks/{id}")).Status);
            else
            {
                await Assert.ThrowsAnyAsync<Exception>(() => http.SendAsync(HttpMethod.Delete, $"/v1/tasks/{id}"));
                await host.ExitedAsync();
            }
            if (dies is null) await host.KillAsync();
        }
        for (var restart = 0; restart < 2; restart++)
        {
            using var next = await HostProcess.StartReadyAsync(data);
            var reply = await http.GetAsync($"/v1/tasks/{id}");
            Assert.Equal((HttpStatusCode.Gone, "urn:outlast:removed"), (reply.Status, reply.Type));
            Assert.StartsWith("removed by uid ", (string)reply.Json["reason"]!, StringComparison.Ordinal);
            Assert.Empty((await http.GetAsync("/v1/tasks")).Json["tasks"]!.AsArray());
            await Eventually.TrueAsync(() => !Directory.Exists(data.Task(TaskId.Parse(id))), "its files are gone");
            await next.KillAsync();
        }
    }
}
