using System.Net;
using System.Net.ServerSentEvents;
using System.Text;
using System.Text.Json.Nodes;
using Outlast.Client;
using Outlast.TestKit;
using Xunit;
using static Outlast.IntegrationTests.Api.RuntimeHost;

namespace Outlast.IntegrationTests.Api;

/// <summary>Sessions and inboxes over HTTP, behind the real runtime.</summary>
public sealed class SessionRouteTests : IAsyncLifetime
{
    private RuntimeHost _host = null!;

    private OutlastHttpClient Client => _host.Client;

    public async Task InitializeAsync() => _host = await RuntimeHost.StartAsync();

    public async Task DisposeAsync() => await _host.DisposeAsync();

    [Fact]
    [Trait("Requirement", "V-54")]
    [Trait("Requirement", "U-43")]
    public async Task A_notice_has_its_shape_says_who_speaks_and_is_acknowledged_by_its_own_session_alone()
    {
        const string session = "proj/α ?%2F";
        var task = await EndAsync(session, 3);
        var notice = Assert.Single((await Client.ReadInboxAsync(session)).Notices);
        Assert.Equal(
            (1L, $"task:{task.Id}:ended", "ended", "outlast", session, task.Id, 1L, "failed", "exit", "handed_over", 1),
            (notice.Seq, notice.Key, notice.Kind, notice.Provenance, notice.Session, notice.Task, notice.Number, notice.State, notice.Cause, notice.Delivery, notice.Deliveries));
        Assert.Equal("work failed", notice.Title);
        Assert.Contains("exit code 3", notice.Text);
        Assert.Equal("handed_over", Assert.Single((await Client.ReadInboxAsync(session, peek: true)).Notices).Delivery);
        Assert.Empty((await Client.ReadInboxAsync("proj")).Notices);

        var foreign = await Client.AcknowledgeAsync("proj", new(Keys: [notice.Key]));
        Assert.Equal((0, notice.Key), (foreign.Count, Assert.Single(foreign.Unknown!)));
        var own = await Client.AcknowledgeAsync(session, new(Keys: [notice.Key, "nonsense"]));
        Assert.Equal((1, notice.Key, "nonsense"), (own.Count, Assert.Single(own.Acknowledged), Assert.Single(own.Unknown!)));
        var again = await Client.AcknowledgeAsync(session, new(All: true));
        Assert.Equal((0, true), (again.Count, again.Unknown is null));
        Assert.Empty((await Client.ReadInboxAsync(session)).Notices);
        Assert.Equal(1, (await Client.GetAsync(task.Id)).Notices!["acknowledged"]);
    }

    [Fact]
    public async Task Requests_that_cannot_be_are_refused_by_their_field()
    {
        await RefusedAsync("all", HttpMethod.Post, "/v1/sessions/s/inbox/ack", """{"all": false}""");
        await RefusedAsync("", HttpMethod.Post, "/v1/sessions/s/inbox/ack", """{"keys": [], "through": 3}""");
        await RefusedAsync("", HttpMethod.Post, "/v1/sessions/s/inbox/ack", "{}");
        await RefusedAsync("notify", HttpMethod.Put, "/v1/sessions/s", """{"notify": "sometimes"}""");
        await RefusedAsync("notify", HttpMethod.Put, "/v1/sessions/s", "{}");
        await RefusedAsync("limit", HttpMethod.Get, "/v1/sessions/s/inbox?limit=0");
        await RefusedAsync("session", HttpMethod.Get, $"/v1/sessions/{new string('x', 201)}");
        await RefusedAsync("session", HttpMethod.Get, "/v1/sessions/%20");
        await RefusedAsync("session", HttpMethod.Get, "/v1/sessions/a%0Ab/inbox");
        await RefusedAsync("session", HttpMethod.Get, $"/v1/tasks/{TaskId.New(DateTimeOffset.UnixEpoch)}?consume=true");
        await RefusedAsync("session", HttpMethod.Get, $"/v1/tasks/{TaskId.New(DateTimeOffset.UnixEpoch)}?session=s");
        await RefusedAsync("notify", HttpMethod.Post, "/v1/tasks", """{"session": "s", "notify": "last", "process": {"argv": ["true"]}}""");
        await RefusedAsync("notify", HttpMethod.Post, "/v1/tasks", """{"notify": "failures", "process": {"argv": ["true"]}}""");
        await RefusedAsync("notify", HttpMethod.Post, "/v1/tasks", """{"session": "s", "notify": "loudly", "process": {"argv": ["true"]}}""");
    }

