namespace Outlast.Runners.Processes;

/// <summary>The lock by which the living are told from the dead: whoever holds it is the attempt's wrapper, or a host that is about to start it.</summary>
internal static class AttemptLock
{
    private static readonly TimeSpan FirstLook = TimeSpan.FromMilliseconds(1), LongestLook = TimeSpan.FromMilliseconds(50);

    /// <summary>Whether anybody holds it; a missing lock is held by nobody.</summary>
    public static bool IsHeld(AttemptFolder folder)
    {
        using var file = Descriptor.TryOpen(folder.Lock, LibC.ReadWrite, out var errno);
        if (file is null) return errno is LibC.ENOENT or LibC.ENOTDIR ? false : throw new SystemCallException("open", errno, folder.Lock);
        return !file.TryLock();
    }

    /// <summary>Waits until nobody holds it; false if that took too long.</summary>
    public static async Task<bool> AwaitFreeAsync(AttemptFolder folder, TimeProvider time, TimeSpan atMost, CancellationToken letGo)
    {
        var began = time.GetTimestamp();
        for (var look = FirstLook; IsHeld(folder); look = look * 2 < LongestLook ? look * 2 : LongestLook)
        {
            if (atMost != Timeout.InfiniteTimeSpan && time.GetElapsedTime(began) >= atMost) return false;
            await Task.Delay(look, time, letGo).ConfigureAwait(false);
        }
        return true;
    }

    /// <summary>Whether that process holds it; one that has merely opened the file does not.</summary>
    public static bool IsHeldBy(int pid, AttemptFolder folder)
    {
        // The end of the path names the attempt, whatever links lead to the data folder.
        var parts = folder.Lock.Split('/');
        var suffix = "/" + string.Join('/', parts.TakeLast(3));
        try
        {
            return Directory.EnumerateFiles($"/proc/{pid}/fd").Any(l => File.ResolveLinkTarget(l, returnFinalTarget: false)?.FullName.EndsWith(suffix, StringComparison.Ordinal) == true
                && File.ReadAllText($"/proc/{pid}/fdinfo/{Path.GetFileName(l)}").Contains("FLOCK", StringComparison.Ordinal));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    /// <summary>Kills whoever holds it, unless that is a host.</summary>
    public static void KillHolders(AttemptFolder folder, ProcessTable table)
    {
        foreach (var process in table.All)
        {
            if (!process.IsDead && IsHeldBy(process.Pid, folder) && !HostProcesses.IsHost(process.Pid)) Signals.Send(process.Pid, process.StartTicks, Signals.Kill);
        }
    }
}
