using System.Text;

namespace Outlast.Cli.Demonstrating;

/// <summary>Looks into <c>/proc</c> by itself, so that what it sees is no word of the program that it judges.</summary>
internal static class Surroundings
{
    /// <summary>Living processes that have this variable at this value.</summary>
    public static IReadOnlyList<int> WithVariable(string name, string value)
    {
        var wanted = $"{name}={value}";
        List<int> found = [];
        foreach (var folder in Directory.EnumerateDirectories("/proc"))
        {
            if (!int.TryParse(Path.GetFileName(folder), out var pid) || pid == Environment.ProcessId) continue;
            try
            {
                if (Encoding.UTF8.GetString(File.ReadAllBytes($"{folder}/environ")).Split('\0').Contains(wanted) && IsAlive(pid)) found.Add(pid);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // It has just ended, or is not ours.
            }
        }
        return found;
    }

    /// <summary>A zombie only waits for somebody to ask how it ended.</summary>
    public static bool IsAlive(int pid)
    {
        try
        {
            var stat = File.ReadAllText($"/proc/{pid}/stat");
            return stat[stat.LastIndexOf(')') + 2] is not ('Z' or 'X');
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }
}
