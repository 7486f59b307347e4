using System.Collections.Immutable;
using Outlast.Storage;

namespace Outlast.Sqlite;

/// <summary>Finds what a name means, among records and tombstones.</summary>
internal static class NameReader
{
    public static ImmutableArray<TaskId> Resolve(Database database, TaskName name)
    {
        if (name.Id is { } id) return Read(Known(database, "id = ?").With(id.ToString()).With(id.ToString()));
        if (name.Number is { } number) return Read(Known(database, "number = ?").With(number).With(number));
        // Looks at every id, in the index alone.
        if (name.End is { } end) return Read(Known(database, "substr(id, ?) = ?").With(-end.Length).With(end).With(-end.Length).With(end));
        return [];
    }

    public static Tombstone? FindTombstone(Database database, TaskId id)
    {
        using var row = database.Prepare("SELECT number, state, ended_at, removed_at, reason FROM tombstones WHERE id = ?").With(id.ToString());
        if (!row.Step() || Columns.State(row.TextOrNone(1)) is not { } state) return null;
        return new(id, row.Number(0), state, Columns.Time(row.Number(2)), Columns.Time(row.Number(3)), row.Text(4));
    }

    public static KeyOwner? FindKey(Database database, string key)
    {
        using var row = database.Prepare("SELECT task, body_hash FROM idempotency_keys WHERE key = ?").With(key);
        return row.Step() ? new KeyOwner(TaskId.Parse(row.Text(0)), row.Text(1)) : null;
    }

    private static Statement Known(Database database, string condition) => database.Prepare(
        $"SELECT id, number FROM tasks WHERE {condition} UNION ALL SELECT id, number FROM tombstones WHERE {condition} ORDER BY number DESC LIMIT {TaskName.MostMatches}");

    private static ImmutableArray<TaskId> Read(Statement statement)
    {
        var ids = ImmutableArray.CreateBuilder<TaskId>();
        using var row = statement;
        while (row.Step())
            if (TaskId.TryParse(row.TextOrNone(0), out var id)) ids.Add(id);
        return ids.ToImmutable();
    }
}
