namespace Outlast.Runners.Processes;

/// <summary>Tells hosts from their work: no stop may ever reach a host.</summary>
internal static class HostProcesses
{
    /// <summary>Whether it is this program, or one that holds the lock of a data folder.</summary>
    public static bool IsHost(int pid)
    {
        if (pid == Environment.ProcessId) return true;
        try
        {
            foreach (var link in Directory.EnumerateFiles($"/proc/{pid}/fd"))
            {
                if (File.ResolveLinkTarget(link, returnFinalTarget: false)?.FullName.EndsWith("/host.lock", StringComparison.Ordinal) == true
                    && File.ReadAllText($"/proc/{pid}/fdinfo/{Path.GetFileName(link)}").Contains("FLOCK", StringComparison.Ordinal)) return true;
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false; // It has ended meanwhile, or belongs to another user: then it is no host of this one.
        }
        return false;
    }
}
