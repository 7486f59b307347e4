using System.Net;
using Outlast.Client;
using Outlast.TestKit;
using Xunit;

namespace Outlast.IntegrationTests.Api;

public sealed class EventRouteTests
{
    /// <summary>The schema of events, version 1 (the <c>v1</c> of the route). A change of a field needs a new version or an alias.</summary>
    [Fact]
    [Trait("Requirement", "S285-4")]
    public async Task Events_are_written_as_version_1_of_their_schema_says()
    {
        await using var host = await ApiHost.StartAsync();
        var task = host.Tasks.Add();
        host.Tasks.Happen(TaskEventType.HostStarted, data: ("host", "h3"));
        host.Tasks.Happen(TaskEventType.Submitted, task.Id, "s1", ("kind", "process"), ("timeoutMs", 600000));
        host.Tasks.Happen(TaskEventType.Ended, task.Id, "s1", ("kind", "process"));
        Assert.Equal($$$"""
            {"events":[{"seq":1,"type":"host.started","at":"2026-11-20T10:00:01.123Z","data":{"host":"h3"}},
            {"seq":2,"task":"{{{task.Id}}}","session":"s1","taskSeq":1,"type":"task.submitted","at":"2026-11-20T10:00:02.123Z","state":"running","attempt":1,"data":{"kind":"process","timeoutMs":600000}},
            {"seq":3,"task":"{{{task.Id}}}","session":"s1","taskSeq":2,"type":"task.ended","at":"2026-11-20T10:00:03.123Z","state":"running","attempt":1,"data":{"kind":"process"}}],"next":3}
            """.ReplaceLineEndings(""), await host.Http.GetStringAsync("/v1/events"));
    }

    [Fact]
    [Trait("Requirement", "S285-4")]
    public void The_words_of_events_are_the_contracts() => Assert.Equal(
        "host.draining host.resumed host.started host.stopped task.adopted task.annotated task.answered task.ended task.extended task.progress task.question task.removed task.requeued task.settled task.started "
        + "task.stop_requested task.stopping_now task.submitted task.warning",
        string.Join(' ', Names.All<TaskEventType>().Order(StringComparer.Ordinal)));

    [Fact]
    public async Task A_page_has_the_events_after_a_number_and_the_next_number()
    {
        await using var host = await ApiHost.StartAsync();
        var (one, two) = (host.Tasks.Add(), host.Tasks.Add());
        for (var i = 0; i < 6; i++) host.Tasks.Happen(TaskEventType.Annotated, i % 2 == 0 ? one.Id : two.Id, i % 2 == 0 ? "a" : "b");
        var page = await host.Client.ReadEventsAsync(after: 1, limit: 2);
        Assert.Equal(([2L, 3L], 3L), ((long[])[.. page.Events.Select(e => e.Seq)], page.Next), PageComparer);
        var ofTask = await host.Client.ReadEventsAsync(task: two.Id.ToString());
        Assert.Equal(([2L, 4L, 6L], 6L), ((long[])[.. ofTask.Events.Select(e => e.Seq)], ofTask.Next), PageComparer);
        var ofSession = await host.Client.ReadEventsAsync(session: "a");
        Assert.Equal(([1L, 3L, 5L], 6L), ((long[])[.. ofSession.Events.Select(e => e.Seq)], ofSession.Next), PageComparer);
        Assert.Empty((await host.Client.ReadEventsAsync(after: 6)).Events);
    }

    [Fact]
    [Trait("Requirement", "D1")]
    public async Task A_stream_gives_what_is_missing_and_then_what_happens_each_once()
    {
        await using var host = await ApiHost.StartAsync();
        var task = host.Tasks.Add();
        for (var i = 0; i < 250; i++) host.Tasks.Happen(TaskEventType.Progress, task.Id);
        await using var frames = host.Client.StreamEventsAsync(after: 3).GetAsyncEnumerator();
        var got = new List<long>();
        while (got.Count < 247 && await frames.MoveNextAsync().AsTask().Soon()) got.Add(frames.Current.Event!.Seq);
        for (var i = 0; i < 10; i++)
        {
            host.Tasks.Happen(TaskEventType.Progress, task.Id);
            Assert.True(await frames.MoveNextAsync().AsTask().Soon());
            got.Add(frames.Current.Event!.Seq);
        }
        Assert.Equal(Enumerable.Range(4, 257).Select(n => (long)n), got);
    }

