using System.Collections.Immutable;
using Outlast.Storage;

namespace Outlast.Sqlite;

/// <summary>Reads what has not ended, from columns alone.</summary>
internal static class OpenTaskReader
{
    public static ImmutableArray<OpenTask> List(Database database)
    {
        var open = ImmutableArray.CreateBuilder<OpenTask>();
        using var row = database.Prepare("SELECT id, number, kind, state, version, parent, root, detached, token, first_in_line, not_before, start_by, subject, session, labels, priority, question_expires, attempt FROM tasks WHERE ended_at IS NULL ORDER BY number");
        while (row.Step())
            if (Read(row) is { } task) open.Add(task);
        return open.ToImmutable();
    }

    // A row that came to be unreadable since the store was opened is passed over here and set aside when its record is read.
    private static OpenTask? Read(Statement row)
    {
        if (!TaskId.TryParse(row.TextOrNone(0), out var id) || !TaskId.TryParse(row.TextOrNone(6), out var root)) return null;
        if (Columns.Kind(row.TextOrNone(2)) is not { } kind || Columns.State(row.TextOrNone(3)) is not { } state) return null;
        TaskId? parent = null;
        if (row.TextOrNone(5) is { } text)
        {
            if (!TaskId.TryParse(text, out var parsed)) return null;
            parent = parsed;
        }
        if (ReadLabels(row) is not { } labels) return null;
        return new(id, row.Number(1), kind, state, row.Number(4), parent, root, row.Number(7) != 0,
            row.NumberOrNone(8) is { } token ? new FencingToken(token) : null, row.Number(9) != 0, Columns.Time(row.NumberOrNone(10)), Columns.Time(row.NumberOrNone(11)))
        {
            Subject = row.TextOrNone(12),
            Session = row.TextOrNone(13),
            Labels = labels,
            Priority = (int)row.Number(15),
            QuestionExpiresAt = Columns.Time(row.NumberOrNone(16)),
            Attempt = (int)row.Number(17),
        };
    }

    private static ImmutableSortedDictionary<string, string>? ReadLabels(Statement row)
    {
        try
        {
            return row.IsNull(14) ? ImmutableSortedDictionary<string, string>.Empty : RecordSerializer.ReadLabels(row.Bytes(14));
        }
        catch (UnreadableRecordException)
        {
            return null;
        }
    }
}
