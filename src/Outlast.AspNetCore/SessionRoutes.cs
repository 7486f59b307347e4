using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Outlast.Client;

namespace Outlast.AspNetCore;

/// <summary>Sessions, and what they are told: listed, fetched, streamed, acknowledged, closed.</summary>
internal sealed class SessionRoutes(Api api)
{
    private const int StreamPage = 100, MostKeysTold = 1_000;

    public async Task ListAsync(HttpContext context)
    {
        new QueryFields(context.Request.Query).ThrowIfAny();
        var sessions = await api.Sessions.ListAsync(context.RequestAborted).ConfigureAwait(false);
        await Api.AnswerAsync(context, StatusCodes.Status200OK, new SessionListView([.. sessions.Select(s => NoticeViews.Of(s))]), OutlastJson.Wire.SessionListView).ConfigureAwait(false);
    }

    public async Task GetAsync(HttpContext context)
    {
        var session = SessionOf(context, fromEnd: 0);
        new QueryFields(context.Request.Query).ThrowIfAny();
        await AnswerAsync(context, NoticeViews.Of(await api.Sessions.GetAsync(session, context.RequestAborted).ConfigureAwait(false))).ConfigureAwait(false);
    }

    public async Task SetAsync(HttpContext context)
    {
        var session = SessionOf(context, fromEnd: 0);
        var (errors, fields) = await TaskRoutes.ReadBodyAsync(context).ConfigureAwait(false);
        var notify = fields.Word("notify", NoticeViews.Policies);
        if (fields.WasEmpty) fields.Fail("notify", $"is needed: one of {string.Join(", ", NoticeViews.Policies.Keys)}");
        fields.FailOnRest(new HashSet<string>());
        errors.ThrowIfAny("The session cannot be changed");
        await AnswerAsync(context, NoticeViews.Of(await api.Sessions.SetPolicyAsync(session, notify!.Value, CancellationToken.None).ConfigureAwait(false))).ConfigureAwait(false);
    }

    public async Task CloseAsync(HttpContext context)
    {
        var session = SessionOf(context, fromEnd: 0);
        new QueryFields(context.Request.Query).ThrowIfAny();
        var closed = await api.Sessions.CloseAsync(session, Caller.Of(context), CancellationToken.None).ConfigureAwait(false);
        await AnswerAsync(context, NoticeViews.Of(closed.Session) with { Stopped = [.. closed.Stopped.Select(t => t.Number)] }).ConfigureAwait(false);
    }

    public async Task InboxAsync(HttpContext context)
    {
        var session = SessionOf(context, fromEnd: 1);
        var asStream = ServerSentEvents.AreWanted(context.Request);
        var query = new QueryFields(context.Request.Query);
        var after = query.Whole("after", 0, long.MaxValue) ?? 0;
        if (asStream && context.Request.Headers["Last-Event-ID"] is [{ Length: > 0 } cursor]) after = query.Whole("Last-Event-ID", cursor, 0, long.MaxValue) ?? 0;
        var limit = (int)(query.Whole("limit", 1, 1000) ?? 100);
        var wait = query.Wait("wait") ?? TimeSpan.Zero;
        var peek = query.Flag("peek");
        if (asStream && wait > TimeSpan.Zero) query.Fail("wait", "goes with a page; a stream waits by itself");
        query.ThrowIfAny();
        if (asStream) await StreamAsync(context, new(session, after, StreamPage), peek).ConfigureAwait(false);
        else await PageAsync(context, new(session, after, limit, wait), peek).ConfigureAwait(false);
    }

