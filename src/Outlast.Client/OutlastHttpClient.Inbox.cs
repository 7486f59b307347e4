using System.Runtime.CompilerServices;

namespace Outlast.Client;

public sealed partial class OutlastHttpClient
{
    /// <summary>Every session that has a task, a notice or a policy of its own, by name.</summary>
    public async Task<IReadOnlyList<SessionView>> SessionsAsync(CancellationToken cancel = default) =>
        (await ReadAsync("/v1/sessions", OutlastJson.Wire.SessionListView, cancel).ConfigureAwait(false)).Sessions;

    /// <summary>One session; one that nobody ever used has nothing.</summary>
    public Task<SessionView> SessionAsync(string session, CancellationToken cancel = default) => ReadAsync(SessionRoute(session), OutlastJson.Wire.SessionView, cancel);

    /// <summary>Sets when a session is told: <c>push</c>, <c>hold</c> or <c>never</c>. When this returns, it is on disk.</summary>
    public Task<SessionView> SetSessionAsync(string session, string notify, CancellationToken cancel = default) =>
        AskAsync(() => WithBody(HttpMethod.Put, SessionRoute(session), new(notify), OutlastJson.Wire.SessionRequestBody), OutlastJson.Wire.SessionView, repeatable: true, cancel);

    /// <summary>The session is over: its open tasks are asked to stop, and nothing more is told of those that it has now. When this returns, it is on disk. Not repeated by itself: it would reach what came meanwhile.</summary>
    public Task<SessionView> CloseSessionAsync(string session, CancellationToken cancel = default) =>
        AskAsync(() => new(HttpMethod.Delete, SessionRoute(session)), OutlastJson.Wire.SessionView, repeatable: false, cancel);

    /// <summary>What is open for a session, in order, handed over. It comes again until it is acknowledged.</summary>
    /// <param name="session">Exactly that one.</param>
    /// <param name="after">Only larger numbers.</param>
    /// <param name="limit">At most so many, 1 to 1,000.</param>
    /// <param name="wait">If there are none, so long is waited for the first.</param>
    /// <param name="peek">Only reads: nothing is handed over.</param>
    /// <param name="cancel">Ends the call.</param>
    public Task<InboxView> ReadInboxAsync(string session, long after = 0, int limit = 100, TimeSpan? wait = null, bool peek = false, CancellationToken cancel = default) =>
        ReadAsync($"{InboxRoute(session, after, peek)}&limit={Invariant(limit)}{(wait is { } w ? $"&wait={Milliseconds(w)}ms" : "")}", OutlastJson.Wire.InboxView, cancel);

    /// <summary>The same as it comes, without end; each once. Survives the host, where the client retries.</summary>
    public async IAsyncEnumerable<NoticeView> StreamInboxAsync(string session, long after = 0, bool peek = false, [EnumeratorCancellation] CancellationToken cancel = default)
    {
        await foreach (var message in StreamAsync(() => InboxRoute(session, after, peek), cancel).ConfigureAwait(false))
        {
            var notice = Parse(message.Data, OutlastJson.Wire.NoticeView);
            after = notice.Seq;
            yield return notice;
        }
    }

    /// <summary>Says that the session has notices. When this returns, they never come again. Where it is said of all, it is not repeated by itself: it would reach what came meanwhile, and nobody has seen.</summary>
    public Task<AcknowledgedView> AcknowledgeAsync(string session, AcknowledgeRequestBody which, CancellationToken cancel = default)
    {
        ArgumentNullException.ThrowIfNull(which);
        return AskAsync(() => Post($"{SessionRoute(session)}/inbox/ack", which, OutlastJson.Wire.AcknowledgeRequestBody), OutlastJson.Wire.AcknowledgedView, repeatable: which.All is not true, cancel);
    }

    /// <summary>Reads a task for its own session: at its end or after <paramref name="wait"/>. If it completed, its notice is consumed with the next request of that session.</summary>
    public Task<TaskView> ConsumeAsync(string id, string session, TimeSpan? wait = null, CancellationToken cancel = default) =>
        ReadAsync($"{Route(id)}?consume=true&session={Escape(session)}{(wait is { } w ? $"&wait={Milliseconds(w)}ms" : "")}", OutlastJson.Wire.TaskView, cancel);

    private static string InboxRoute(string session, long after, bool peek) => $"{SessionRoute(session)}/inbox?after={Invariant(after)}{(peek ? "&peek=true" : "")}";

    private static string SessionRoute(string session) => $"/v1/sessions/{Escape(session)}";
}
