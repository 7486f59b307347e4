namespace Outlast.TestKit;

/// <summary>A folder of a test's own under the temp folder, with a path short enough for a socket; removed with everything in it.</summary>
public sealed class ScratchFolder : IDisposable
{
    /// <summary>Absolute.</summary>
    public string Path { get; } = Directory.CreateTempSubdirectory("outlast-").FullName;

    /// <summary>The path of a file in it.</summary>
    public string File(string name) => System.IO.Path.Combine(Path, name);

    /// <inheritdoc/>
    public void Dispose() => Directory.Delete(Path, recursive: true);
}
