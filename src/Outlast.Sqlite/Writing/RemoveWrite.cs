using System.Collections.Immutable;
using Outlast.Storage;

namespace Outlast.Sqlite;

/// <summary>Replaces ended records by tombstones. What cannot be read is not removed: it is told, to be set aside.</summary>
internal sealed class RemoveWrite(ImmutableArray<TaskId> ids, DateTimeOffset at, string reason) : StoreWrite<(ImmutableArray<Tombstone> Made, ImmutableArray<long> Unreadable)>
{
    protected override (ImmutableArray<Tombstone> Made, ImmutableArray<long> Unreadable) Write(WriteSession session)
    {
        var made = ImmutableArray.CreateBuilder<Tombstone>();
        var unreadable = ImmutableArray.CreateBuilder<long>();
        foreach (var id in ids)
        {
            var (record, number) = Read(session, id);
            if (record is not null && record.State.IsTerminal()) made.Add(Remove(session, record));
            else if (record is null && number is { } bad) unreadable.Add(bad);
        }
        return (made.ToImmutable(), unreadable.ToImmutable());
    }

    private Tombstone Remove(WriteSession session, TaskRecord record)
    {
        var tombstone = new Tombstone(record.Id, record.Number, record.State, record.EndedAt!.Value, at, reason);
        session.Bury(tombstone);
        session.Delete(record.Number, record.State);
        session.DeleteWith(record.Id);
        var removed = Removal.EventOf(tombstone, session.NextEvent(), record.Spec.Session, record.Events + 1, record.Attempt);
        session.Insert(removed, removed.Task?.ToString(), TaskDocuments.Of(removed.Data));
        return tombstone;
    }

    private static (TaskRecord? Record, long? Number) Read(WriteSession session, TaskId id)
    {
        using var row = session.Prepare(TaskRow.Select + "WHERE t.id = ?").With(id.ToString());
        if (!row.Step()) return (null, null);
        return TaskRow.TryRead(row, out var record, out _) ? (record, record.Number) : (null, row.Number(0));
    }
}
