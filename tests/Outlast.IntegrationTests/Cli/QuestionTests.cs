using System.Text.Json.Nodes;
using Outlast.IntegrationTests.Faults;
using Outlast.TestKit;

namespace Outlast.IntegrationTests.Cli;

/// <summary>A question of a program's task, and somebody at a shell who answers it.</summary>
public sealed class QuestionTests
{
    [Fact]
    [Trait("Requirement", "U-70")]
    public async Task What_a_task_asks_is_shown_and_answered_at_the_terminal()
    {
        await using var folder = new OutlastFolder();
        using var host = HostProcess.StartApp(folder.Data);
        await host.ReadyAsync();
        using var http = new HostConnection(folder.Data);
        await http.SendAsync(HttpMethod.Post, "/v1/tasks", new JsonObject
        {
            ["session"] = "s1",
            ["handler"] = "grow",
            ["input"] = new JsonObject { ["Witness"] = folder.File("witness"), ["Steps"] = 1, ["Depth"] = 0, ["Fan"] = 0, ["PauseMs"] = 0, ["Command"] = false, ["Asks"] = true },
        });
        await Eventually.TrueAsync(async () => (string?)(await http.GetAsync("/v1/tasks?limit=1")).Json["tasks"]![0]!["state"] == "waiting", "it asks");

        var seen = await Task.WhenAll(folder.RunAsync("show", "1"), folder.RunAsync("ps"), folder.RunAsync("inbox", "--session", "s1"), folder.RunAsync("answer", "1", "maybe"));
        Assert.Matches(@"^Task 1  grow  waiting\n(.*\n)*  asks +Shall it go on\?\n  answers +yes, no\n  until +\S.*, then nobody has answered\n", seen[0].Output);
        Assert.Contains("\n1\twaiting\t", seen[1].Output, StringComparison.Ordinal);
        Assert.Contains("Shall it go on?", seen[2].Output, StringComparison.Ordinal);
        Assert.Equal((2, ""), (seen[3].Code, seen[3].Output));
        Assert.Contains("yes, no", seen[3].Error, StringComparison.Ordinal);

        Assert.Matches("^task 1 is answered: (running|queued)\n$", (await folder.RunAsync("answer", "1", "yes")).Output);
        Assert.Equal(0, (await folder.RunAsync("wait", "1")).Code);
        var late = await folder.RunAsync("answer", "1", "no");
        Assert.Equal(5, late.Code);
        Assert.StartsWith("outlast: ", late.Error, StringComparison.Ordinal);
    }
}
