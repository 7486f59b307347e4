using System.Collections.Immutable;

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

    /// <summary>The notices of a commit, in the order of its changes, with the numbers after <paramref name="last"/>. Of a group's end there is one, however many of its tasks end with the commit, and none while one is open.</summary>
    /// <param name="commit">What is written.</param>
    /// <param name="records">Its records with their numbers, in the order of the changes. All of them are written: what a group says is counted as the commit leaves it.</param>
    /// <param name="last">The largest number that a notice has.</param>
    /// <param name="sessionOf">What holds for a session.</param>
    /// <param name="countOf">The count of a task's group, without those for whom it does not wait. Asked for once a group.</param>
    public static ImmutableArray<Notice> Complete(StoreCommit commit, ImmutableArray<TaskRecord> records, long last, Func<string, SessionRule> sessionOf, Func<TaskSpec, GroupCount> countOf)
    {
        ArgumentNullException.ThrowIfNull(commit);
        ArgumentNullException.ThrowIfNull(sessionOf);
        ArgumentNullException.ThrowIfNull(countOf);
        if (commit.Changes.All(change => change.Notices.IsEmpty)) return [];
        var notices = ImmutableArray.CreateBuilder<Notice>();
        var groups = new Groups(commit, countOf);
        for (var i = 0; i < records.Length; i++)
            foreach (var draft in commit.Changes[i].Notices)
            {
                var group = draft.Kind is NoticeKind.Group or NoticeKind.Ended ? groups.Of(records[i].Spec) : null;
                if (draft.Kind == NoticeKind.Group && (group is not { Open: 0 } || !groups.IsToldWith(i))) continue;
                notices.Add(Complete(records[i], draft, last + notices.Count + 1, group, sessionOf(records[i].Spec.Session!)));
            }
        return notices.ToImmutable();
    }

    private static Notice Complete(TaskRecord after, NoticeDraft draft, long seq, GroupCount? group, SessionRule session)
    {
        var notice = new Notice(
            seq, KeyPrefix(after.Id) + draft.What, draft.Kind, after.Spec.Session!, after.Id, after.Number, draft.At, draft.Title, TextOf(after, draft), after.State, after.End?.Cause, after.Spec.Group);
        if (group is { } count) notice = WithGroup(notice, count);
        if (after.Number <= session.ClosedThrough) return notice with { Delivery = NoticeDelivery.Dropped, DroppedReason = Closed };
        return session.Policy == SessionPolicy.Never ? notice with { Delivery = NoticeDelivery.Dropped, DroppedReason = "its session is never told" } : notice;
    }

    /// <summary>Which task it is can be said only here: one that is submitted and stopped in one commit had no number before.</summary>
    private static string TextOf(TaskRecord after, NoticeDraft draft) => draft.Kind switch
    {
        NoticeKind.Ended or NoticeKind.Question => $"Task {after.Number} ({after.Spec.Name}) {draft.Text}",
        NoticeKind.Warning => $"Task {after.Number} ({after.Spec.Name}): {draft.Text}",
        NoticeKind.Group => draft.Text,
    };

    /// <summary>What becomes of a session's open notices when it is closed.</summary>
    public static NoticeMove Closing(string session) => new(NoticeDelivery.Dropped) { Session = session, Reason = Closed };

    /// <summary>What becomes of a task's open questions when they are over.</summary>
    public static NoticeMove QuestionOver(TaskId task, string why) => new(NoticeDelivery.Dropped) { Tasks = [task], Kind = NoticeKind.Question, Reason = why };

    /// <summary>Whether a move concerns a notice.</summary>
    public static bool Fits(NoticeMove move, Notice notice)
    {
        ArgumentNullException.ThrowIfNull(move);
        ArgumentNullException.ThrowIfNull(notice);
        return notice.IsOpen && !move.NamesNothing
            && (move.Session is null || move.Session == notice.Session)
            && (move.Keys.IsDefaultOrEmpty || move.Keys.Contains(notice.Key))
            && (move.Tasks.IsDefaultOrEmpty || move.Tasks.Contains(notice.Task))
            && (move.Kind is null || move.Kind == notice.Kind);
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

    /// <summary>The groups of one commit: each is counted once, and its end told with the last of the changes that may tell it.</summary>
    private sealed class Groups
    {
        private readonly StoreCommit _commit;
        private readonly Func<TaskSpec, GroupCount> _countOf;
        private readonly Dictionary<(string? Session, string Group), int> _last = [];
        private readonly Dictionary<(string? Session, string Group), GroupCount> _counts = [];

        public Groups(StoreCommit commit, Func<TaskSpec, GroupCount> countOf)
        {
            (_commit, _countOf) = (commit, countOf);
            for (var i = 0; i < commit.Changes.Length; i++)
                if (KeyOf(commit.Changes[i].After.Spec) is { } group && commit.Changes[i].Notices.Any(draft => draft.Kind == NoticeKind.Group)) _last[group] = i;
        }

        public bool IsToldWith(int change) => KeyOf(_commit.Changes[change].After.Spec) is { } group && _last[group] == change;

        public GroupCount? Of(TaskSpec spec)
        {
            if (KeyOf(spec) is not { } group) return null;
            if (!_counts.TryGetValue(group, out var count)) _counts.Add(group, count = _countOf(spec));
            return count;
        }

        private static (string?, string)? KeyOf(TaskSpec spec) => spec.Group is { } group ? (spec.Session, group) : null;
    }
}

/// <summary>What holds for a session when it is to be told.</summary>
/// <param name="Policy">When it is told.</param>
/// <param name="ClosedThrough">Of tasks with numbers up to this one it is told nothing any more; 0: it was never closed.</param>
public readonly record struct SessionRule(SessionPolicy Policy, long ClosedThrough);
