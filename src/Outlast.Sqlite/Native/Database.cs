using SQLitePCL;

namespace Outlast.Sqlite;

/// <summary>One open connection. Used by one thread at a time.</summary>
internal sealed class Database : IDisposable
{
    private readonly sqlite3 _handle;
    private readonly Dictionary<string, Statement> _statements = [];

    private Database(sqlite3 handle) => _handle = handle;

    /// <summary>Opens for writing; where only reading is possible SQLite itself would say so much later and less clearly.</summary>
    public static Database OpenWriter(string path)
    {
        var database = Open(path, raw.SQLITE_OPEN_READWRITE);
        if (raw.sqlite3_db_readonly(database._handle, "main") == 0) return database;
        database.Dispose();
        throw new SqliteFault(raw.SQLITE_READONLY, "opened for reading only");
    }

    public static Database OpenReader(string path) => Open(path, raw.SQLITE_OPEN_READONLY);

    /// <summary>Whether a transaction is under way.</summary>
    public bool InTransaction => raw.sqlite3_get_autocommit(_handle) == 0;

    /// <summary>The statement with that text, prepared once.</summary>
    public Statement Prepare(string sql)
    {
        if (_statements.TryGetValue(sql, out var known)) return known.Ready();
        Check(raw.sqlite3_prepare_v3(_handle, sql, raw.SQLITE_PREPARE_PERSISTENT, out var handle));
        return _statements[sql] = new Statement(this, handle);
    }

    /// <summary>Runs a script of several statements.</summary>
    public void Run(string script) => Check(raw.sqlite3_exec(_handle, script));

    /// <summary>Runs one statement and reads its first column.</summary>
    public long Number(string sql)
    {
        using var row = Prepare(sql);
        return row.Step() ? row.Number(0) : 0;
    }

    /// <summary>Runs one statement and reads its first column.</summary>
    public string? Text(string sql)
    {
        using var row = Prepare(sql);
        return row.Step() ? row.Text(0) : null;
    }

    /// <summary>Undoes whatever is under way; SQLite may have done so itself.</summary>
    public void RollBack()
    {
        foreach (var statement in _statements.Values) statement.Dispose();
        if (InTransaction) Run("ROLLBACK");
    }

    public void Check(int code)
    {
        if (code is not (raw.SQLITE_OK or raw.SQLITE_ROW or raw.SQLITE_DONE)) throw Fault();
    }

    public void Dispose()
    {
        foreach (var statement in _statements.Values) statement.Close();
        raw.sqlite3_close_v2(_handle);
    }

    private SqliteFault Fault() => new(raw.sqlite3_extended_errcode(_handle), raw.sqlite3_errmsg(_handle).utf8_to_string());

    private static Database Open(string path, int mode)
    {
        SqliteLibrary.Use();
        // No mutex of SQLite's own: each connection has one thread at a time.
        var code = raw.sqlite3_open_v2(path, out var handle, mode | raw.SQLITE_OPEN_NOMUTEX, null);
        var database = new Database(handle);
        try
        {
            database.Check(code);
            raw.sqlite3_extended_result_codes(handle, 1);
            raw.sqlite3_busy_timeout(handle, 5_000);
            return database;
        }
        catch
        {
            database.Dispose();
            throw;
        }
    }
}
