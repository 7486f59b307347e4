using System.Globalization;
using System.Text.Json.Nodes;

namespace Outlast.IntegrationTests.Cli;

/// <summary>What does not start at once, what is tried again, and what is awaited together, at the terminal.</summary>
public sealed class LaterTests
{
    [Fact]
    [Trait("Requirement", "V-04")]
    [Trait("Requirement", "V-12")]
    public async Task Later_by_a_deadline_by_priority_again_and_together()
    {
        await using var folder = new OutlastFolder(("OUTLAST_CONCURRENCY_PROCESSES", "1"));
        var go = folder.File("go");
        var ran = await folder.ShellAsync($$"""
            outlast run -d --group g -- sh -c 'until [ -e {{go}} ]; do sleep 0.02; done' >/dev/null
            outlast run -d --start-by 200ms -- true >/dev/null
            outlast run -d --group g --priority -5 -- true >/dev/null
            outlast run -d --group g --priority 5 -- sh -c 'exit 4' >/dev/null
            outlast run -d --in 1h -- true >/dev/null
            outlast run -d --at 2099-01-01T08:30Z -- true >/dev/null
            outlast wait 2; echo $?
            touch {{go}}
            together=$(outlast wait --group g --timeout 1m); echo $?; echo "$together" | sort
            outlast run -d --retry 2 --retry-backoff 50ms -- sh -c 'echo try $OUTLAST_ATTEMPT; [ $OUTLAST_ATTEMPT = 2 ]' >/dev/null
            outlast run -d --in 300ms -- true >/dev/null
            outlast wait 7 8 | sort; outlast logs 7 --attempt 1; outlast logs 7
            """);

        Assert.Matches(@"^2\ttimed_out\ttimed out: not started by .*; it waited for kind process: 1 of 1\n124\n1\n1\tcompleted\texit code 0\n3\tcompleted\texit code 0\n4\tfailed\texit code 4\n7\tcompleted\texit code 0\n8\tcompleted\texit code 0\ntry 1\ntry 2\n$", ran.Output);
        Assert.Equal("", ran.Error);
        var tasks = (await folder.RunAsync("ps", "-a", "--json")).Lines.Select(l => JsonNode.Parse(l)!).ToDictionary(t => (int)t["number"]!);
        Assert.Equal("start_deadline", (string)tasks[2]["end"]!["cause"]!);
        Assert.True(At(tasks[4], "startedAt") < At(tasks[3], "startedAt"), "the larger priority goes first");
        // Counted from the request, which comes before the record.
        Assert.InRange(At(tasks[5], "createdAt").AddHours(1) - At(tasks[5], "notBefore"), TimeSpan.Zero, TimeSpan.FromMinutes(1));
        Assert.Equal(new DateTimeOffset(2099, 1, 1, 8, 30, 0, TimeSpan.Zero), At(tasks[6], "notBefore"));
        Assert.Equal(("queued", "queued"), ((string)tasks[5]["state"]!, (string)tasks[6]["state"]!));
        Assert.Equal(2, (int)tasks[7]["attempt"]!);
        Assert.InRange(At(tasks[8], "createdAt").AddMilliseconds(300) - At(tasks[8]["spec"]!, "at"), TimeSpan.Zero, TimeSpan.FromMinutes(1));
        Assert.True(At(tasks[8], "startedAt") >= At(tasks[8]["spec"]!, "at"), "it does not start before");
    }

    private static DateTimeOffset At(JsonNode task, string field) => DateTimeOffset.Parse((string)task[field]!, CultureInfo.InvariantCulture);
}
