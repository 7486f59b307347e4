namespace Outlast.Sqlite;

/// <summary>Settings of the SQLite store.</summary>
public sealed class SqliteStoreOptions
{
    /// <summary>How many reads may be under way at once.</summary>
    /// <value>4.</value>
    public int Readers { get; init; } = 4;

    /// <summary>After how many pages of log (4 KiB each) they are moved into the database file.</summary>
    /// <value>4,000, which is 16 MiB.</value>
    public int CheckpointPages { get; init; } = 4_000;
}
