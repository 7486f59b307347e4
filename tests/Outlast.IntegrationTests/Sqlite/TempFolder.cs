namespace Outlast.IntegrationTests.Sqlite;

/// <summary>A scratch folder that goes with its test.</summary>
internal sealed class TempFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("outlast-sqlite-").FullName;

    public DataFolder Data => new(System.IO.Path.Combine(Path, "data"));

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
