using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using Outlast.Storage;

namespace Outlast.Sqlite;

/// <summary>Reads events after a cursor.</summary>
internal static class EventReader
{
    private const string Select = "SELECT seq, task, session, task_seq, type, at, state, attempt, data FROM events WHERE seq > ? ";

    public static EventPage Read(Database database, EventQuery query)
    {
        var limit = TaskSearch.Limit(query.Limit);
        var events = ImmutableArray.CreateBuilder<TaskEvent>();
        var last = query.After;
        var rows = 0;
        using (var row = Prepare(database, query))
            while (rows < limit && row.Step())
            {
                rows++;
                last = row.Number(0);
                if (TryRead(row, out var e)) events.Add(e);
            }
        using var meta = database.Prepare("SELECT last_event, forgotten_event FROM meta");
        meta.Step();
        var (lastEvent, forgotten) = (meta.Number(0), meta.Number(1));
        var found = events.ToImmutable();
        return new EventPage(found, rows == limit ? last : Math.Max(query.After, lastEvent), HasGap(query, found, forgotten) ? FirstKept(database) ?? lastEvent + 1 : null);
    }

    // Of one task, its own numbers tell whether some are missing.
    private static bool HasGap(EventQuery query, ImmutableArray<TaskEvent> found, long forgotten) =>
        query.After < forgotten && (query.Task is null || found.IsEmpty || found[0].TaskSeq > 1);

    private static long? FirstKept(Database database)
    {
        using var row = database.Prepare("SELECT min(seq) FROM events");
        return row.Step() ? row.NumberOrNone(0) : null;
    }

    private static Statement Prepare(Database database, EventQuery query)
    {
        var statement = database.Prepare(Select + (query.Task is null ? "" : "AND task = ? ") + (query.Session is null ? "" : "AND session = ? ") + "ORDER BY seq").With(query.After);
        if (query.Task is { } task) statement.With(task.ToString());
        if (query.Session is { } session) statement.With(session);
        return statement;
    }

    // An event that cannot be read is left where it is and passed over: it is history, nothing is decided by it.
    private static bool TryRead(Statement row, [NotNullWhen(true)] out TaskEvent? e)
    {
        e = null;
        TaskId? task = null;
        if (row.TextOrNone(1) is { } id)
        {
            if (!TaskId.TryParse(id, out var parsed)) return false;
            task = parsed;
        }
        if (Columns.EventType(row.TextOrNone(4)) is not { } type) return false;
        var state = Columns.State(row.TextOrNone(6));
        if ((state is null) != (task is null)) return false;
        try
        {
            var data = row.IsNull(8) ? ImmutableSortedDictionary<string, JsonElement>.Empty : RecordSerializer.ReadEventData(row.Bytes(8));
            e = new(row.Number(0), task, row.TextOrNone(2), row.Number(3), type, Columns.Time(row.Number(5)), state, (int?)row.NumberOrNone(7), data);
            return true;
        }
        catch (UnreadableRecordException)
        {
            return false;
        }
    }
}
