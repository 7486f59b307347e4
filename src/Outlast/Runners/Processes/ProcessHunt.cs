namespace Outlast.Runners.Processes;

/// <summary>Kills what belongs to a task the moment it is seen: for processes that live for less than a whole look at the machine takes.</summary>
internal sealed class ProcessHunt(TaskId task, (int Pid, long StartTicks)? wrapper)
{
    // A few dozen names at a time: each is acted on before the next are read.
    private const int Chunk = 1024;

    private readonly HashSet<int> _passed = [];

    /// <summary>Goes through all processes once; whether anything of the task was alive.</summary>
    public bool Sweep()
    {
        var met = false;
        ProcFile.VisitPids(Chunk, pid =>
        {
            if (_passed.Contains(pid)) return;
            if (ProcessStat.TryRead(pid) is { IsDead: false } process && IsGame(process))
            {
                met = true;
                Signals.Send(process.Pid, process.StartTicks, Signals.Kill);
            }
            else
            {
                _passed.Add(pid);
            }
        });
        return met;
    }

    private bool IsGame(ProcessStat process)
    {
        if (process.Pid <= 1) return false;
        var mark = ProcessMark.ReadOf(process.Pid);
        return !mark.IsKeeper && (mark.Task == task || IsInSession(process, mark)) && !HostProcesses.IsHost(process.Pid);
    }

    /// <summary>Its own session cannot be taken from a task; but one whose leader is gone may be another task's by now, and then its mark tells.</summary>
    private bool IsInSession(ProcessStat process, ProcessMark mark)
    {
        if (wrapper is not { } leader || process.Session != leader.Pid) return false;
        return ProcessStat.TryRead(leader.Pid) is { } now ? now.StartTicks == leader.StartTicks : mark.Task is null;
    }
}
