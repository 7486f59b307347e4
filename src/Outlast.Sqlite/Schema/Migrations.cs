using System.Globalization;

namespace Outlast.Sqlite;

/// <summary>The numbered steps that bring a database forward; never back.</summary>
internal static class Migrations
{
    /// <summary>Marks a database as ours: <c>Outl</c>, in the file's header.</summary>
    public const int ApplicationId = 0x4F75746C;

    private static readonly string[] Scripts = [.. typeof(Migrations).Assembly.GetManifestResourceNames().Where(name => name.EndsWith(".sql", StringComparison.Ordinal)).Order(StringComparer.Ordinal)];

    /// <summary>The version that this program writes.</summary>
    public static int Latest => Scripts.Length;

    /// <summary>Brings the database to the latest version, in one transaction.</summary>
    public static void Apply(Database database)
    {
        database.Run("BEGIN IMMEDIATE");
        for (var version = (int)database.Number("PRAGMA user_version") + 1; version <= Latest; version++)
        {
            database.Run(Read(Scripts[version - 1]));
            database.Run(string.Create(CultureInfo.InvariantCulture, $"PRAGMA user_version = {version}"));
        }
        database.Run(string.Create(CultureInfo.InvariantCulture, $"PRAGMA application_id = {ApplicationId}"));
        database.Run("COMMIT");
    }

    private static string Read(string name)
    {
        using var reader = new StreamReader(typeof(Migrations).Assembly.GetManifestResourceStream(name)!);
        return reader.ReadToEnd();
    }
}
