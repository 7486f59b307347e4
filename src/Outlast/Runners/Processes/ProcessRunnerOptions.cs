using System.Globalization;

namespace Outlast.Runners.Processes;

/// <summary>What a process runner may be told.</summary>
public sealed class ProcessRunnerOptions
{
    /// <summary>The data folder, as <c>OUTLAST_DATA</c> names it to the tasks. None: the folder that the attempt's <c>tasks/ID/N</c> lies in.</summary>
    /// <value>None.</value>
    public DataFolder? Data { get; init; }

    /// <summary>The file mode mask of a task that has none of its own.</summary>
    /// <value>This program's own.</value>
    public int Umask { get; init; } = ReadUmask();

    /// <summary>The soft limit of open files of a task that has none of its own.</summary>
    /// <value>That of the program that started this one, for .NET raises its own.</value>
    public long? OpenFiles { get; init; } = ReadParentsOpenFiles();

    /// <summary>How long a recovery waits for a wrapper that lives but has not said so, before it revokes the start.</summary>
    /// <value>5 seconds.</value>
    public TimeSpan RevokeAfter { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>How long the output may go on after the command's end before the end is told without it.</summary>
    /// <value>1 second.</value>
    public TimeSpan DrainLimit { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>How long a stop goes on killing and looking before it names the survivors.</summary>
    /// <value>5 seconds.</value>
    public TimeSpan KillLimit { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Whether every child that this process has now was left by a host before it in the same process: they are waited for as if they had been started here.</summary>
    /// <value>No.</value>
    public bool TakesChildren { get; init; }

    private static int ReadUmask()
    {
        var line = File.ReadLines("/proc/self/status").FirstOrDefault(l => l.StartsWith("Umask:", StringComparison.Ordinal));
        return line is null ? 18 : Convert.ToInt32(line[6..].Trim(), 8); // 022
    }

    private static long? ReadParentsOpenFiles()
    {
        try
        {
            var line = File.ReadLines($"/proc/{LibC.ParentPid()}/limits").FirstOrDefault(l => l.StartsWith("Max open files", StringComparison.Ordinal));
            return line?[14..].Split(' ', StringSplitOptions.RemoveEmptyEntries) is [var soft, ..] && long.TryParse(soft, NumberStyles.None, CultureInfo.InvariantCulture, out var limit) ? limit : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
