using System.Text;
using SQLitePCL;

namespace Outlast.Sqlite;

/// <summary>A prepared statement. Disposing it ends its run and keeps it for the next.</summary>
internal sealed class Statement(Database database, sqlite3_stmt handle) : IDisposable
{
    private const int ShortText = 64;
    private int _bound;

    public Statement Ready()
    {
        Dispose();
        return this;
    }

    /// <summary>Binds the next parameter.</summary>
    public Statement With(long? value)
    {
        database.Check(value is { } number ? raw.sqlite3_bind_int64(handle, ++_bound, number) : raw.sqlite3_bind_null(handle, ++_bound));
        return this;
    }

    /// <summary>Binds the next parameter.</summary>
    public Statement With(string? value)
    {
        database.Check(value is null ? raw.sqlite3_bind_null(handle, ++_bound) : value.Length is > 0 and <= ShortText ? BindShort(value) : raw.sqlite3_bind_text(handle, ++_bound, value));
        return this;
    }

    /// <summary>Ids and names: SQLite takes a copy, so that none need be made for it.</summary>
    private int BindShort(string value)
    {
        Span<byte> utf8 = stackalloc byte[3 * ShortText];
        return raw.sqlite3_bind_text(handle, ++_bound, utf8[..Encoding.UTF8.GetBytes(value, utf8)]);
    }

    /// <summary>Binds the next parameter: text in UTF-8.</summary>
    public Statement With(byte[]? utf8)
    {
        database.Check(utf8 is null ? raw.sqlite3_bind_null(handle, ++_bound) : raw.sqlite3_bind_text(handle, ++_bound, utf8.AsSpan()));
        return this;
    }

    /// <summary>Goes to the next row, if there is one.</summary>
    public bool Step()
    {
        var code = raw.sqlite3_step(handle);
        database.Check(code);
        return code == raw.SQLITE_ROW;
    }

    /// <summary>Runs a statement that has no rows.</summary>
    public void Run()
    {
        Step();
        Dispose();
    }

    public bool IsNull(int column) => raw.sqlite3_column_type(handle, column) == raw.SQLITE_NULL;

    public long Number(int column) => raw.sqlite3_column_int64(handle, column);

    public long? NumberOrNone(int column) => IsNull(column) ? null : Number(column);

    public string Text(int column) => raw.sqlite3_column_text(handle, column).utf8_to_string();

    public string? TextOrNone(int column) => IsNull(column) ? null : Text(column);

    /// <summary>The bytes of a column, valid until the next step.</summary>
    public ReadOnlySpan<byte> Bytes(int column) => raw.sqlite3_column_blob(handle, column);

    /// <summary>The names and texts of all columns.</summary>
    public IEnumerable<(string Name, string? Text)> Columns()
    {
        for (var i = 0; i < raw.sqlite3_column_count(handle); i++) yield return (raw.sqlite3_column_name(handle, i).utf8_to_string(), TextOrNone(i));
    }

    public void Dispose()
    {
        // A reset repeats the error of the step before it, which has been told already.
        _ = raw.sqlite3_reset(handle);
        _bound = 0;
    }

    public void Close() => raw.sqlite3_finalize(handle);
}
