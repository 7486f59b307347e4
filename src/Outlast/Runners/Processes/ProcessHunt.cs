namespace Outlast.Runners.Processes;

/// <summary>Kills what belongs to a task the moment it is seen: for processes that live for less than a whole look at the machine takes.</summary>
internal sealed class ProcessHunt(TaskId task, (int Pid, long StartTicks)? wrapper)
{
    // A few dozen names at a time: each is acted on before the next are read.
    private const int Chunk = 1024;

    private readonly HashSet<int> _others = [], _unclear = [];

    /// <summary>Goes through all processes once; whether anything of the task was alive, or may have been.</summary>
    public bool Sweep()
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
                Signals.Send(pid, living.StartTicks, Signals.Kill);
            }
            else if (mark is not null)
            {
                _others.Add(pid);
            }
            else
            {
                // It ended between being listed and being asked, and may have a successor that was not listed yet; or it is just becoming another program. Who stays like this is nobody's successor.
                isMoving |= _unclear.Add(pid);
            }
        });
        return isMoving;
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
