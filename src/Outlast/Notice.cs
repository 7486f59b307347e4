namespace Outlast;

/// <summary>What a notice tells of.</summary>
public enum NoticeKind
{
    /// <summary>A task ended.</summary>
    Ended,
    /// <summary>A limit comes near, or silence lasts.</summary>
    Warning,
    /// <summary>A task waits for an answer.</summary>
    Question,
    /// <summary>The last open task of a group ended.</summary>
    Group,
}

/// <summary>How far a notice has come.</summary>
public enum NoticeDelivery
{
    /// <summary>On disk; nobody was told yet.</summary>
    Queued,
    /// <summary>It was given to somebody who has not said that it arrived: it is given again.</summary>
    HandedOver,
    /// <summary>Final: the session said that it has it.</summary>
    Acknowledged,
    /// <summary>Final: the session has read the end of the task itself, and has come back since.</summary>
    Consumed,
    /// <summary>Final: it will not be delivered, and <see cref="Notice.DroppedReason"/> says why.</summary>
    Dropped,
}

/// <summary>Which ends of a task its session is told of. Warnings and questions are always told.</summary>
public enum NotifyPolicy
{
    /// <summary>Its end; and the group's, if it is the last of one.</summary>
    Each,
    /// <summary>Only the end of its whole group, once nothing of it is open.</summary>
    Last,
    /// <summary>Its end unless it completed; and the group's.</summary>
    Failures,
    /// <summary>Nothing; its group's end does not wait for it.</summary>
    None,
}

/// <summary>A durable message to a session: written in the transaction of what it tells, delivered at least once under the same key, never again once that is acknowledged.</summary>
/// <param name="Seq">Its number over all notices of the store, from 1: the order in which a session gets them, and a cursor.</param>
/// <param name="Key">The same whenever it comes: <c>task:ID:ended</c>, <c>task:ID:warning:3</c>, <c>task:ID:question:2</c>, <c>task:ID:group</c>.</param>
/// <param name="Kind">What it tells of.</param>
/// <param name="Session">To whom; exactly that one.</param>
/// <param name="Task">Of which task; for a group, of the one that ended last.</param>
/// <param name="Number">That task's number.</param>
/// <param name="At">When it happened.</param>
/// <param name="Title">In a few words: <c>build completed</c>.</param>
/// <param name="Text">In a sentence or two, with why and what to do next.</param>
/// <param name="State">The task's state at that moment.</param>
/// <param name="Cause">Why it ended, if it did.</param>
/// <param name="Group">The task's group.</param>
/// <param name="Delivery">How far it has come.</param>
/// <param name="Deliveries">How often it was handed over.</param>
/// <param name="DroppedReason">Why it will not be delivered.</param>
public sealed record Notice(
    long Seq, string Key, NoticeKind Kind, string Session, TaskId Task, long Number, DateTimeOffset At, string Title, string Text, TaskState State, EndCause? Cause, string? Group,
    NoticeDelivery Delivery = NoticeDelivery.Queued, int Deliveries = 0, string? DroppedReason = null)
{
    /// <summary>Whether it is still to be delivered.</summary>
    public bool IsOpen => Delivery is NoticeDelivery.Queued or NoticeDelivery.HandedOver;
}

/// <summary>A notice before the store gave it its number.</summary>
/// <param name="What">The end of its key, after the task's id: <c>ended</c>, <c>warning:3</c>.</param>
/// <param name="Kind">What it tells of.</param>
/// <param name="At">When it happened.</param>
/// <param name="Title">In a few words; of a group the store writes it.</param>
/// <param name="Text">In a sentence or two that begin with what happened: which task it is, the store says before them. Of a group it writes everything.</param>
public sealed record NoticeDraft(string What, NoticeKind Kind, DateTimeOffset At, string Title, string Text);

/// <summary>When a session is told.</summary>
public enum SessionPolicy
{
    /// <summary>At once, by every channel.</summary>
    Push,
    /// <summary>When it asks: notices wait in its inbox, and no channel pushes them.</summary>
    Hold,
    /// <summary>Not at all: notices are written and dropped at once, in plain sight.</summary>
    Never,
}

/// <summary>A conversation or client that tasks belong to.</summary>
/// <param name="Name">Its name, chosen by whoever submits.</param>
/// <param name="Policy">When it is told.</param>
/// <param name="OpenTasks">How many of its tasks have not ended.</param>
/// <param name="Queued">How many notices nobody was told of yet.</param>
/// <param name="HandedOver">How many were handed over and not acknowledged.</param>
/// <param name="Dropped">How many will not be delivered.</param>
public sealed record SessionFacts(string Name, SessionPolicy Policy, int OpenTasks, int Queued, int HandedOver, int Dropped);
