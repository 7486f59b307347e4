using System.Diagnostics;
using Outlast.Storage;
using Xunit;

namespace Outlast.IntegrationTests.Sqlite;

public sealed class KilledWriterTests : IDisposable
{
    private readonly SqliteFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    [Trait("Requirement", "U-102")]
    [Trait("Requirement", "V-20")]
    [Trait("Requirement", "V-48")]
    [Trait("Requirement", "V-49")]
    [Trait("Requirement", "V-77")]
    [Trait("Requirement", "U-08")]
    public async Task Killed_amid_commits_of_64_callers_nothing_acknowledged_is_missing_and_nothing_is_torn()
    {
        var acknowledged = new Dictionary<TaskId, (long Version, long Events)>();
        foreach (var lines in new[] { 1, 150, 700, 2_000 })
        {
            await KillAfterAsync(lines, acknowledged);

            await using var store = _folder.NewStore();
            Assert.Equal(0, (await store.OpenAsync()).Quarantined);
            foreach (var (id, (version, events)) in acknowledged)
            {
                var record = await store.FindAsync(id);
                Assert.NotNull(record);
                Assert.True(record.Version >= version && record.Events >= events, $"{id} is at {record.Version}, and {version} was acknowledged");
            }
            Assert.Equal("ok", _folder.Read("PRAGMA integrity_check"));
            // Whole commits only: each record has exactly the events that it counts, and each is counted once.
            Assert.Equal("0", _folder.Read("SELECT count(*) FROM tasks t WHERE events <> (SELECT count(*) FROM events e WHERE e.task = t.id) OR events <> (SELECT max(task_seq) FROM events e WHERE e.task = t.id)"));
            Assert.Equal("0", _folder.Read("SELECT count(*) FROM (SELECT 1 FROM tasks WHERE session IS NOT NULL GROUP BY session HAVING count(*) <> 50 OR max(number) - min(number) <> 49)"));
            Assert.Equal("0", _folder.Read("SELECT count(*) FROM tasks t LEFT JOIN specs s ON s.number = t.number WHERE s.number IS NULL"));
            Assert.Equal("0", _folder.Read("SELECT count(*) FROM counts c WHERE tasks <> (SELECT count(*) FROM tasks t WHERE t.state = c.state)"));
            Assert.Equal("1", _folder.Read("SELECT last_number = (SELECT max(number) FROM tasks) AND last_event = (SELECT max(seq) FROM events) FROM meta"));
        }
    }

    private async Task KillAfterAsync(int lines, Dictionary<TaskId, (long Version, long Events)> acknowledged)
    {
        using var writer = Process.Start(new ProcessStartInfo(Path.Combine(AppContext.BaseDirectory, "Outlast.FaultWorker"), ["store", _folder.Data.Path]) { RedirectStandardOutput = true })!;
        for (var read = 0; await writer.StandardOutput.ReadLineAsync() is { } line; read++)
        {
            // A last line may be cut off by the kill; what was not told whole was not acknowledged.
            if (line.Split(' ') is [var id, var version, var events] && TaskId.TryParse(id, out var task) && events.Length > 0) acknowledged[task] = (long.Parse(version), long.Parse(events));
            if (read + 1 == lines) writer.Kill();
        }
        await writer.WaitForExitAsync();
        Assert.Equal(137, writer.ExitCode);
    }
}