    [Fact]
    public async Task The_messages_are_as_the_contract_shows_them_and_the_header_is_newer_than_the_address()
    {
        await using var host = await ApiHost.StartAsync();
        var task = host.Tasks.Add();
        for (var i = 0; i < 3; i++) host.Tasks.Happen(TaskEventType.Annotated, task.Id);
        using var response = await host.GetAsync("/v1/events?after=0", ("Accept", "text/event-stream"), ("Last-Event-ID", "2"));
        Assert.Equal(("text/event-stream", "no-store", "no"), (response.Content.Headers.ContentType!.ToString(), response.Header("Cache-Control"), response.Header("X-Accel-Buffering")));
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync());
        Assert.Equal("event: task.annotated", await reader.ReadLineAsync().Soon());
        Assert.Equal("id: 3", await reader.ReadLineAsync().Soon());
        Assert.StartsWith("""data: {"seq":3,""", await reader.ReadLineAsync().Soon());
        Assert.Equal("", await reader.ReadLineAsync().Soon());
    }

    [Fact]
    [Trait("Requirement", "D5")]
    public async Task A_cursor_that_is_older_than_what_is_kept_gets_a_gap()
    {
        await using var host = await ApiHost.StartAsync();
        var task = host.Tasks.Add();
        for (var i = 0; i < 5; i++) host.Tasks.Happen(TaskEventType.Annotated, task.Id);
        host.Tasks.FirstKept = 4;
        var page = await host.Client.ReadEventsAsync(after: 1);
        Assert.Equal((4L, 4L), (page.Gap!.First, page.Events[0].Seq));
        Assert.Null((await host.Client.ReadEventsAsync(after: 3)).Gap);
        await using var frames = host.Client.StreamEventsAsync(after: 1).GetAsyncEnumerator();
        Assert.True(await frames.MoveNextAsync().AsTask().Soon());
        Assert.Equal(new EventFrame(null, new(4)), frames.Current);
        Assert.True(await frames.MoveNextAsync().AsTask().Soon());
        Assert.Equal(4, frames.Current.Event!.Seq);
    }

    [Fact]
    [Trait("Requirement", "D2")]
    public async Task A_silent_stream_sends_a_comment_every_15_seconds()
    {
        var time = new ManualTime();
        await using var host = await ApiHost.StartAsync(time);
        using var response = await host.GetAsync("/v1/events", ("Accept", "text/event-stream"));
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync());
        for (var beat = 0; beat < 3; beat++)
        {
            await time.WhenArmedAsync(TimeSpan.FromSeconds(15));
            var line = reader.ReadLineAsync();
            time.Advance(TimeSpan.FromSeconds(14.9));
            Assert.False(line.IsCompleted);
            time.Advance(TimeSpan.FromSeconds(0.1));
            Assert.StartsWith(":", await line.Soon());
            Assert.Equal("", await reader.ReadLineAsync().Soon());
        }
    }

    [Theory]
    [InlineData("after=-1", "after")]
    [InlineData("limit=0", "limit")]
    [InlineData("task=17", "task")]
    [InlineData("since=1h", "since")]
    public async Task A_bad_query_is_a_400_that_names_it(string query, string field)
    {
        await using var host = await ApiHost.StartAsync();
        using var response = await host.GetAsync($"/v1/events?{query}");
        Assert.True((await response.ProblemAsync(HttpStatusCode.BadRequest, ProblemTypes.Invalid)).GetProperty("errors").TryGetProperty(field, out _));
    }

    private static IEqualityComparer<(long[] Numbers, long Next)> PageComparer { get; } =
        EqualityComparer<(long[] Numbers, long Next)>.Create((a, b) => a.Next == b.Next && a.Numbers.SequenceEqual(b.Numbers), p => p.Next.GetHashCode());
}
