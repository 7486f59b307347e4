using System.Collections.Immutable;
using Outlast.Storage;

namespace Outlast.Sqlite;

/// <summary>Reads notices and what holds for sessions.</summary>
internal static class NoticeReader
{
    private const string Select = "SELECT seq, key, kind, session, task, number, at, title, text, state, cause, grp, delivery, deliveries, reason FROM notices ";

    // A range of keys is few rows: without the plus, which keeps other indexes out, SQLite would rather walk all notices for the sake of their order.
    private const string OfTask = "WHERE key >= ? AND key < ? ";

    /// <summary>Drops what is final of a task.</summary>
    public const string DeleteFinalOf = "DELETE FROM notices " + OfTask + "AND +open = 0";

    /// <summary>Counts the tasks of a group.</summary>
    public const string CountOfGroup =
        "SELECT count(*) FILTER (WHERE ended_at IS NULL), count(*) FILTER (WHERE ended_at IS NOT NULL), count(*) FILTER (WHERE state = 'completed') FROM tasks WHERE grp = ? AND session IS ?";

    public static ImmutableArray<Notice> Read(Database database, NoticeQuery query)
    {
        var statement = database.Prepare(TextOf(query));
        if (query.Task is { } task) statement.With(NoticeWriting.KeyPrefix(task)).With(EndOfKeys(task));
        statement.With(query.After);
        if (query.Session is { } session) statement.With(session);
        if (query.Before is { } before) statement.With(Columns.Of(before));
        return ReadAll(statement.With(TaskSearch.Limit(query.Limit)));
    }

    /// <summary>The statement that reads what a query asks for.</summary>
    public static string TextOf(NoticeQuery query)
    {
        var seq = query.Task is null ? "seq" : "+seq";
        return Select + (query.Task is null ? "WHERE " : OfTask + "AND ") + seq + " > ? " + (!query.OpenOnly ? "" : query.Task is null ? "AND open = 1 " : "AND +open = 1 ")
            + (query.Session is null ? "" : "AND session = ? ") + (query.Before is null ? "" : "AND at < ? ") + "ORDER BY " + seq + " LIMIT ?";
    }

    /// <summary>Those that a move concerns. What is final already is none.</summary>
    public static ImmutableArray<Notice> ReadConcerned(Database database, NoticeMove move)
    {
        var found = ImmutableArray.CreateBuilder<Notice>();
        if (!move.Keys.IsDefaultOrEmpty)
            foreach (var key in move.Keys.Distinct()) found.AddRange(ReadAll(database.Prepare(Select + "WHERE key = ?").With(key)));
        else if (!move.Tasks.IsDefaultOrEmpty)
            foreach (var task in move.Tasks.Distinct()) found.AddRange(ReadOpenOf(database, task));
        else if (move.Session is { } session) found.AddRange(ReadAll(database.Prepare(Select + "WHERE open = 1 AND session = ? ORDER BY seq").With(session)));
        return [.. found.Where(notice => NoticeWriting.Fits(move, notice))];
    }

    /// <summary>What is open of a task.</summary>
    public const string ReadOpenOfTask = Select + OfTask + "AND +open = 1 ORDER BY +seq";

    public static ImmutableArray<Notice> ReadOpenOf(Database database, TaskId task) =>
        ReadAll(database.Prepare(ReadOpenOfTask).With(NoticeWriting.KeyPrefix(task)).With(EndOfKeys(task)));

    public static ImmutableArray<string> Addressees(Database database)
    {
        var names = ImmutableArray.CreateBuilder<string>();
        using var row = database.Prepare("SELECT DISTINCT session FROM notices WHERE open = 1 ORDER BY session");
        while (row.Step()) names.Add(row.Text(0));
        return names.ToImmutable();
    }

    public static ImmutableArray<SessionFacts> Sessions(Database database, string? name)
    {
        var names = new SortedSet<string>(StringComparer.Ordinal);
        if (name is not null) names.Add(name);
        else
            foreach (var source in (string[])["SELECT DISTINCT session FROM tasks WHERE session IS NOT NULL", "SELECT DISTINCT session FROM notices", "SELECT name FROM sessions"])
            {
                using var row = database.Prepare(source);
                while (row.Step()) names.Add(row.Text(0));
            }
        return [.. names.Select(n => FactsOf(database, n))];
    }

    public static SessionRule Rule(Database database, string session)
    {
        using var row = database.Prepare("SELECT policy, closed_through FROM sessions WHERE name = ?").With(session);
        return row.Step() ? new(Names.Parse<SessionPolicy>(row.Text(0)), row.Number(1)) : default;
    }

    public static GroupCount CountGroup(Database database, string? session, string group, bool all)
    {
        using var row = database.Prepare(CountOfGroup + (all ? "" : " AND notify IS NOT 'none'")).With(group).With(session);
        row.Step();
        return new((int)row.Number(0), (int)row.Number(1), (int)row.Number(2));
    }

    public static ImmutableArray<TaskStep> Steps(Database database, TaskId task)
    {
        var steps = ImmutableArray.CreateBuilder<TaskStep>();
        using var row = database.Prepare("SELECT name, ordinal, attempt, at, result FROM steps WHERE task = ?").With(task.ToString());
        while (row.Step())
            steps.Add(new(row.Text(0), (int)row.Number(1), row.IsNull(4) ? null : RecordSerializer.ReadResult(row.Bytes(4)), (int)row.Number(2), Columns.Time(row.Number(3))));
        return [.. steps.OrderBy(s => s.Ordinal)];
    }

    /// <summary>The first key after all of a task's: <c>;</c> follows <c>:</c>.</summary>
    public static string EndOfKeys(TaskId task) => NoticeWriting.KeyPrefix(task)[..^1] + ";";

    private static SessionFacts FactsOf(Database database, string name)
    {
        using var row = database.Prepare(
            "SELECT (SELECT count(*) FROM tasks WHERE session = ?1 AND ended_at IS NULL), (SELECT count(*) FROM notices WHERE session = ?1 AND open = 1 AND delivery = 'queued'), "
            + "(SELECT count(*) FROM notices WHERE session = ?1 AND open = 1 AND delivery = 'handed_over'), (SELECT count(*) FROM notices WHERE session = ?1 AND delivery = 'dropped')").With(name);
        row.Step();
        return new(name, Rule(database, name).Policy, (int)row.Number(0), (int)row.Number(1), (int)row.Number(2), (int)row.Number(3));
    }

    private static ImmutableArray<Notice> ReadAll(Statement statement)
    {
        var notices = ImmutableArray.CreateBuilder<Notice>();
        using (statement)
            while (statement.Step())
                if (TryRead(statement) is { } notice) notices.Add(notice);
        return notices.ToImmutable();
    }

    // A row that no program wrote is passed over: nobody can be told what it says.
    private static Notice? TryRead(Statement row)
    {
        if (!TaskId.TryParse(row.TextOrNone(4), out var task) || !Names.TryParse<NoticeKind>(row.TextOrNone(2), out var kind) || !Names.TryParse<NoticeDelivery>(row.TextOrNone(12), out var delivery)) return null;
        if (Columns.State(row.TextOrNone(9)) is not { } state) return null;
        EndCause? cause = Names.TryParse<EndCause>(row.TextOrNone(10), out var known) ? known : null;
        return new(row.Number(0), row.Text(1), kind, row.Text(3), task, row.Number(5), Columns.Time(row.Number(6)), row.Text(7), row.Text(8), state, cause, row.TextOrNone(11), delivery, (int)row.Number(13), row.TextOrNone(14));
    }
}
