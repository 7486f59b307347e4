using System.Globalization;
using System.Text;

namespace Outlast.Benchmarks.Machine;

/// <summary>The processes of tasks, found by the mark that each task's environment has.</summary>
internal static class TaskProcesses
{
    private const int Kill = 9;

    /// <summary>Living processes of tasks whose data folder is, or is in, that folder.</summary>
    public static IReadOnlyList<int> Of(string folder)
    {
        byte[] exactly = Encoding.UTF8.GetBytes($"OUTLAST_DATA={folder}\0"), below = Encoding.UTF8.GetBytes($"OUTLAST_DATA={folder}/");
        return [.. All().Where(pid => Environ(pid) is { } environ && (Has(environ, exactly) || Has(environ, below)) && Has(environ, "OUTLAST_TASK_ID="u8) && !IsDead(pid))];
    }

    /// <summary>Ends them, and returns when none is left.</summary>
    public static async Task EndAsync(string folder)
    {
        for (var patience = 100; Of(folder) is { Count: > 0 } left && patience > 0; patience--)
        {
            foreach (var pid in left) _ = SystemCalls.Kill(pid, Kill);
            await Task.Delay(20);
        }
    }

    private static IEnumerable<int> All() =>
        Directory.EnumerateDirectories("/proc").Select(d => int.TryParse(Path.GetFileName(d), NumberStyles.None, CultureInfo.InvariantCulture, out var pid) ? pid : 0).Where(pid => pid > 1);

    private static bool Has(byte[] environ, ReadOnlySpan<byte> mark) => environ.AsSpan().IndexOf(mark) >= 0;

    private static byte[]? Environ(int pid)
    {
        try
        {
            return File.ReadAllBytes($"/proc/{pid}/environ");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static bool IsDead(int pid)
    {
        try
        {
            var stat = File.ReadAllText($"/proc/{pid}/stat");
            return stat[stat.LastIndexOf(')') + 2] is 'Z' or 'X';
        }
        catch (IOException)
        {
            return true;
        }
    }
}