    public async Task AcknowledgeAsync(HttpContext context)
    {
        var session = SessionOf(context, fromEnd: 2);
        var (errors, fields) = await TaskRoutes.ReadBodyAsync(context).ConfigureAwait(false);
        var keys = fields.Texts("keys");
        var through = fields.Whole("through", 0, long.MaxValue);
        var all = fields.Flag("all");
        if (keys is { Count: > AcknowledgeCommand.MostKeys }) fields.Fail("keys", $"has {keys.Count}; {AcknowledgeCommand.MostKeys} are the most");
        if (all is false) fields.Fail("all", "must be true where it is given");
        if (new[] { keys is not null, through is not null, all is not null }.Count(given => given) != 1) fields.Fail("", "one of keys, through and all is needed");
        fields.FailOnRest(new HashSet<string>());
        errors.ThrowIfAny("The notices cannot be acknowledged");
        var done = await api.Inbox.AcknowledgeAsync(
            new(session) { Keys = [.. keys ?? []], Through = all is true ? long.MaxValue : through ?? 0 }, CancellationToken.None).ConfigureAwait(false);
        var view = new AcknowledgedView(
            done.Acknowledged.Length, [.. done.Acknowledged.Take(MostKeysTold).Select(n => n.Key)], done.Final.IsEmpty ? null : done.Final, done.Unknown.IsEmpty ? null : done.Unknown);
        await Api.AnswerAsync(context, StatusCodes.Status200OK, view, OutlastJson.Wire.AcknowledgedView).ConfigureAwait(false);
    }

    /// <summary>A page; after the wait, or at once when the host goes, an empty one.</summary>
    private async Task PageAsync(HttpContext context, InboxQuery query, bool peek)
    {
        using var over = api.OverWith(context);
        NoticePage page;
        try
        {
            page = await ReadAsync(query, peek, over.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (query.Wait > TimeSpan.Zero && !context.RequestAborted.IsCancellationRequested)
        {
            page = new([], query.After);
        }
        await Api.AnswerAsync(context, StatusCodes.Status200OK, new InboxView([.. page.Notices.Select(NoticeViews.Of)], page.Next), OutlastJson.Wire.InboxView).ConfigureAwait(false);
    }

    /// <summary>Keeps nothing but its cursor, and takes the next notices when its reader has taken these.</summary>
    private async Task StreamAsync(HttpContext context, InboxQuery query, bool peek)
    {
        using var over = api.OverWith(context);
        ServerSentEvents.Announce(context.Response);
        var stream = api.Stream(context, over.Token);
        using var messages = new ServerSentEvents(stream);
        await stream.FlushAsync().ConfigureAwait(false);
        while (true)
        {
            var untilBeat = stream.UntilHeartbeat;
            var page = await ReadAsync(query with { Wait = untilBeat > TimeSpan.Zero ? untilBeat : TimeSpan.Zero }, peek, over.Token).ConfigureAwait(false);
            foreach (var notice in page.Notices) messages.Write("notice", notice.Seq, NoticeViews.Of(notice), OutlastJson.Wire.NoticeView);
            if (page.Notices.IsEmpty) await messages.BeatAsync().ConfigureAwait(false);
            else await stream.FlushAsync().ConfigureAwait(false);
            query = query with { After = page.Next, Continues = true };
        }
    }

    private Task<NoticePage> ReadAsync(InboxQuery query, bool peek, CancellationToken over) => peek ? api.Inbox.PeekAsync(query, over) : api.Inbox.FetchAsync(query, over);

    private static Task AnswerAsync(HttpContext context, SessionView view) => Api.AnswerAsync(context, StatusCodes.Status200OK, view, OutlastJson.Wire.SessionView);

    /// <summary>The session in the route, so many segments before its last. Read as it was sent: routing takes an escaped slash neither for a slash nor for what it is.</summary>
    private static string SessionOf(HttpContext context, int fromEnd)
    {
        var target = context.Features.Get<IHttpRequestFeature>()?.RawTarget ?? "";
        var path = target.Split('?', 2)[0].TrimEnd('/').Split('/');
        var name = Uri.UnescapeDataString(path[^(fromEnd + 1)]);
        // A segment that only names a way was followed by the server: what stands here is then another's place.
        if (SpecReader.IsSession(name) && !path.Any(p => p is "." or ".." || p.Contains("%2e", StringComparison.OrdinalIgnoreCase) && Uri.UnescapeDataString(p) is "." or "..")) return name;
        throw new RefusedException(Problem.Invalid(new Dictionary<string, string[]> { ["session"] = [$"must be one line, neither . nor .., of at most {SpecReader.LongestName} characters"] }, "The request cannot be understood"));
    }
}
