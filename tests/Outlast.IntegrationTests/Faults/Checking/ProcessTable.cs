using System.Collections.Immutable;
using System.Globalization;
using System.Text;

namespace Outlast.IntegrationTests.Faults.Checking;

/// <summary>Reads <c>/proc</c>. Zombies count as dead.</summary>
internal static class ProcessTable
{
    /// <summary>Living processes that bear the marks of a task of that data folder.</summary>
    public static ImmutableArray<MarkedProcess> MarkedBy(string dataFolder)
    {
        var found = ImmutableArray.CreateBuilder<MarkedProcess>();
        foreach (var folder in Directory.EnumerateDirectories("/proc"))
        {
            if (!int.TryParse(Path.GetFileName(folder), out var pid) || pid == Environment.ProcessId) continue;
            if (EnvironmentOf(pid) is not { } environment || environment.GetValueOrDefault("OUTLAST_DATA") != dataFolder) continue;
            if (environment.GetValueOrDefault("OUTLAST_TASK_ID") is not { } task || StartTicks(pid) is not { } start) continue;
            found.Add(new(pid, start, task, Read($"/proc/{pid}/cmdline")?.Replace('\0', ' ').Trim() ?? ""));
        }
        return found.ToImmutable();
    }

    /// <summary>Whether the process that was born then lives.</summary>
    public static bool Lives(int pid, long startTicks) => StartTicks(pid) == startTicks;

    /// <summary>Field 22 of <c>/proc/PID/stat</c>; none for a process that is gone or a zombie.</summary>
    public static long? StartTicks(int pid)
    {
        if (Read($"/proc/{pid}/stat") is not { } stat) return null;
        var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
        return fields[0] is "Z" or "X" ? null : long.Parse(fields[19], CultureInfo.InvariantCulture);
    }

    /// <summary>A line of <c>/proc/PID/status</c> in bytes: <c>VmHWM</c>, <c>VmRSS</c>.</summary>
    public static long? MemoryOf(int pid, string line) =>
        Read($"/proc/{pid}/status")?.Split('\n').FirstOrDefault(l => l.StartsWith(line + ":", StringComparison.Ordinal)) is { } text
            ? long.Parse(text.Split(':')[1].Replace("kB", "", StringComparison.Ordinal).Trim(), CultureInfo.InvariantCulture) * 1024
            : null;

    private static Dictionary<string, string>? EnvironmentOf(int pid)
    {
        if (Read($"/proc/{pid}/environ") is not { Length: > 0 } text) return null;
        var variables = new Dictionary<string, string>();
        foreach (var variable in text.Split('\0'))
            if (variable.IndexOf('=', StringComparison.Ordinal) is > 0 and var at) variables.TryAdd(variable[..at], variable[(at + 1)..]);
        return variables;
    }

    // A process may vanish between any two looks at it.
    private static string? Read(string path)
    {
        try { return Encoding.UTF8.GetString(File.ReadAllBytes(path)); }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException) { return null; }
    }
}
