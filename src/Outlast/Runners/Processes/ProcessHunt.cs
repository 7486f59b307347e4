namespace Outlast.Runners.Processes;

/// <summary>Meets what belongs to a task the moment it is seen: for processes that live for less than a whole look at the machine takes.</summary>
internal sealed class ProcessHunt(TaskId task, (int Pid, long StartTicks)? wrapper)
{
    // A few dozen names at a time: each is acted on before the next are read.
    private const int Chunk = 1024;
    private const int QuietSweeps = 3;
    // Who shows no environment so often does so for good: the kernel's threads, other users' processes.
    private const int Patience = 5;
    private const long Unreadable = -1;

    private readonly HashSet<int> _others = [];
    private readonly Dictionary<int, (long StartTicks, int Times)> _unclear = [];

    /// <summary>Sweeps until nothing has moved for a while, which is a proof that nothing of the task is alive, or until it has lasted too long.</summary>
    /// <param name="met">Called with each process of the task that is met alive. False: that is enough.</param>
    /// <param name="goesOn">Whether there is time left.</param>
    /// <returns>Whether it is a proof.</returns>
    public bool Run(Func<ProcessStat, bool> met, Func<bool> goesOn)
    {
        var isEnough = false;
        for (var quiet = 0; goesOn();)
        {
            quiet = Sweep(p => isEnough |= !met(p)) ? 0 : quiet + 1;
            if (isEnough) return false;
            if (quiet == QuietSweeps) return true;
        }
        return false;
    }

    /// <summary>Goes through all processes once; whether anything of the task was alive, or may have been.</summary>
    private bool Sweep(Action<ProcessStat> met)
    {
        var isMoving = false;
        ProcFile.VisitPids(Chunk, pid =>
        {
            if (_others.Contains(pid)) return;
            var process = ProcessStat.TryRead(pid);
            var mark = process is { IsDead: false } ? ProcessMark.TryReadOf(pid) : null;
            if (process is { IsDead: false } living && IsGame(living, mark ?? default))
            {
                isMoving = true;
                met(living);
            }
            else if (mark is not null)
            {
                _others.Add(pid);
            }
            else
            {
                isMoving |= IsNewDoubt(pid, process);
            }
        });
        return isMoving;
    }

    /// <summary>Whether it may have a successor that was not listed yet: it ended between being listed and being asked, or is just becoming another program. Who stays like this has none.</summary>
    private bool IsNewDoubt(int pid, ProcessStat? process)
    {
        var start = process?.StartTicks ?? Unreadable;
        var times = _unclear.TryGetValue(pid, out var before) && before.StartTicks == start ? before.Times + 1 : 1;
        if (times > 1 && (process is { IsDead: true } || times == Patience)) _others.Add(pid);
        else _unclear[pid] = (start, times);
        return times == 1;
    }

    private bool IsGame(ProcessStat process, ProcessMark mark) =>
        process.Pid > 1 && !mark.IsKeeper && (mark.Task == task || IsInSession(process, mark)) && !HostProcesses.IsHost(process.Pid);

    /// <summary>Its own session cannot be taken from a task; but one whose leader is gone may be another task's by now, and then its mark tells.</summary>
    private bool IsInSession(ProcessStat process, ProcessMark mark)
    {
        if (wrapper is not { } leader || process.Session != leader.Pid) return false;
        return ProcessStat.TryRead(leader.Pid) is { } now ? now.StartTicks == leader.StartTicks : mark.Task is null;
    }
}
