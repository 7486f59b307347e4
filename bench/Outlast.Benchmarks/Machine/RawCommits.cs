using Outlast.Sqlite;
using SQLitePCL;

namespace Outlast.Benchmarks.Machine;

/// <summary>What the disk allows: one row, one transaction, one fsync, with the same native library and the same settings as the store.</summary>
internal sealed class RawCommits : IDisposable
{
    private readonly sqlite3 _database;
    private readonly sqlite3_stmt _insert;
    private readonly byte[] _body;

    /// <param name="folder">Where the database is to be.</param>
    /// <param name="body">What each row holds beside its id.</param>
    public RawCommits(DataFolder folder, byte[] body)
    {
        SqliteLibrary.Use();
        _body = body;
        Check(raw.sqlite3_open(Path.Combine(folder.Path, "raw.db"), out _database));
        foreach (var sql in (string[])["PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL", $"PRAGMA wal_autocheckpoint={new SqliteStoreOptions().CheckpointPages}", "CREATE TABLE rows (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, body TEXT NOT NULL)"])
            Check(raw.sqlite3_exec(_database, sql));
        Check(raw.sqlite3_prepare_v2(_database, "INSERT INTO rows(id, body) VALUES(?, ?)", out _insert));
    }

    public void Commit()
    {
        Check(raw.sqlite3_bind_text(_insert, 1, TaskId.New(DateTimeOffset.UtcNow).ToString()));
        Check(raw.sqlite3_bind_text(_insert, 2, _body));
        Check(raw.sqlite3_step(_insert));
        Check(raw.sqlite3_reset(_insert));
    }

    public void Dispose()
    {
        _insert.Dispose();
        _database.Dispose();
    }

    private void Check(int code)
    {
        if (code is not (raw.SQLITE_OK or raw.SQLITE_DONE or raw.SQLITE_ROW)) throw new IOException(raw.sqlite3_errmsg(_database).utf8_to_string());
    }
}
