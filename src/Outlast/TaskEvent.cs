using System.Collections.Immutable;
using System.Text.Json;

namespace Outlast;

/// <summary>What can happen to a task or a host. <see cref="Names"/> says how each is written: <c>task.started</c>, <c>host.started</c>.</summary>
public enum TaskEventType
{
    /// <summary>It was accepted.</summary>
    Submitted,
    /// <summary>An attempt runs: its process exists.</summary>
    Started,
    /// <summary>A later host goes on with a living attempt.</summary>
    Adopted,
    /// <summary>The attempt is over, the task is not: it is queued again.</summary>
    Requeued,
    /// <summary>The work told how far it is.</summary>
    Progress,
    /// <summary>A limit comes near, or silence lasts.</summary>
    Warning,
    /// <summary>A limit was moved.</summary>
    Extended,
    /// <summary>It waits for an answer.</summary>
    Question,
    /// <summary>Its question was answered, or expired.</summary>
    Answered,
    /// <summary>It was asked to stop.</summary>
    StopRequested,
    /// <summary>The rest of the grace is skipped.</summary>
    StoppingNow,
    /// <summary>Its own work is over; its children are awaited.</summary>
    Settled,
    /// <summary>It ended. Exactly one a task.</summary>
    Ended,
    /// <summary>A fact was noted beside the main story.</summary>
    Annotated,
    /// <summary>Its record was removed; a tombstone answers.</summary>
    Removed,
    /// <summary>A host opened the store.</summary>
    HostStarted,
    /// <summary>A host takes no new work: it is about to go.</summary>
    HostDraining,
    /// <summary>A host went, in good order.</summary>
    HostStopped,
    /// <summary>A host takes work again: its going was called off.</summary>
    HostResumed,
}

/// <summary>Something that happened, before the store gave it its number.</summary>
/// <param name="Type">What.</param>
/// <param name="At">When.</param>
/// <param name="Data">Details; absent fields are left out.</param>
public sealed record TaskEventDraft(TaskEventType Type, DateTimeOffset At, ImmutableSortedDictionary<string, JsonElement> Data);

/// <summary>Something that happened.</summary>
/// <param name="Seq">Its number over all events of the store, from 1. Grows; gaps are possible, order is not.</param>
/// <param name="Task">To which task; none for events of a host.</param>
/// <param name="Session">The task's session.</param>
/// <param name="TaskSeq">Its number among that task's events, from 1, without gaps.</param>
/// <param name="Type">What.</param>
/// <param name="At">When.</param>
/// <param name="State">The task's state after it.</param>
/// <param name="Attempt">The task's attempt.</param>
/// <param name="Data">Details.</param>
public sealed record TaskEvent(
    long Seq, TaskId? Task, string? Session, long TaskSeq, TaskEventType Type, DateTimeOffset At, TaskState? State, int? Attempt,
    ImmutableSortedDictionary<string, JsonElement> Data);
