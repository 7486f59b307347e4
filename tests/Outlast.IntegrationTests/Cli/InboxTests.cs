using System.Text.Json.Nodes;
using Outlast.TestKit;
using Xunit;

namespace Outlast.IntegrationTests.Cli;

public sealed class InboxTests
{
    [Fact]
    [Trait("Requirement", "U-45")]
    [Trait("Requirement", "V-52")]
    [Trait("Requirement", "V-55")]
    public async Task A_session_reads_what_became_of_its_tasks_whoever_has_started_them_and_is_told_nothing_twice()
    {
        await using var folder = new OutlastFolder(("OUTLAST_SESSION", "me"));
        var id = (await folder.RunAsync("run", "-d", "--name", "build", "--", "sh", "-c", "exit 3")).Output.Trim();
        await folder.RunAsync("run", "--session", "other one", "--name", "aside", "--", "true");
        await folder.RunAsync("wait", id);

        var summary = await folder.RunAsync("inbox", "--all");
        Assert.Equal(["SESSION\tTOLD\tOPEN TASKS\tQUEUED\tHANDED OVER\tDROPPED", "me\tpush\t0\t1\t0\t0", "other one\tpush\t0\t1\t0\t0"], summary.Lines);
        Assert.Contains("inbox --session me", summary.Error);

        var peeked = await folder.RunAsync("inbox");
        Assert.Contains("build failed\tTask 1 (build) failed: exit code 3.", peeked.Output);
        Assert.Contains("inbox --session me --ack", peeked.Error);
        Assert.Equal("queued", (string)JsonNode.Parse((await folder.RunAsync("inbox", "--json")).Output)!["delivery"]!);
        Assert.Contains("  notices     1 queued", (await folder.RunAsync("show", "1")).Output);

        var taken = await folder.RunAsync("inbox", "--ack", "--json");
        Assert.Equal(("handed_over", $"task:{id}:ended", "outlast"), JsonNode.Parse(taken.Output) is { } n ? ((string)n["delivery"]!, (string)n["key"]!, (string)n["provenance"]!) : default);
        var empty = await folder.RunAsync("inbox");
        Assert.Equal(("", 0), (empty.Output, empty.Code));
        Assert.Contains("nothing is open for session me", empty.Error);

        using var following = folder.Start(OutlastFolder.Program, "inbox", "--session", "other one", "-f", "--ack", "--json");
        await following.SeeAsync("aside completed");
        await Eventually.TrueAsync(async () => (await folder.RunAsync("inbox", "--session", "other one", "--json")).Lines.Length == 0, "what was printed is acknowledged");
    }

    [Fact]
    [Trait("Requirement", "V-09")]
    public async Task A_session_is_closed_after_a_question_and_its_tasks_end_with_it()
    {
        await using var folder = new OutlastFolder();
        await folder.RunAsync("run", "-d", "--session", "s", "--", "sleep", "300");
        var unasked = await folder.RunAsync("session", "s", "--close");
        Assert.Equal(2, unasked.Code);
        Assert.Contains("1 open task is stopped and 0 notices dropped", unasked.Error);
        Assert.Equal("s\thold\t1\t0\t0\t0", (await folder.RunAsync("session", "s", "--notify", "hold")).Lines[1]);
        Assert.Equal("closed; asked to stop: 1\n", (await folder.RunAsync("session", "s", "--close", "--yes")).Output);
        Assert.Equal(130, (await folder.RunAsync("wait", "1")).Code);
        Assert.Equal("its session was closed", (string)(await folder.ShowAsync("1"))["stop"]!["reason"]!);
    }

    [Fact]
    public async Task What_cannot_be_is_refused_with_the_option_named()
    {
        await using var folder = new OutlastFolder();
        Assert.Contains("--notify 'last' needs a group", (await folder.RunAsync("run", "--session", "s", "--notify", "last", "--", "true")).Error);
        Assert.Contains("--notify 'failures' needs a session", (await folder.RunAsync("run", "--notify", "failures", "--", "true")).Error);
        var nobody = await folder.RunAsync("inbox", "--ack");
        Assert.Equal(2, nobody.Code);
        Assert.Contains("--session S, or $OUTLAST_SESSION", nobody.Error);
    }
}
