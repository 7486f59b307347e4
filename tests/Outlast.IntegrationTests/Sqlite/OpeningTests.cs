using Microsoft.Extensions.DependencyInjection;
using Outlast.Sqlite;
using Outlast.Storage;
using Outlast.TestKit;
using Xunit;
using static Outlast.TestKit.StoredTasks;

namespace Outlast.IntegrationTests.Sqlite;

public sealed class OpeningTests : IDisposable
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private readonly SqliteFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Each_opening_has_a_larger_epoch_and_finds_what_the_former_wrote()
    {
        var record = Queued();
        await _folder.WithAsync(store => store.CommitAsync(StoreCommit.Of(Submit(record))));
        await using var store = _folder.NewStore();
        Assert.Equal(new StoreOpening(2, 0), await store.OpenAsync());
        Assert.Equal(Text(record with { Number = 1 }), Text((await store.FindAsync(record.Id))!));
    }

    [Fact]
    public async Task Folder_and_files_are_for_their_owner_alone()
    {
        await using var store = await _folder.OpenAsync();
        await store.CommitAsync(StoreCommit.Of(Submit(Queued())));
        Assert.Equal(OwnerOnly | UnixFileMode.UserExecute, File.GetUnixFileMode(_folder.Data.Path));
        foreach (var file in Directory.GetFiles(_folder.Data.Path)) Assert.Equal(OwnerOnly, File.GetUnixFileMode(file));
        Assert.Equal(["outlast.db", "outlast.db-shm", "outlast.db-wal"], Directory.GetFiles(_folder.Data.Path).Select(Path.GetFileName).Order());
    }

    [Fact]
    public async Task A_file_that_others_could_read_is_closed_to_them()
    {
        await _folder.WithAsync(store => store.CountAsync());
        File.SetUnixFileMode(_folder.Data.Database, OwnerOnly | UnixFileMode.GroupRead | UnixFileMode.OtherRead);
        await using var store = await _folder.OpenAsync();
        Assert.All(Directory.GetFiles(_folder.Data.Path), file => Assert.Equal(OwnerOnly, File.GetUnixFileMode(file)));
    }

    [Fact]
    public async Task Closing_leaves_one_file()
    {
        await _folder.WithAsync(store => store.CommitAsync(StoreCommit.Of(Submit(Queued()))));
        Assert.Equal(["outlast.db"], Directory.GetFiles(_folder.Data.Path).Select(Path.GetFileName));
    }

    [Fact]
    public async Task A_newer_schema_is_refused_and_not_one_byte_changes()
    {
        await _folder.WithAsync(store => store.CommitAsync(StoreCommit.Of(Submit(Queued()))));
        _folder.Meddle($"PRAGMA user_version = {Migrations.Latest + 1}");
        await ExpectRefusalAsync($"schema version {Migrations.Latest + 1}", $"up to {Migrations.Latest}", "newer program");
    }

    [Fact]
    public async Task A_newer_schema_that_a_crash_left_in_the_log_is_refused_and_not_one_byte_changes()
    {
        await _folder.WithAsync(store => store.CountAsync());
        using (var database = Database.OpenWriter(_folder.Data.Database))
        {
            database.Run("PRAGMA journal_mode = WAL; PRAGMA user_version = 99");
            foreach (var file in Directory.GetFiles(_folder.Data.Path)) File.Copy(file, file + ".crash");
        }
        foreach (var file in Directory.GetFiles(_folder.Data.Path, "*.crash")) File.Move(file, file[..^".crash".Length], overwrite: true);
        Assert.NotEqual(0, new FileInfo(_folder.Data.Database + "-wal").Length);
        await ExpectRefusalAsync("schema version 99");
    }

    [Theory]
    [InlineData("no database at all, but long enough to have a header: 0123456789012345678901234567890123456789012345678901234567890123456789")]
    [InlineData("short")]
    public async Task A_file_that_is_no_database_is_refused_and_stays_as_it_is(string text)
    {
        Directory.CreateDirectory(_folder.Data.Path);
        await File.WriteAllTextAsync(_folder.Data.Database, text);
        await ExpectRefusalAsync("no SQLite database");
    }

    [Theory]
    [InlineData("CREATE TABLE songs (title TEXT)")]
    [InlineData("PRAGMA application_id = 77")]
    [InlineData("PRAGMA journal_mode = WAL; CREATE TABLE songs (title TEXT); PRAGMA user_version = 1")]
    public async Task A_database_of_another_program_is_refused_and_stays_as_it_is(string script)
    {
        Directory.CreateDirectory(_folder.Data.Path);
        await File.WriteAllBytesAsync(_folder.Data.Database, []);
        _folder.Meddle(script);
        await ExpectRefusalAsync("another program");
    }

    [Fact]
    public async Task A_damaged_database_is_refused_with_what_to_do()
    {
        await _folder.WithAsync(store => store.CommitAsync(StoreCommit.Of(Submit(Queued()))));
        var bytes = await File.ReadAllBytesAsync(_folder.Data.Database);
        Random.Shared.NextBytes(bytes.AsSpan(100));
        await File.WriteAllBytesAsync(_folder.Data.Database, bytes);
        await using var store = _folder.NewStore();
        var refusal = await Assert.ThrowsAsync<StoreRefusedException>(() => store.OpenAsync());
        Assert.Contains("damaged", refusal.Message);
    }

    [Fact]
    public async Task A_database_whose_creation_was_cut_off_is_created_again()
    {
        Directory.CreateDirectory(_folder.Data.Path);
        await File.WriteAllBytesAsync(_folder.Data.Database, []);
        _folder.Meddle("PRAGMA journal_mode = WAL");
        Assert.NotEqual(0, new FileInfo(_folder.Data.Database).Length);
        await using var store = _folder.NewStore();
        Assert.Equal(1, (await store.OpenAsync()).Epoch);
    }

    [Fact]
    public async Task A_state_file_of_version_1_is_brought_forward_whole()
    {
        Directory.CreateDirectory(_folder.Data.Path);
        await File.WriteAllBytesAsync(_folder.Data.Database, []);
        _folder.Meddle(await File.ReadAllTextAsync(Path.Combine(AppContext.BaseDirectory, "Sqlite", "States", "version-1.sql")));
        await using var store = _folder.NewStore();
        Assert.Equal(new StoreOpening(4, 0), await store.OpenAsync());

        Assert.Equal($"{Migrations.Latest}", _folder.Read("PRAGMA user_version"));
        var all = await store.ListAsync(new TaskQuery());
        Assert.Equal([TaskState.TimedOut, TaskState.Stopping, TaskState.Running, TaskState.Queued], all.Select(r => r.State));
        Assert.Equal([5, 4, 2, 1], all.Select(r => r.Number));
        Assert.Equal(EndCause.Inactivity, all[1].Stop!.Cause);
        Assert.Equal("日本", all[1].Spec.Process!.Argv[3]);
        Assert.Equal(3, (await store.ListOpenAsync()).Length);
        Assert.Equal(1, (await store.CountAsync())[TaskState.TimedOut]);
        var removed = Assert.Single(await store.ResolveAsync("3"));
        Assert.Equal("kept long enough", (await store.FindTombstoneAsync(removed))!.Reason);
        Assert.Equal(removed, (await store.FindKeyAsync("build-4711"))!.Task);
        Assert.Equal(9, (await store.EventsAsync(new EventQuery(0))).Events.Length);
        Assert.Equal(6, (await store.CommitAsync(StoreCommit.Of(Submit(Queued())))).Records[0].Number);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_constraints_hold_and_none_makes_a_table_for_each_row(bool ofVersion1)
    {
        Directory.CreateDirectory(_folder.Data.Path);
        await File.WriteAllBytesAsync(_folder.Data.Database, []);
        if (ofVersion1) _folder.Meddle(await File.ReadAllTextAsync(Path.Combine(AppContext.BaseDirectory, "Sqlite", "States", "version-1.sql")));
        await using (var store = await _folder.OpenAsync()) await store.CommitAsync(StoreCommit.Of(Submit(Queued())));

        using var database = Outlast.Sqlite.Database.OpenWriter(_folder.Data.Database);
        using (var step = database.Prepare("EXPLAIN UPDATE tasks SET state = ?, kind = ?, token = ? WHERE number = ?"))
            while (step.Step()) Assert.NotEqual("OpenEphemeral", step.Text(1));
        foreach (var breach in (string[])["state = 'dreaming'", "kind = 'wish'", "state = 'completed'", "ended_at = 1, cause = 'exit'", "state = 'running'", "attempt = 1, token = 1"])
            Assert.Contains("CHECK", Assert.Throws<SqliteFault>(() => database.Run($"UPDATE tasks SET {breach} WHERE state = 'queued'")).Message);
        Assert.Equal("ok", _folder.Read("PRAGMA integrity_check"));
    }

    [Fact]
    [Trait("Requirement", "V-51")]
    [Trait("Requirement", "U-101")]
    public async Task A_host_whose_store_was_opened_by_another_writes_no_more()
    {
        await using var former = await _folder.OpenAsync();
        await former.CommitAsync(StoreCommit.Of(Submit(Queued())));
        await using var later = await _folder.OpenAsync();

        var record = Queued();
        var refusal = await Assert.ThrowsAsync<StoreUnavailableException>(() => former.CommitAsync(StoreCommit.Of(Submit(record))));
        Assert.Contains("another host (epoch 2) has opened this store", refusal.Message);
        await Assert.ThrowsAsync<StoreUnavailableException>(() => former.ProbeAsync());
        Assert.Null(await later.FindAsync(record.Id));
        Assert.Equal(CommitResult.Committed, (await later.CommitAsync(StoreCommit.Of(Submit(record)))).Result);
    }

    [Fact]
    public async Task It_prefers_the_newer_library_and_says_which()
    {
        await using var store = _folder.NewStore();
        Assert.Equal(("sqlite", "full"), (store.Description.Kind, store.Description.Durability));
        Assert.Matches(@"^3\.\d+\.\d+ \((system|bundled)\)$", store.Description.Library);
        // The bundle is 3.35.5; a system that has a newer one must be seen to use it.
        if (File.Exists("/usr/lib/x86_64-linux-gnu/libsqlite3.so.0")) Assert.EndsWith("(system)", store.Description.Library);
        await store.OpenAsync();
        Assert.Equal(store.Description.Library.Split(' ')[0], _folder.Read("SELECT sqlite_version()"));
    }

    [Fact]
    public async Task UseSqlite_registers_the_store_of_the_hosts_folder()
    {
        var collection = new ServiceCollection().AddSingleton<ITaskStore, InMemoryTaskStore>();
        collection.AddOutlast(_folder.Data).UseSqlite();
        await using var services = collection.BuildServiceProvider();
        await services.GetRequiredService<ITaskStore>().OpenAsync();
        Assert.Single(services.GetServices<ITaskStore>());
        Assert.True(File.Exists(_folder.Data.Database));
    }

    private async Task ExpectRefusalAsync(params string[] words)
    {
        var before = Directory.GetFiles(_folder.Data.Path).Where(f => !f.EndsWith("-shm", StringComparison.Ordinal)).ToDictionary(f => f, File.ReadAllBytes);
        await using (var store = _folder.NewStore())
        {
            var refusal = await Assert.ThrowsAsync<StoreRefusedException>(() => store.OpenAsync());
            Assert.All(words, word => Assert.Contains(word, refusal.Message));
        }
        foreach (var (file, bytes) in before) Assert.Equal(bytes, await File.ReadAllBytesAsync(file));
    }
}