    [Fact]
    [Trait("Requirement", "U-40")]
    [Trait("Requirement", "U-49")]
    public async Task Whoever_waits_gets_the_end_of_a_whole_group_at_once_and_nothing_else_where_that_was_asked_for()
    {
        var waiting = Client.ReadInboxAsync("s", wait: TimeSpan.FromMinutes(1));
        var first = await Client.SubmitAsync(new() { Name = "work", Session = "s", Group = "g", Notify = "last", Process = new() { Shell = "read -r x", Stdin = StdinView.Open } });
        await EndAsync("s", 4, group: "g", notify: "last");
        Assert.False(waiting.IsCompleted);
        await Client.SendAsync(first.Id, Encoding.UTF8.GetBytes("go\n"), eof: true);
        var notice = Assert.Single((await waiting.Soon()).Notices);
        Assert.Equal(("group", "g", "group g: all 2 ended", "The last of 2 tasks of group 'g' has ended: 1 completed, 1 did not."), (notice.Kind, notice.Group, notice.Title, notice.Text));
        Assert.Equal(("g", "last"), (await Client.GetAsync(first.Id) is var task ? (task.Group, task.Notify) : default));
    }

    [Fact]
    [Trait("Requirement", "D1")]
    [Trait("Requirement", "U-41")]
    public async Task A_stream_gives_what_is_open_and_what_comes_and_goes_on_from_its_cursor()
    {
        await EndAsync("s", 0);
        await EndAsync("s", 0);
        var seen = new List<NoticeView>();
        using (var enough = new CancellationTokenSource())
        {
            try
            {
                await foreach (var notice in Client.StreamInboxAsync("s", cancel: enough.Token))
                {
                    seen.Add(notice);
                    if (seen.Count == 2) await EndAsync("s", 0);
                    if (seen.Count == 3) await enough.CancelAsync();
                }
            }
            catch (OperationCanceledException) { }
        }
        Assert.Equal([1, 2, 3], seen.Select(n => n.Seq));
        await Client.AcknowledgeAsync("s", new(Keys: [seen[1].Key]));

        using var request = new HttpRequestMessage(HttpMethod.Get, "/v1/sessions/s/inbox");
        request.Headers.Accept.ParseAdd("text/event-stream");
        request.Headers.Add("Last-Event-ID", "1");
        using var response = await _host.Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        Assert.Equal("text/event-stream", response.Content.Headers.ContentType!.MediaType);
        await foreach (var message in SseParser.Create(await response.Content.ReadAsStreamAsync()).EnumerateAsync())
        {
            Assert.Equal(("notice", "3", 2), (message.EventType, message.EventId, (int)JsonNode.Parse(message.Data)!["deliveries"]!));
            break;
        }
    }

    [Fact]
    [Trait("Requirement", "U-42")]
    public async Task A_read_by_its_session_that_asks_for_it_stands_for_the_notice()
    {
        var task = await Client.SubmitAsync(Shell("exit 0") with { Session = "s" });
        var foreign = await Assert.ThrowsAsync<OutlastProblemException>(() => Client.ConsumeAsync(task.Id, "t"));
        Assert.Equal(ProblemTypes.NotFound, foreign.Type);
        var read = await Client.ConsumeAsync(task.Id, "s", TimeSpan.FromMinutes(1));
        Assert.Equal("completed", read.State);
        Assert.Empty((await Client.ReadInboxAsync("s")).Notices);
        Assert.Equal(1, (await Client.GetAsync(task.Id)).Notices!["consumed"]);
    }

    [Fact]
    [Trait("Requirement", "V-09")]
    [Trait("Requirement", "S2293-5")]
    public async Task Sessions_are_listed_told_as_they_wish_and_closed()
    {
        await EndAsync("s", 0);
        Assert.Equal("never", (await Client.SetSessionAsync("quiet", "never")).Notify);
        await EndAsync("quiet", 1);
        var running = await Client.SubmitAsync(Shell("sleep 300") with { Session = "s" });
        Assert.Equal([("quiet", "never", 0, 0, 1), ("s", "push", 1, 1, 0)], (await Client.SessionsAsync()).Select(s => (s.Name, s.Notify, s.OpenTasks, s.Queued, s.Dropped)));

        var closed = await Client.CloseSessionAsync("s");
        Assert.Equal([running.Number], closed.Stopped);
        var ended = await Client.WaitAsync(running.Id).Soon();
        Assert.Equal(("stopped", "user", "its session was closed"), (ended.State, ended.End!.Cause, ended.Stop!.Reason));
        Assert.Empty((await Client.ReadInboxAsync("s")).Notices);
        Assert.Equal((0, 0, 2), (await Client.SessionAsync("s")) is var left ? (left.Queued, left.HandedOver, left.Dropped) : default);
    }

    private async Task RefusedAsync(string field, HttpMethod method, string route, string? body = null)
    {
        using var request = new HttpRequestMessage(method, route) { Content = body is null ? null : new StringContent(body, Encoding.UTF8, "application/json") };
        using var response = await _host.Http.SendAsync(request);
        var problem = await response.ProblemAsync(HttpStatusCode.BadRequest, ProblemTypes.Invalid);
        Assert.True(problem.GetProperty("errors").TryGetProperty(field, out _), $"{method} {route}: {problem}");
    }

    private async Task<TaskView> EndAsync(string session, int code, string? group = null, string? notify = null)
    {
        var task = await Client.SubmitAsync(Shell($"exit {code}") with { Session = session, Group = group, Notify = notify });
        return await Client.WaitAsync(task.Id).Soon();
    }
}
