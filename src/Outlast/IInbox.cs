using System.Collections.Immutable;

namespace Outlast;

/// <summary>What sessions are told: each has an inbox of notices, which stay until they are acknowledged.</summary>
/// <remarks>
/// Thread-safe. A notice comes at least once, always under the same <see cref="Notice.Key"/>, again after a host's death, and never again once its acknowledgement has returned. Whoever asks names the exact
/// session: the notices of another one are unknown to it.
/// </remarks>
public interface IInbox
{
    /// <summary>Hands over what is open, in order. Each delivery is counted on disk before it is returned.</summary>
    /// <remarks>A request of the session: what it has consumed before is final with it.</remarks>
    /// <exception cref="StoreUnavailableException">Nothing was handed over.</exception>
    Task<NoticePage> FetchAsync(InboxQuery query, CancellationToken cancel = default);

    /// <summary>Reads what is open, in order, and changes nothing: for people and programs that look on.</summary>
    Task<NoticePage> PeekAsync(InboxQuery query, CancellationToken cancel = default);

    /// <summary>The session says that it has notices. When it returns, they never come again.</summary>
    /// <remarks>A request of the session: what it has consumed before is final with it.</remarks>
    /// <exception cref="StoreUnavailableException">Some of them may have been acknowledged; saying it again does no harm.</exception>
    Task<AcknowledgedNotices> AcknowledgeAsync(AcknowledgeCommand command, CancellationToken cancel = default);

    /// <summary>Reads a task for its own session, at its end or when <paramref name="wait"/> is over. If it completed, that is as good as its notice: it is consumed, finally with the next request of the session, which shows that the answer got there. Other ends are told by their notice all the same.</summary>
    /// <remarks>A request of the session: what it has consumed before is final with it.</remarks>
    /// <exception cref="TaskNotFoundException">It was never known, or belongs to another session.</exception>
    /// <exception cref="TaskRemovedException">It was removed.</exception>
    Task<TaskSnapshot> ConsumeAsync(string session, TaskId task, TimeSpan wait = default, CancellationToken cancel = default);

    /// <summary>The answer of <see cref="ConsumeAsync"/> did not get to the session: its notice is told as if nobody had asked.</summary>
    void Unread(string session, TaskId task);
}

/// <summary>Which notices of a session.</summary>
/// <param name="Session">Exactly that one.</param>
/// <param name="After">Only larger numbers.</param>
/// <param name="Limit">At most so many, 1 to 1,000.</param>
/// <param name="Wait">If there are none, so long is waited for the first.</param>
/// <param name="Continues">The same reader goes on, and has not come back by that: what it read before is not consumed by it.</param>
public sealed record InboxQuery(string Session, long After = 0, int Limit = 100, TimeSpan Wait = default, bool Continues = false);

/// <summary>Notices in order.</summary>
/// <param name="Notices">The notices.</param>
/// <param name="Next">The <see cref="InboxQuery.After"/> with which one goes on.</param>
public sealed record NoticePage(ImmutableArray<Notice> Notices, long Next);

/// <summary>Which notices a session has: the keys and all up to a number, or everything.</summary>
/// <param name="Session">Exactly that one.</param>
public sealed record AcknowledgeCommand(string Session)
{
    /// <summary>How many keys a command may have.</summary>
    public const int MostKeys = 10_000;

    /// <summary>Those with these keys.</summary>
    public ImmutableArray<string> Keys { get; init; } = [];
    /// <summary>All up to this number; <see cref="long.MaxValue"/>: all that are open.</summary>
    public long Through { get; init; }
}

/// <summary>What became of an acknowledgement.</summary>
/// <param name="Acknowledged">Those that were open.</param>
/// <param name="Final">Keys of those that were final before: acknowledged, consumed or dropped.</param>
/// <param name="Unknown">Keys that the session has no notice of.</param>
public sealed record AcknowledgedNotices(ImmutableArray<Notice> Acknowledged, ImmutableArray<string> Final, ImmutableArray<string> Unknown);
