namespace Outlast.Storage;

/// <summary>What becomes of a notice's draft when it is written, the same in every store: its key, what its group says, and whether its session is told at all.</summary>
public static class NoticeWriting
{
    private const string Closed = "its session was closed";

    /// <summary>The start of the keys of a task's notices.</summary>
    public static string KeyPrefix(TaskId task) => $"task:{task}:";

    /// <summary>Of which task a notice with that key would be; none if no notice can have it.</summary>
    public static TaskId? TaskOf(string key)
    {
        ArgumentNullException.ThrowIfNull(key);
        return key.Split(':', 3) is ["task", var id, _] && TaskId.TryParse(id, out var task) ? task : null;
    }

    /// <summary>Whether the count of the group is needed to write it.</summary>
    public static bool NeedsGroup(RecordChange change, NoticeDraft draft)
    {
        ArgumentNullException.ThrowIfNull(change);
        ArgumentNullException.ThrowIfNull(draft);
        return change.After.Spec.Group is not null && draft.Kind is NoticeKind.Group or NoticeKind.Ended;
    }

    /// <summary>The notice; none if there is nothing to tell: a group's, while tasks of it are open.</summary>
    /// <param name="after">The record with its number.</param>
    /// <param name="draft">What is to be told.</param>
    /// <param name="seq">Its number.</param>
    /// <param name="group">The count of the task's group as this commit leaves it, when it has one.</param>
    /// <param name="policy">The session's policy.</param>
    /// <param name="closed">Whether the session was closed while it had this task.</param>
    public static Notice? Complete(TaskRecord after, NoticeDraft draft, long seq, GroupCount? group, SessionPolicy policy, bool closed)
    {
        ArgumentNullException.ThrowIfNull(after);
        ArgumentNullException.ThrowIfNull(draft);
        if (draft.Kind == NoticeKind.Group && group is not { Open: 0 }) return null;
        var notice = new Notice(
            seq, KeyPrefix(after.Id) + draft.What, draft.Kind, after.Spec.Session!, after.Id, after.Number, draft.At, draft.Title, draft.Text, after.State, after.End?.Cause, after.Spec.Group);
        if (group is { } count) notice = WithGroup(notice, count);
        if (closed) return notice with { Delivery = NoticeDelivery.Dropped, DroppedReason = Closed };
        return policy == SessionPolicy.Never ? notice with { Delivery = NoticeDelivery.Dropped, DroppedReason = "its session is never told" } : notice;
    }

    /// <summary>What becomes of a session's open notices when it is closed.</summary>
    public static NoticeMove Closing(string session) => new(NoticeDelivery.Dropped) { Session = session, Reason = Closed };

    /// <summary>Whether a move concerns a notice.</summary>
    public static bool Fits(NoticeMove move, Notice notice)
    {
        ArgumentNullException.ThrowIfNull(move);
        ArgumentNullException.ThrowIfNull(notice);
        return notice.IsOpen
            && (move.Session is null || move.Session == notice.Session)
            && (move.Keys.IsDefaultOrEmpty || move.Keys.Contains(notice.Key))
            && (move.Tasks.IsDefaultOrEmpty || move.Tasks.Contains(notice.Task))
            && (move.Kind is null || move.Kind == notice.Kind)
            && (move.Before is null || notice.At < move.Before);
    }

    /// <summary>A notice after a move.</summary>
    public static Notice Moved(NoticeMove move, Notice notice)
    {
        ArgumentNullException.ThrowIfNull(move);
        ArgumentNullException.ThrowIfNull(notice);
        return notice with { Delivery = move.To, Deliveries = notice.Deliveries + (move.To == NoticeDelivery.HandedOver ? 1 : 0), DroppedReason = move.Reason };
    }

    private static Notice WithGroup(Notice notice, GroupCount count)
    {
        if (notice.Kind == NoticeKind.Ended) return notice with { Text = $"{notice.Text} Of group '{notice.Group}' {count.Ended} of {count.All} ended." };
        var failed = count.Ended - count.Completed;
        var how = failed == 0 ? "all completed" : $"{count.Completed} completed, {failed} did not";
        return count.All == 1
            ? notice with { Title = $"group {notice.Group}: its one task ended", Text = $"The only task of group '{notice.Group}' so far has ended: {how}." }
            : notice with { Title = $"group {notice.Group}: all {count.All} ended", Text = $"The last of {count.All} tasks of group '{notice.Group}' has ended: {how}." };
    }
}
