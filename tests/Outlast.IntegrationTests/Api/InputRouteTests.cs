using System.Net;
using Outlast.Client;
using Xunit;

namespace Outlast.IntegrationTests.Api;

public sealed class InputRouteTests
{
    [Fact]
    public async Task A_text_in_JSON_and_bytes_as_they_are_both_arrive()
    {
        await using var host = await ApiHost.StartAsync();
        var task = host.Tasks.Add();

        var text = await (await host.PostAsync($"/v1/tasks/{task.Id}/input", """{"text":"é\n","eof":true}""")).JsonAsync();
        var sent = await host.Client.SendAsync(task.Id.ToString(), new byte[] { 0, 255, 10 });
        await host.Client.SendAsync(task.Id.ToString(), ReadOnlyMemory<byte>.Empty, eof: true);

        Assert.Equal("""{"taken":3,"eof":true}""", text.GetRawText());
        Assert.Equal(new InputView(3), sent);
        Assert.Equal([(3, true), (3, false), (0, true)], host.Tasks.Inputs.Select(i => (i.Bytes.Length, i.End)));
        Assert.Equal("é\n"u8.ToArray(), host.Tasks.Inputs[0].Bytes);
        Assert.Equal([0, 255, 10], host.Tasks.Inputs[1].Bytes);
    }

    [Theory]
    [InlineData("{}", "text")]
    [InlineData("""{"text": 7}""", "text")]
    [InlineData("""{"text": "a", "end": true}""", "end")]
    [InlineData("[]", "body")]
    public async Task What_cannot_be_read_is_named(string body, string field)
    {
        await using var host = await ApiHost.StartAsync();
        var task = host.Tasks.Add();
        var problem = await (await host.PostAsync($"/v1/tasks/{task.Id}/input", body)).ProblemAsync(HttpStatusCode.BadRequest, ProblemTypes.Invalid);
        Assert.True(problem.GetProperty("errors").TryGetProperty(field, out _), problem.GetRawText());
        Assert.Empty(host.Tasks.Inputs);
    }

    [Fact]
    public async Task A_body_of_another_kind_is_refused()
    {
        await using var host = await ApiHost.StartAsync();
        var task = host.Tasks.Add();
        using var content = new StringContent("text=a", null, "application/x-www-form-urlencoded");
        var problem = await (await host.Http.PostAsync($"/v1/tasks/{task.Id}/input", content)).ProblemAsync(HttpStatusCode.BadRequest, ProblemTypes.Invalid);
        Assert.True(problem.GetProperty("errors").TryGetProperty("Content-Type", out _));
    }
}
