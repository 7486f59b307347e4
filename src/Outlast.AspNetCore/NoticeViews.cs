using System.Collections.Frozen;
using Outlast.Client;

namespace Outlast.AspNetCore;

/// <summary>What the wire shows of notices and sessions.</summary>
internal static class NoticeViews
{
    public static FrozenDictionary<string, SessionPolicy> Policies { get; } = Enum.GetValues<SessionPolicy>().ToFrozenDictionary(Names.Of, p => p, StringComparer.Ordinal);

    public static NoticeView Of(Notice notice) => new()
    {
        Seq = notice.Seq,
        Key = notice.Key,
        Kind = Names.Of(notice.Kind),
        Session = notice.Session,
        Task = notice.Task.ToString(),
        Number = notice.Number,
        Group = notice.Group,
        At = notice.At,
        Title = notice.Title,
        Text = notice.Text,
        State = Names.Of(notice.State),
        Cause = notice.Cause is { } cause ? Names.Of(cause) : null,
        Delivery = Names.Of(notice.Delivery),
        Deliveries = notice.Deliveries,
        DroppedReason = notice.DroppedReason,
    };

    public static SessionView Of(SessionFacts session) => new()
    {
        Name = session.Name,
        Notify = Names.Of(session.Policy),
        OpenTasks = session.OpenTasks,
        Queued = session.Queued,
        HandedOver = session.HandedOver,
        Dropped = session.Dropped,
    };
}
