using System.Buffers.Binary;

namespace Outlast.Sqlite;

/// <summary>The database file before SQLite may touch it: whose it is, of which version, and who may read it.</summary>
internal sealed class StoreFile(string path)
{
    private const int HeaderLength = 100;

    /// <summary>Creates it for its owner alone if it is not there, and refuses it if it is not ours or of a newer version; then not one byte has changed.</summary>
    /// <exception cref="StoreRefusedException">It is refused.</exception>
    public void Prepare()
    {
        if (Path.GetDirectoryName(path) is { Length: > 0 } folder && !Directory.Exists(folder)) OwnerOnly.CreateFolder(folder);
        var header = ReadHeader();
        if (header.Length > 0) JudgeHeader(header);
        else OwnerOnly.Open(path, FileMode.OpenOrCreate).Dispose();
        // SQLite gives its log the mode of the database; only those of an earlier time can differ.
        foreach (var file in new[] { path, path + "-wal", path + "-shm" }) OwnerOnly.Restrict(file);
    }

    /// <summary>Refuses it as <see cref="Prepare"/> would, and touches nothing.</summary>
    /// <exception cref="StoreRefusedException">It is refused.</exception>
    public void Check()
    {
        if (ReadHeader() is { Length: > 0 } header) JudgeHeader(header);
    }

    private byte[] ReadHeader()
    {
        if (!File.Exists(path)) return [];
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        var header = new byte[HeaderLength];
        return header[..file.ReadAtLeast(header, HeaderLength, throwOnEndOfStream: false)];
    }

    private void JudgeHeader(byte[] header)
    {
        if (header.Length < HeaderLength || !header.AsSpan().StartsWith("SQLite format 3\0"u8))
            throw new StoreRefusedException($"{path} is no SQLite database; it was left as it is. Move it away, or name another data folder.");
        var application = BinaryPrimitives.ReadInt32BigEndian(header.AsSpan(68));
        Judge(application, BinaryPrimitives.ReadInt32BigEndian(header.AsSpan(60)), hasTables: false);
        // A database that was only just created says nothing of itself, nor do many of other programs; and after a crash the log may hold a newer header.
        if (application == 0 || new FileInfo(path + "-wal") is { Exists: true, Length: > 0 }) JudgeContents();
    }

    private void JudgeContents()
    {
        using var database = Database.OpenReader(path);
        Judge((int)database.Number("PRAGMA application_id"), (int)database.Number("PRAGMA user_version"), database.Number("SELECT count(*) FROM sqlite_master") > 0);
    }

    private void Judge(int application, int version, bool hasTables)
    {
        if (application != Migrations.ApplicationId && (application != 0 || hasTables))
            throw new StoreRefusedException($"{path} is a SQLite database of another program; it was left as it is. Move it away, or name another data folder.");
        if (version > Migrations.Latest)
            throw new StoreRefusedException(
                $"{path} has schema version {version}, and this program knows up to {Migrations.Latest}; it was left as it is. Use the newer program, or name another data folder.");
    }
}
