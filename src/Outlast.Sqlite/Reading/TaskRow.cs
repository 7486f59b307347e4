using System.Diagnostics.CodeAnalysis;
using Outlast.Storage;

namespace Outlast.Sqlite;

/// <summary>A row of <c>tasks</c> with its spec, turned into a record, or into the reason why that cannot be.</summary>
internal static class TaskRow
{
    public const string Select =
        "SELECT t.number, t.id, t.state, t.version, t.kind, t.attempt, t.events, t.token, t.parent, t.root, t.detached, t.first_in_line, t.not_before, t.start_by, t.ended_at, t.session, t.subject, t.grp, t.notify, t.priority, t.question_expires, t.document, s.spec " +
        "FROM tasks t LEFT JOIN specs s ON s.number = t.number ";

    /// <summary>Where the two documents are in that row.</summary>
    public const int Document = 21, Spec = 22;

    public static bool TryRead(Statement row, [NotNullWhen(true)] out TaskRecord? record, [NotNullWhen(false)] out string? problem)
    {
        record = null;
        problem = null;
        try
        {
            var read = RecordSerializer.ReadRecord(row.Number(0), row.Bytes(Spec), row.Bytes(Document));
            if (FindMismatch(row, read) is { } column) problem = $"column {column} is '{row.TextOrNone(Index(column))}', and the document says otherwise";
            else record = read;
        }
        catch (UnreadableRecordException e)
        {
            problem = e.Message;
        }
        return record is not null;
    }

    private static readonly string[] Names =
        ["number", "id", "state", "version", "kind", "attempt", "events", "token", "parent", "root", "detached", "first_in_line", "not_before", "start_by", "ended_at", "session", "subject", "grp", "notify", "priority", "question_expires"];

    private static int Index(string column) => Array.IndexOf(Names, column);

    private static string? FindMismatch(Statement row, TaskRecord r)
    {
        if (row.Text(1) != r.Id.ToString()) return "id";
        if (row.Text(2) != Columns.Of(r.State)) return "state";
        if (row.Number(3) != r.Version) return "version";
        if (row.Text(4) != Columns.Of(r.Spec.Kind)) return "kind";
        if (row.Number(5) != r.Attempt) return "attempt";
        if (row.Number(6) != r.Events) return "events";
        if (row.NumberOrNone(7) != r.Claim?.Token.Value) return "token";
        if (row.TextOrNone(8) != r.Parent?.ToString()) return "parent";
        if (row.Text(9) != r.Root.ToString()) return "root";
        if (row.Number(10) != (r.Spec.Detached ? 1 : 0)) return "detached";
        if (row.Number(11) != (r.FirstInLine ? 1 : 0)) return "first_in_line";
        if (row.NumberOrNone(12) != Columns.Of(r.NotBefore)) return "not_before";
        if (row.NumberOrNone(13) != Columns.Of(r.Spec.StartBy)) return "start_by";
        if (row.NumberOrNone(14) != Columns.Of(r.EndedAt)) return "ended_at";
        if (row.TextOrNone(15) != r.Spec.Session) return "session";
        if (row.TextOrNone(16) != r.Spec.Subject) return "subject";
        if (row.TextOrNone(17) != r.Spec.Group) return "grp";
        if (row.TextOrNone(18) != (r.Spec.Notify == NotifyPolicy.Each ? null : Columns.Of(r.Spec.Notify))) return "notify";
        if (row.Number(19) != r.Spec.Priority) return "priority";
        if (row.NumberOrNone(20) != (r.State == TaskState.Waiting ? Columns.Of(r.Question?.ExpiresAt) : null)) return "question_expires";
        return null;
    }
}
