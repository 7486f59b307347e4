namespace Outlast.Benchmarks.Machine;

/// <summary>The folder in which everything is measured: on the disk that <c>BENCH_TMP</c> names, else in the temp folder. Removed at the end.</summary>
internal sealed class Scratch : IAsyncDisposable
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
    private readonly string _path;
    private int _folders;

    private Scratch(string path) => _path = path;

    public static Scratch Create(Func<string, string?> environment)
    {
        var parent = environment("BENCH_TMP") is { Length: > 0 } chosen ? Path.GetFullPath(chosen) : Path.GetTempPath();
        var path = Path.Combine(parent, $"outlast-bench-{Environment.ProcessId}");
        Directory.CreateDirectory(path, OwnerOnly);
        return new(path);
    }

    public DataFolder NewDataFolder(string name)
    {
        var path = Path.Combine(_path, $"{name}-{++_folders}");
        Directory.CreateDirectory(path, OwnerOnly);
        return new(path);
    }

    /// <summary>Ends every process that a task in here has left, each by its pid.</summary>
    public Task EndTasksAsync() => TaskProcesses.EndAsync(_path);

    public async ValueTask DisposeAsync()
    {
        await EndTasksAsync();
        for (var patience = 50; ; patience--)
        {
            try
            {
                Directory.Delete(_path, recursive: true);
                return;
            }
            catch (IOException) when (patience > 0)
            {
                await Task.Delay(20); // A wrapper or a keeper may still be writing its last line.
            }
        }
    }
}
