using System.Collections.Immutable;

namespace Outlast;

/// <summary>The conversations and clients that tasks belong to. A session is there as soon as somebody names it, and until nothing of it is left.</summary>
/// <remarks>Thread-safe. Everything that changes something returns only after the change is on disk.</remarks>
public interface ISessions
{
    /// <summary>Every session that has a task, a notice or a policy of its own, by name.</summary>
    Task<ImmutableArray<SessionFacts>> ListAsync(CancellationToken cancel = default);

    /// <summary>One session; one that nobody ever used has nothing.</summary>
    Task<SessionFacts> GetAsync(string session, CancellationToken cancel = default);

    /// <summary>Sets when a session is told. What is open already stays open.</summary>
    Task<SessionFacts> SetPolicyAsync(string session, SessionPolicy policy, CancellationToken cancel = default);

    /// <summary>The session is over: its open tasks are asked to stop, its open notices are dropped, and of the tasks that it has now nothing more is told, neither to it nor to a later one of its name. Ended tasks stay readable. Returns when all of that is on disk; closing again goes on where an interrupted one was.</summary>
    Task<ClosedSession> CloseAsync(string session, Actor actor, CancellationToken cancel = default);
}

/// <summary>What closing a session did.</summary>
/// <param name="Session">What is left of it.</param>
/// <param name="Stopped">The tasks of it that were asked to stop, in the order of their numbers.</param>
public sealed record ClosedSession(SessionFacts Session, ImmutableArray<TaskRecord> Stopped);
