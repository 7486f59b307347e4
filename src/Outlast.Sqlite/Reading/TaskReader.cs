using System.Collections.Immutable;
using System.Text;
using Outlast.Storage;

namespace Outlast.Sqlite;

/// <summary>Reads records, within one snapshot.</summary>
internal static class TaskReader
{
    public static (TaskRecord? Record, long? Unreadable) Find(Database database, TaskId id)
    {
        using var row = database.Prepare(TaskRow.Select + "WHERE t.id = ?").With(id.ToString());
        if (!row.Step()) return (null, null);
        return TaskRow.TryRead(row, out var record, out _) ? (record, null) : (null, row.Number(0));
    }

    public static (ImmutableArray<TaskRecord> Records, ImmutableArray<long> Unreadable) List(Database database, TaskQuery query)
    {
        var limit = TaskSearch.Limit(query.Limit);
        var records = ImmutableArray.CreateBuilder<TaskRecord>(Math.Min(limit, 64));
        var unreadable = ImmutableArray.CreateBuilder<long>();
        using var row = new ListStatement(query).Prepare(database);
        while (records.Count < limit && row.Step())
        {
            if (TaskRow.TryRead(row, out var record, out _)) records.Add(record);
            else unreadable.Add(row.Number(0));
        }
        return (records.ToImmutable(), unreadable.ToImmutable());
    }

    public static ImmutableArray<long> FindUnreadableOpen(Database database)
    {
        var unreadable = ImmutableArray.CreateBuilder<long>();
        using var row = database.Prepare(TaskRow.Select + "WHERE t.ended_at IS NULL ORDER BY t.number");
        while (row.Step())
            if (!TaskRow.TryRead(row, out _, out _)) unreadable.Add(row.Number(0));
        return unreadable.ToImmutable();
    }

    public static ImmutableDictionary<TaskState, long> Count(Database database)
    {
        var counts = Enum.GetValues<TaskState>().ToImmutableDictionary(state => state, _ => 0L).ToBuilder();
        using var row = database.Prepare("SELECT state, tasks FROM counts");
        while (row.Step())
            if (Columns.State(row.Text(0)) is { } state) counts[state] = row.Number(1);
        return counts.ToImmutable();
    }

    public static ImmutableArray<TaskId> ListExpired(Database database, DateTimeOffset endedBefore, int limit)
    {
        var ids = ImmutableArray.CreateBuilder<TaskId>();
        using var row = database.Prepare(
            "SELECT id FROM tasks t WHERE ended_at < ? AND (session IS NULL OR NOT EXISTS (SELECT 1 FROM notices WHERE open = 1 AND key >= 'task:' || t.id || ':' AND key < 'task:' || t.id || ';')) ORDER BY ended_at, number LIMIT ?").With(Columns.Of(endedBefore)).With(limit);
        while (row.Step())
            if (TaskId.TryParse(row.TextOrNone(0), out var id)) ids.Add(id);
        return ids.ToImmutable();
    }

    public static ImmutableArray<QuarantinedRow> ListQuarantined(Database database)
    {
        var rows = ImmutableArray.CreateBuilder<QuarantinedRow>();
        using var row = database.Prepare("SELECT source, reason, file FROM quarantine ORDER BY at, source");
        while (row.Step()) rows.Add(new QuarantinedRow(row.Text(0), row.Text(1), row.Text(2)));
        return rows.ToImmutable();
    }
}

/// <summary>The statement of a list: by number downwards from the cursor, so that each page costs the same.</summary>
internal sealed class ListStatement
{
    private readonly StringBuilder _where = new();
    private readonly List<object> _values = [];

    public ListStatement(TaskQuery query)
    {
        if (query.Before is { } before) Add("t.number < ?", before);
        if (!query.States.IsDefaultOrEmpty) AddStates(query.States);
        if (query.Kind is { } kind) Add("t.kind = ?", Columns.Of(kind));
        if (query.Session is { } session) Add("t.session = ?", session);
        if (query.Group is { } group) Add("t.grp = ?", group);
        if (query.EndedBefore is { } endedBefore) Add("t.ended_at < ?", Columns.Of(endedBefore));
        if (query.Parent is { } parent) AddBelow("parent", parent);
        if (query.Root is { } root) AddBelow("root", root);
        if (query.Label is { } label) AddLabel(label);
        if (query.Text is { } text) Add("instr(s.search, ?) > 0", TaskSearch.Needle(text));
    }

    public Statement Prepare(Database database)
    {
        var statement = database.Prepare(TaskRow.Select + _where + "ORDER BY t.number DESC");
        foreach (var value in _values) _ = value is long number ? statement.With(number) : statement.With((string)value);
        return statement;
    }

    private void Add(string condition, params object[] values)
    {
        _where.Append(_where.Length == 0 ? "WHERE " : "AND ").Append(condition).Append(' ');
        _values.AddRange(values);
    }

    private void AddStates(ImmutableArray<TaskState> states)
    {
        Add($"t.state IN ({string.Join(", ", states.Select(_ => "?"))})", [.. states.Select(Columns.Of<TaskState>)]);
        // Says the same again, so that open ones are found by the index, however many have ended.
        if (!states.Any(state => state.IsTerminal())) Add("t.ended_at IS NULL");
    }

    // What is below a task was submitted after it: the search ends at its number. Of a removed task, its tombstone knows it.
    private void AddBelow(string column, TaskId above) =>
        Add($"t.{column} = ? AND t.number >= coalesce((SELECT number FROM tasks WHERE id = ?), (SELECT number FROM tombstones WHERE id = ?), 0)", above.ToString(), above.ToString(), above.ToString());

    private void AddLabel(string label)
    {
        var (key, value) = TaskSearch.SplitLabel(label);
        if (value is null) Add("EXISTS (SELECT 1 FROM json_each(t.labels) l WHERE l.key = ?)", key);
        else Add("EXISTS (SELECT 1 FROM json_each(t.labels) l WHERE l.key = ? AND l.value = ?)", key, value);
    }
}
