using System.Diagnostics;
using Outlast.IntegrationTests.Faults;
using Outlast.Sqlite;
using Outlast.Storage;
using Xunit;
using static Outlast.TestKit.StoredTasks;

namespace Outlast.IntegrationTests.Sqlite;

public sealed class FailingDiskTests : IDisposable
{
    private readonly SmallFileSystem _disk = SmallFileSystem.Mount(4);

    public void Dispose() => _disk.Dispose();

    private DataFolder Data => new(_disk.Place.Root + _disk.Data.Path + "/data");

    [Fact]
    [Trait("Requirement", "U-102")]
    [Trait("Requirement", "V-49")]
    public async Task A_full_disk_is_told_nothing_is_acknowledged_and_it_goes_on_when_there_is_room()
    {
        var acknowledged = new List<TaskRecord>();
        var refused = new List<TaskId>();
        await using (var store = New())
        {
            await store.OpenAsync();
            for (var i = 0; i < 20; i++) acknowledged.Add(await SubmitAsync(store, Queued()));
            var counts = await store.CountAsync();
            _disk.Fill();

            for (var round = 0; round < 5; round++)
            {
                var records = Enumerable.Range(0, 16).Select(_ => Queued(Spec(argv: ["/bin/echo", new string('x', 20_000)]))).ToArray();
                var commits = records.Select(r => store.CommitAsync(StoreCommit.Of(Submit(r)))).ToArray();
                foreach (var commit in commits) Assert.StartsWith("disk full: ", (await Assert.ThrowsAsync<StoreUnavailableException>(() => commit)).Message);
                refused.AddRange(records.Select(r => r.Id));
            }
            Assert.StartsWith("disk full: ", (await Assert.ThrowsAsync<StoreUnavailableException>(() => store.ProbeAsync())).Message);
            foreach (var id in refused) Assert.Null(await store.FindAsync(id));
            foreach (var record in acknowledged) Assert.Equal(Text(record), Text((await store.FindAsync(record.Id))!));
            Assert.Equal(counts, await store.CountAsync());

            _disk.MakeRoom();
            await store.ProbeAsync();
            acknowledged.Add(await SubmitAsync(store, Queued()));
            Assert.Equal(21, acknowledged[^1].Number);
        }
        await ExpectExactlyAsync(acknowledged);
    }

    [Fact]
    [Trait("Requirement", "U-102")]
    public async Task Nothing_that_was_refused_on_a_full_disk_appears_after_a_crash()
    {
        var acknowledged = new List<TaskRecord>();
        var copy = new DataFolder(_disk.Roomy.File("crashed"));
        await using (var store = New())
        {
            await store.OpenAsync();
            for (var i = 0; i < 20; i++) acknowledged.Add(await SubmitAsync(store, Queued()));
            _disk.Fill();
            for (var i = 0; i < 20; i++)
            {
                var record = Queued(Spec(argv: ["/bin/echo", new string('x', 500 * i)]));
                try
                {
                    acknowledged.Add(await SubmitAsync(store, record));
                }
                catch (StoreUnavailableException)
                {
                    // What a power cut would leave at this moment.
                    CopyAsAfterCrash(copy);
                    await using var next = new SqliteTaskStore(copy, new(), TimeProvider.System);
                    await next.OpenAsync();
                    Assert.Equal(acknowledged.Select(r => r.Id).Reverse(), (await next.ListAsync(new TaskQuery { Limit = 100 })).Select(r => r.Id));
                }
            }
            Assert.True(Directory.Exists(copy.Path), "the disk was never full");
        }
    }

    [Fact]
    public async Task A_full_disk_at_opening_is_told_and_the_store_opens_when_there_is_room()
    {
        _disk.Fill();
        var store = New();
        await Assert.ThrowsAsync<StoreUnavailableException>(() => store.OpenAsync());
        await store.DisposeAsync();
        _disk.MakeRoom();
        await ExpectExactlyAsync([]);
    }

    [Fact]
    public async Task A_read_only_disk_is_told_at_opening_and_the_store_opens_when_it_is_writable_again()
    {
        var acknowledged = new List<TaskRecord>();
        await using (var store = New())
        {
            await store.OpenAsync();
            acknowledged.Add(await SubmitAsync(store, Queued()));
        }
        await RemountAsync("ro");
        await using (var store = New())
            Assert.StartsWith("read-only: ", (await Assert.ThrowsAsync<StoreUnavailableException>(() => store.OpenAsync())).Message);
        await RemountAsync("rw");
        await ExpectExactlyAsync(acknowledged);
    }

    private SqliteTaskStore New() => new(Data, new SqliteStoreOptions(), TimeProvider.System);

    private async Task ExpectExactlyAsync(List<TaskRecord> records)
    {
        await using var store = New();
        Assert.Equal(0, (await store.OpenAsync()).Quarantined);
        Assert.Equal(records.Select(Text).Reverse(), (await store.ListAsync(new TaskQuery { Limit = 1_000 })).Select(Text));
        Assert.Equal(records.Count, (await store.CountAsync()).Values.Sum());
        Assert.Equal("ok", Check());
    }

    private string? Check()
    {
        using var database = Database.OpenReader(Data.Database);
        return database.Text("PRAGMA integrity_check");
    }

    private void CopyAsAfterCrash(DataFolder copy)
    {
        Directory.CreateDirectory(copy.Path);
        foreach (var name in new[] { "", "-wal" }) File.Copy(Data.Database + name, copy.Database + name, overwrite: true);
        File.Delete(copy.Database + "-shm");
    }

    private async Task RemountAsync(string mode)
    {
        string[] command = [.. _disk.Place.Inside, "mount", "-o", $"remount,{mode}", _disk.Data.Path];
        using var process = Process.Start(new ProcessStartInfo(command[0], command[1..]) { RedirectStandardError = true })!;
        Assert.Equal("", await process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync();
        Assert.Equal(0, process.ExitCode);
    }

    private static async Task<TaskRecord> SubmitAsync(SqliteTaskStore store, TaskRecord record) => (await store.CommitAsync(StoreCommit.Of(Submit(record)))).Records.Single();
}
