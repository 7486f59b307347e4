using System.Collections.Immutable;

namespace Outlast.Delivery;

/// <summary>A way by which notices reach sessions within this process. Added as a service; the host gives it what is open, again and again until it is acknowledged.</summary>
/// <remarks>
/// What a channel does never touches a task: one that throws, hangs or is slow delays itself alone, for that session alone. It is called for several sessions at once, and for one of them never twice at
/// once, unless a call did not return within its time limit.
/// </remarks>
public interface INoticeChannel
{
    /// <summary>Its name, for logs and the doctor.</summary>
    string Name { get; }

    /// <summary>Whether it reaches that session. Asked before each delivery; answers at once.</summary>
    bool Serves(string session);

    /// <summary>Takes notices to a session. Throws when they did not get there: then the same ones come again, later, before any that follow.</summary>
    /// <param name="session">To exactly that one.</param>
    /// <param name="notices">In order. One may have come before, under the same <see cref="Notice.Key"/>.</param>
    /// <param name="cancel">Its time is over, or the host goes.</param>
    /// <returns>Whether the session has them for good.</returns>
    Task<NoticeReceipt> DeliverAsync(string session, ImmutableArray<Notice> notices, CancellationToken cancel);
}

/// <summary>What a channel says of notices that it took.</summary>
public enum NoticeReceipt
{
    /// <summary>They are on their way: they come again until the session acknowledges them.</summary>
    HandedOver,
    /// <summary>The session has them: they never come again.</summary>
    Acknowledged,
}
