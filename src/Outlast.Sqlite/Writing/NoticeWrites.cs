using System.Collections.Immutable;
using Outlast.Storage;

namespace Outlast.Sqlite;

/// <summary>Moves notices on in their delivery.</summary>
internal sealed class MoveNoticesWrite(NoticeMove move) : StoreWrite<ImmutableArray<Notice>>
{
    protected override ImmutableArray<Notice> Write(WriteSession session) => session.Move(move);
}

/// <summary>Sets what holds for a session.</summary>
internal sealed class SetSessionWrite(SessionChange change) : StoreWrite<bool>
{
    protected override bool Write(WriteSession session)
    {
        session.Prepare("INSERT INTO sessions (name, policy, closed_through) VALUES (?, 'push', 0) ON CONFLICT DO NOTHING").With(change.Name).Run();
        if (change.Policy is { } policy) session.Prepare("UPDATE sessions SET policy = ? WHERE name = ?").With(Columns.Of(policy)).With(change.Name).Run();
        if (!change.Closed) return true;
        session.Prepare("UPDATE sessions SET closed_through = ? WHERE name = ?").With(session.LastNumber).With(change.Name).Run();
        session.Move(NoticeWriting.Closing(change.Name));
        return true;
    }
}
