using SQLitePCL;

namespace Outlast.Sqlite;

/// <summary>SQLite refused a call.</summary>
internal sealed class SqliteFault(int code, string message) : Exception(message)
{
    /// <summary>The extended result code.</summary>
    public int ExtendedCode { get; } = code;

    /// <summary>The primary result code.</summary>
    public int Code => ExtendedCode & 0xff;

    /// <summary>Whether the statement was at fault, and not the database or the disk below it.</summary>
    public bool IsOfTheStatement => Code is raw.SQLITE_CONSTRAINT or raw.SQLITE_TOOBIG or raw.SQLITE_MISMATCH or raw.SQLITE_RANGE;

    /// <summary>Whether a value that may be there once is there already.</summary>
    public bool IsTakenId => ExtendedCode == raw.SQLITE_CONSTRAINT_UNIQUE;

    /// <summary>What a caller of the store is told.</summary>
    public StoreUnavailableException ToUnavailable(string path) => new(Code switch
    {
        raw.SQLITE_FULL => $"disk full: {path} cannot grow",
        raw.SQLITE_IOERR when ExtendedCode == raw.SQLITE_IOERR_SHMSIZE => $"disk full: {path}-shm cannot grow",
        raw.SQLITE_READONLY => $"read-only: {path} cannot be written",
        raw.SQLITE_IOERR => $"I/O error: {path}: {Message}",
        raw.SQLITE_BUSY or raw.SQLITE_LOCKED => $"locked: another program writes to {path}",
        raw.SQLITE_CORRUPT or raw.SQLITE_NOTADB => $"damaged: {path}: {Message}",
        raw.SQLITE_CANTOPEN => $"cannot open {path}: {Message}",
        raw.SQLITE_NOMEM => $"out of memory: {path}",
        _ => $"{path}: {Message}",
    }, this);
}
