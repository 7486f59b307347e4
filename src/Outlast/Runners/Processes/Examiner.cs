namespace Outlast.Runners.Processes;

/// <summary>Finds out what became of an attempt whose owner is gone, and makes sure that what never started cannot start any more.</summary>
internal sealed class Examiner(ProcessWalker walker, ProcessRunnerOptions options, TimeProvider time)
{
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(5);

    public async Task<AttemptFinding> ExamineAsync(ProcessAttempt attempt, AttemptContext context, CancellationToken letGo)
    {
        var folder = attempt.Folder;
        if (!Directory.Exists(folder.Path)) return await WithoutFolderAsync(attempt, context, letGo).ConfigureAwait(false);
        var boot = folder.ReadBootId() ?? context.Process?.BootId ?? (IsOlderThanBoot(folder) ? "unknown" : Machine.BootId);
        if (boot != Machine.BootId)
        {
            if (folder.ReadPid().Revoked) return new(FindingKind.NeverStarted, $"its start was revoked in an earlier boot ({boot})");
            if (folder.IsRefused) return new(FindingKind.Ended, $"refusal of an earlier boot ({boot})");
            return folder.ReadExit() is not null
                ? new(FindingKind.Ended, $"exit record of an earlier boot ({boot})")
                : new(FindingKind.Gone, $"the machine was started anew: it ran in boot {boot}, this is {Machine.BootId}");
        }
        return await IsSilentAsync(folder, letGo).ConfigureAwait(false) && folder.TryRevoke()
            ? await RevokedAsync(folder, letGo).ConfigureAwait(false)
            : await ReadAsync(attempt, context, letGo).ConfigureAwait(false);
    }

    /// <summary>After a power cut the boot's name may be missing, and so may be whatever else the wrapper wrote.</summary>
    private static bool IsOlderThanBoot(AttemptFolder folder) => Machine.BootedAt > Directory.GetCreationTimeUtc(folder.Path);

    /// <summary>What the folder says, of an attempt that has started or cannot start any more.</summary>
    private async Task<AttemptFinding> ReadAsync(ProcessAttempt attempt, AttemptContext context, CancellationToken letGo)
    {
        var folder = attempt.Folder;
        var isHeld = AttemptLock.IsHeld(folder);
        var process = Locate(attempt, context);
        if (folder.ReadPid() is { Pid: null } pid)
        {
            if (!isHeld) return new(FindingKind.NeverStarted, pid.Revoked ? "its start was revoked" : "no pid file, and nobody holds its lock");
            return await RevokedAsync(folder, letGo).ConfigureAwait(false);
        }
        if (isHeld) return new(FindingKind.Alive, $"process {process?.Pid} holds its lock", process);
        if (folder.IsRefused) return new(FindingKind.Ended, "the system refused to execute it", process);
        if (folder.ReadExit() is not null) return new(FindingKind.Ended, "exit record", process);
        return await OfOrphansAsync(attempt, process, "its wrapper is gone without an exit record", letGo).ConfigureAwait(false);
    }

    /// <summary>Waits for a wrapper that lives to say so. True if it lives and says nothing.</summary>
    private async Task<bool> IsSilentAsync(AttemptFolder folder, CancellationToken letGo)
    {
        var began = time.GetTimestamp();
        while (!folder.ReadPid().Exists)
        {
            // In this order: between the two looks a wrapper may have started and ended.
            if (!AttemptLock.IsHeld(folder)) return false;
            if (time.GetElapsedTime(began) >= options.RevokeAfter) return true;
            await Task.Delay(Look, time, letGo).ConfigureAwait(false);
        }
        return false;
    }

    /// <summary>The start is revoked; but the folder will be used again, so whoever holds its lock must be gone first.</summary>
    private async Task<AttemptFinding> RevokedAsync(AttemptFolder folder, CancellationToken letGo)
    {
        AttemptLock.KillHolders(folder, await walker.TakeAsync().WaitAsync(letGo).ConfigureAwait(false));
        return await AttemptLock.AwaitFreeAsync(folder, time, options.KillLimit, letGo).ConfigureAwait(false)
            ? new(FindingKind.NeverStarted, $"it had not started {Duration.Format(options.RevokeAfter)} after its owner was gone; its start was revoked")
            : new(FindingKind.Alive, "its start was revoked, but its wrapper cannot be ended");
    }

    private async Task<AttemptFinding> WithoutFolderAsync(ProcessAttempt attempt, AttemptContext context, CancellationToken letGo)
    {
        var look = await walker.LookForAsync(attempt, letGo).ConfigureAwait(false);
        var living = look.Living.AddRange(look.Hosts);
        if (!living.IsEmpty) return new(FindingKind.Alive, $"its folder is gone, but {living.Length} of its processes are alive", context.Process);
        if (context.Process is not null) return new(FindingKind.Gone, "its folder is gone, and so are its processes");
        // What was written shortly before a power cut may be missing: then an absent folder proves nothing.
        return Machine.BootedAt > (context.ClaimedAt ?? context.Task.CreatedAt)
            ? new(FindingKind.Gone, "the machine was started anew, and there is no folder of it")
            : new(FindingKind.NeverStarted, "there is no folder of it, so nothing was started");
    }

    private async Task<AttemptFinding> OfOrphansAsync(ProcessAttempt attempt, ProcessFacts? process, string why, CancellationToken letGo)
    {
        var look = await walker.LookForAsync(attempt, letGo).ConfigureAwait(false);
        var living = look.Living.AddRange(look.Hosts);
        return living.IsEmpty ? new(FindingKind.Gone, why, process) : new(FindingKind.Alive, $"{why}, but {living.Length} of its processes are alive", process);
    }

    /// <summary>Its wrapper by the record, else by the pid file. Only a living holder of the lock proves that the pid is still its own.</summary>
    public static ProcessFacts? Locate(ProcessAttempt attempt, AttemptContext context)
    {
        if (context.Process is { } recorded)
        {
            if (recorded.BootId == Machine.BootId) attempt.Wrapper ??= (recorded.Pid, recorded.StartTicks);
            return recorded;
        }
        if (attempt.Folder.ReadBootId() != Machine.BootId || attempt.Folder.ReadPid().Pid is not { } pid) return null;
        var startTicks = ProcessStat.TryRead(pid) is { } stat && AttemptLock.IsHeldBy(pid, attempt.Folder) ? stat.StartTicks : DeadLongAgo;
        attempt.Wrapper ??= (pid, startTicks);
        return new ProcessFacts(pid, null, Machine.BootId, startTicks);
    }

    /// <summary>Stands for the start of a wrapper that is dead and that nobody has seen alive: no process has it.</summary>
    private const long DeadLongAgo = 0;
}
