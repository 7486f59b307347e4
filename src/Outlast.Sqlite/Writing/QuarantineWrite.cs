using System.Globalization;
using System.Text.Json;

namespace Outlast.Sqlite;

/// <summary>Moves one row that cannot be read out of the way: its bytes into files, a tombstone and a listing into its place.</summary>
/// <remarks>The files are on disk before the row goes; a crash between the two makes the same files again.</remarks>
internal sealed class QuarantineWrite(long number, DataFolder folder, TimeProvider time) : StoreWrite<bool>
{
    /// <summary>Returns whether the row was set aside; not if it is gone or sound after all.</summary>
    protected override bool Write(WriteSession session)
    {
        if (ReadUnreadable(session) is not { } found) return false;
        var file = WriteFiles(found);
        var at = time.GetUtcNow();
        var reason = $"its record could not be read ({found.Problem}) and is kept in {Path.GetFileName(Path.GetDirectoryName(file))}/{Path.GetFileName(file)}";
        if (TaskId.TryParse(found.Id, out var id)) session.Bury(new Tombstone(id, number, found.EndedState ?? TaskState.Lost, found.EndedAt ?? at, at, reason));
        session.Delete(number, found.State);
        session.Prepare("INSERT OR REPLACE INTO quarantine (source, reason, file, at) VALUES (?, ?, ?, ?)").With($"tasks {number}").With(found.Problem).With(file).With(Columns.Of(at)).Run();
        return true;
    }

    private Found? ReadUnreadable(WriteSession session)
    {
        using var row = session.Prepare(TaskRow.Select + "WHERE t.number = ?").With(number);
        if (!row.Step() || TaskRow.TryRead(row, out _, out var problem)) return null;
        var columns = row.Columns().Where(column => column.Name is not ("document" or "spec")).ToDictionary(column => column.Name, column => column.Text);
        var endedAt = row.NumberOrNone(14) is >= 0 and var ticks && ticks < DateTimeOffset.MaxValue.Ticks - DateTimeOffset.UnixEpoch.Ticks ? Columns.Time(ticks) : (DateTimeOffset?)null;
        return new(row.TextOrNone(1), Columns.State(row.TextOrNone(2)), endedAt, problem, columns, row.Bytes(16).ToArray(), row.Bytes(17).ToArray());
    }

    private string WriteFiles(Found found)
    {
        OwnerOnly.CreateFolder(folder.Quarantine);
        var name = Path.Combine(folder.Quarantine, "task-" + number.ToString(CultureInfo.InvariantCulture));
        WriteFile(name + ".spec.json", found.Spec);
        WriteFile(name + ".reason.json", DescribeReason(found));
        WriteFile(name + ".json", found.Document);
        return name + ".json";
    }

    private byte[] DescribeReason(Found found)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer, new JsonWriterOptions { Indented = true }))
        {
            json.WriteStartObject();
            json.WriteString("source", $"tasks {number}");
            json.WriteString("reason", found.Problem);
            json.WriteString("at", time.GetUtcNow());
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

    private sealed record Found(string? Id, TaskState? State, DateTimeOffset? EndedAt, string Problem, Dictionary<string, string?> Columns, byte[] Document, byte[] Spec)
    {
        public TaskState? EndedState => EndedAt is not null && State is { } state && state.IsTerminal() ? state : null;
    }
}
