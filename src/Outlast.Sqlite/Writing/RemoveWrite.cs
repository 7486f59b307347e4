using System.Collections.Immutable;
using Outlast.Storage;

namespace Outlast.Sqlite;

/// <summary>Replaces ended records by tombstones.</summary>
internal sealed class RemoveWrite(ImmutableArray<TaskId> ids, DateTimeOffset at, string reason) : StoreWrite<ImmutableArray<Tombstone>>
{
    protected override ImmutableArray<Tombstone> Write(WriteSession session)
    {
        var made = ImmutableArray.CreateBuilder<Tombstone>();
        foreach (var id in ids)
            if (ReadEnded(session, id) is { } record) made.Add(Remove(session, record));
        return made.ToImmutable();
    }

    private Tombstone Remove(WriteSession session, TaskRecord record)
    {
        var tombstone = new Tombstone(record.Id, record.Number, record.State, record.EndedAt!.Value, at, reason);
        session.Bury(tombstone);
        session.Delete(record.Number, record.State);
        session.Insert(Removal.EventOf(tombstone, session.NextEvent(), record.Spec.Session, record.Events + 1, record.Attempt));
        return tombstone;
    }

    // What cannot be read is passed over: it is not removed but set aside when somebody reads it.
    private static TaskRecord? ReadEnded(WriteSession session, TaskId id)
    {
        using var row = session.Prepare(TaskRow.Select + "WHERE t.id = ?").With(id.ToString());
        return row.Step() && TaskRow.TryRead(row, out var record, out _) && record.State.IsTerminal() ? record : null;
    }
}
