using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;

namespace Outlast.Sqlite;

/// <summary>Moves rows that cannot be read out of the way: their bytes into files, a tombstone and a listing into their place.</summary>
/// <remarks>The files are on disk before a row goes; a crash between the two makes the same files again.</remarks>
internal sealed class QuarantineWrite(ImmutableArray<long> numbers, DataFolder folder, TimeProvider time) : StoreWrite<int>
{
    /// <summary>Returns how many were set aside; not those that are gone or sound after all.</summary>
    protected override int Write(WriteSession session)
    {
        var count = numbers.Count(number => SetAside(session, number));
        // As what a bad row was counted nobody can say.
        if (count > 0) session.Recount();
        return count;
    }

    private bool SetAside(WriteSession session, long number)
    {
        if (ReadUnreadable(session, number) is not { } found) return false;
        var at = time.GetUtcNow();
        var file = WriteFiles(found, at);
        var reason = $"its record could not be read ({found.Problem}) and is kept in {Path.GetRelativePath(folder.Path, file)}";
        // An id that a sound record has too, written in another way, is that record's.
        if (TaskId.TryParse(found.Id, out var id) && (found.Id == id.ToString() || session.FindHead(id) is null))
            session.Bury(new Tombstone(id, number, found.EndedState ?? TaskState.Lost, found.EndedAt ?? at, at, reason));
        session.Delete(number, null);
        session.Prepare("INSERT OR REPLACE INTO quarantine (source, reason, file, at) VALUES (?, ?, ?, ?)").With(found.Source).With(found.Problem).With(file).With(Columns.Of(at)).Run();
        return true;
    }

    private static Found? ReadUnreadable(WriteSession session, long number)
    {
        using var row = session.Prepare(TaskRow.Select + "WHERE t.number = ?").With(number);
        if (!row.Step() || TaskRow.TryRead(row, out _, out var problem)) return null;
        var columns = row.Columns().Where(column => column.Name is not ("document" or "spec")).ToDictionary(column => column.Name, column => column.Text);
        var endedAt = row.NumberOrNone(14) is >= 0 and var ticks && ticks < DateTimeOffset.MaxValue.Ticks - DateTimeOffset.UnixEpoch.Ticks ? Columns.Time(ticks) : (DateTimeOffset?)null;
        return new(number, row.TextOrNone(1), Columns.State(row.TextOrNone(2)), endedAt, problem, columns, row.Bytes(TaskRow.Document).ToArray(), row.Bytes(TaskRow.Spec).ToArray());
    }

    private string WriteFiles(Found found, DateTimeOffset at)
    {
        OwnerOnly.CreateFolder(folder.Quarantine);
        var name = Path.Combine(folder.Quarantine, "task-" + found.Number.ToString(CultureInfo.InvariantCulture));
        WriteFile(name + ".spec.json", found.Spec);
        WriteFile(name + ".reason.json", DescribeReason(found, at));
        WriteFile(name + ".json", found.Document);
        return name + ".json";
    }

    private static byte[] DescribeReason(Found found, DateTimeOffset at)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer, new JsonWriterOptions { Indented = true }))
        {
            json.WriteStartObject();
            json.WriteString("source", found.Source);
            json.WriteString("reason", found.Problem);
            json.WriteString("at", at);
            json.WriteStartObject("columns");
            foreach (var (name, text) in found.Columns) json.WriteString(name, text);
            json.WriteEndObject();
            json.WriteEndObject();
        }
        return buffer.ToArray();
    }

    private static void WriteFile(string path, byte[] bytes)
    {
        using var file = OwnerOnly.Open(path, FileMode.Create);
        file.Write(bytes);
        file.Flush(flushToDisk: true);
    }

    private sealed record Found(long Number, string? Id, TaskState? State, DateTimeOffset? EndedAt, string Problem, Dictionary<string, string?> Columns, byte[] Document, byte[] Spec)
    {
        public string Source => $"tasks {Number}";

        public TaskState? EndedState => EndedAt is not null && State is { } state && state.IsTerminal() ? state : null;
    }
}
