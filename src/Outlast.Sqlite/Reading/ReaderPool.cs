using System.Collections.Concurrent;

namespace Outlast.Sqlite;

/// <summary>A few read connections of their own; the writer never makes them wait.</summary>
internal sealed class ReaderPool(string path, int size) : IDisposable
{
    private readonly ConcurrentBag<Database> _idle = [];
    private readonly SemaphoreSlim _free = new(size, size);
    private volatile bool _closed;

    /// <summary>Reads on one connection, in one snapshot.</summary>
    public async Task<T> ReadAsync<T>(Func<Database, T> read, CancellationToken cancel)
    {
        await _free.WaitAsync(cancel).ConfigureAwait(false);
        try
        {
            ObjectDisposedException.ThrowIf(_closed, typeof(SqliteTaskStore));
            return Read(read);
        }
        catch (SqliteFault fault)
        {
            throw fault.ToUnavailable(path);
        }
        finally
        {
            _free.Release();
        }
    }

    /// <summary>Waits until nobody reads, and closes the connections.</summary>
    public void Dispose()
    {
        _closed = true;
        for (var i = 0; i < size; i++) _free.Wait();
        while (_idle.TryTake(out var database)) database.Dispose();
        _free.Release(size);
    }

    private T Read<T>(Func<Database, T> read)
    {
        var database = _idle.TryTake(out var idle) ? idle : Database.OpenReader(path);
        try
        {
            database.Prepare("BEGIN").Run();
            var found = read(database);
            database.Prepare("COMMIT").Run();
            _idle.Add(database);
            return found;
        }
        catch
        {
            // A connection that failed is not asked again.
            database.Dispose();
            throw;
        }
    }
}
