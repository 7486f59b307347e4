using System.Diagnostics;
using Outlast.Sqlite;
using Outlast.Storage;
using Outlast.TestKit;

namespace Outlast.IntegrationTests.Sqlite;

/// <summary>A data folder of a test's own, with ways to open its store and to meddle with its database.</summary>
internal sealed class SqliteFolder : IDisposable
{
    private readonly ScratchFolder _scratch = new();

    public SqliteFolder() => Data = new(_scratch.File("data"));

    public SqliteFolder(string path) => Data = new(path);

    public DataFolder Data { get; }

    public SqliteTaskStore NewStore() => new(Data, new SqliteStoreOptions(), TimeProvider.System);

    public async Task<SqliteTaskStore> OpenAsync()
    {
        var store = NewStore();
        await store.OpenAsync();
        return store;
    }

    /// <summary>Opens a store, does something, and closes it.</summary>
    public async Task<T> WithAsync<T>(Func<SqliteTaskStore, Task<T>> use)
    {
        await using var store = await OpenAsync();
        return await use(store);
    }

    /// <summary>Runs a script past the store, as damage or another program would.</summary>
    public void Meddle(string script)
    {
        using var database = Database.OpenWriter(Data.Database);
        database.Run("PRAGMA ignore_check_constraints = ON");
        database.Run(script);
    }

    public string? Read(string query)
    {
        using var database = Database.OpenReader(Data.Database);
        return database.Text(query);
    }

    public void Dispose() => _scratch.Dispose();

    /// <summary>Runs a program of the system and waits for its end.</summary>
    public static async Task<(int Code, string Error)> RunAsync(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true })!;
        var error = await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        return (process.ExitCode, error);
    }
}
