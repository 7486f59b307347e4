using System.Reflection;
using System.Runtime.InteropServices;
using SQLitePCL;

namespace Outlast.Sqlite;

/// <summary>Which native SQLite does the work: the system's where it is newer than the bundled one, which is old.</summary>
internal static class SqliteLibrary
{
    private const string SystemName = "libsqlite3.so.0";
    private const string BundledName = "e_sqlite3";
    private const int MemoryStatus = 9;

    // Once a process: a provider keeps the library that it first resolved.
    private static readonly Lazy<string> Loaded = new(Load);

    /// <summary>Loads the library, once, and says which: <c>3.40.1 (system)</c>.</summary>
    public static string Use() => Loaded.Value;

    private static string Load()
    {
        var provider = typeof(SQLite3Provider_e_sqlite3).Assembly;
        var bundled = Open(BundledName, provider);
        var system = Open(SystemName, null);
        var useSystem = system is not null && (bundled is null || system.Version > bundled.Version);
        if (useSystem) NativeLibrary.SetDllImportResolver(provider, (name, _, _) => name == BundledName ? system!.Handle : 0);
        raw.SetProvider(new SQLite3Provider_e_sqlite3());
        // Counting its memory costs SQLite a lock at each allocation. Refused, and no harm, where it works in this process already.
        _ = raw.sqlite3_config(MemoryStatus, 0);
        return $"{raw.sqlite3_libversion().utf8_to_string()} ({(useSystem ? "system" : "bundled")})";
    }

    private static Candidate? Open(string name, Assembly? assembly)
    {
        var found = assembly is null ? NativeLibrary.TryLoad(name, out var handle) : NativeLibrary.TryLoad(name, assembly, null, out handle);
        if (!found) return null;
        if (NativeLibrary.TryGetExport(handle, "sqlite3_libversion_number", out var export)) return new(handle, ReadVersion(export));
        NativeLibrary.Free(handle);
        return null;
    }

    private static unsafe int ReadVersion(nint export) => ((delegate* unmanaged<int>)export)();

    private sealed record Candidate(nint Handle, int Version);
}
