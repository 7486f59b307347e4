using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using Outlast.IntegrationTests.Faults;
using Outlast.TestKit;
using Xunit;

namespace Outlast.IntegrationTests.EndToEnd;

/// <summary>What is sent to running tasks, through the whole product.</summary>
public sealed class InputTests
{
    [Fact]
    public async Task A_conversation_goes_on_over_the_death_of_hosts()
    {
        using var house = await HostFixture.StartAsync();
        var id = await OpenAsync(house, "n=0; while read l; do n=$((n+1)); echo \"$n $l\"; done; echo over; exit 5");
        await AcceptedAsync(house, id, "first\n");
        await house.RestartAsync();
        await AcceptedAsync(house, id, "second\n");
        await house.KillHostAsync();
        await house.StartHostAsync();
        await AcceptedAsync(house, id, "third\n", eof: true);
        var task = await house.Http.EndAsync(id);
        Assert.Equal((5, 1, 2), ((int)task["end"]!["exitCode"]!, (int)task["attempt"]!, (int)task["adoptions"]!));
        Assert.Equal("1 first\n2 second\n3 third\nover\n", Encoding.UTF8.GetString(await house.Http.OutputAsync(id)));
        Assert.Equal("open", (string)task["spec"]!["process"]!["stdin"]!);
    }

    [Fact]
    public async Task A_refusal_says_what_is_in_the_way_and_how_much_was_taken()
    {
        using var house = await HostFixture.StartAsync(("OUTLAST_CONCURRENCY_PROCESSES", "2"));
        var deaf = await OpenAsync(house, "until [ -e go ]; do sleep 0.02; done; wc -c", house.File("."));
        var closed = await house.ShellAsync("sleep 60");
        var queued = await OpenAsync(house, "cat");
        var refused = await SendAsync(house, closed, "x");
        Assert.Equal((HttpStatusCode.Conflict, "urn:outlast:input-closed", "never_open", "none", 0), (refused.Status, refused.Type, (string)refused.Json["why"]!, (string)refused.Json["stdin"]!, (int)refused.Json["taken"]!));
        refused = await SendAsync(house, queued, "x");
        Assert.Equal((HttpStatusCode.Conflict, "urn:outlast:not-started", "queued"), (refused.Status, refused.Type, (string)refused.Json["state"]!));

        var full = await BytesAsync(house, deaf, new byte[100_000], eof: true);
        Assert.Equal((HttpStatusCode.Conflict, "urn:outlast:input-full"), (full.Status, full.Type));
        var taken = (int)full.Json["taken"]!;
        File.WriteAllText(house.File("go"), "");
        while (taken < 100_000)
        {
            var next = await BytesAsync(house, deaf, new byte[100_000 - taken], eof: true);
            taken += (int)next.Json["taken"]!;
            Assert.True(next.Status == HttpStatusCode.OK || next.Type == "urn:outlast:input-full", next.ToString());
        }
        await house.Http.EndAsync(deaf);
        Assert.Equal("100000\n", Encoding.UTF8.GetString(await house.Http.OutputAsync(deaf)));
        var ended = await SendAsync(house, deaf, "late");
        Assert.Equal((HttpStatusCode.Conflict, "urn:outlast:ended"), (ended.Status, ended.Type));

        await AcceptedAsync(house, queued, "", eof: true);
        var after = await SendAsync(house, queued, "after the end");
        Assert.Equal(HttpStatusCode.Conflict, after.Status);
        Assert.True(after.Type is "urn:outlast:input-closed" or "urn:outlast:ended", after.ToString());
        Assert.Equal(HttpStatusCode.BadRequest, (await house.Http.SendAsync(HttpMethod.Post, $"/v1/tasks/{closed}/input", new JsonObject())).Status);
    }

    private static Task<string> OpenAsync(HostFixture house, string script, string? folder = null) => house.ShellAsync(script, body =>
    {
        body["process"]!["stdin"] = "open";
        if (folder is not null) body["process"]!["cwd"] = Path.GetFullPath(folder);
    });

    private static async Task AcceptedAsync(HostFixture house, string id, string text, bool eof = false)
    {
        var reply = await SendAsync(house, id, text, eof);
        Assert.True(reply.Status == HttpStatusCode.OK, reply.ToString());
        Assert.Equal(Encoding.UTF8.GetByteCount(text), (int)reply.Json["taken"]!);
    }

    private static Task<HostReply> SendAsync(HostFixture house, string id, string text, bool eof = false) =>
        house.Http.SendAsync(HttpMethod.Post, $"/v1/tasks/{id}/input", new JsonObject { ["text"] = text, ["eof"] = eof });

    private static Task<HostReply> BytesAsync(HostFixture house, string id, byte[] bytes, bool eof) =>
        house.Http.SendAsync(HttpMethod.Post, $"/v1/tasks/{id}/input?eof={(eof ? "true" : "false")}", new ByteArrayContent(bytes) { Headers = { ContentType = new MediaTypeHeaderValue("application/octet-stream") } });
}
