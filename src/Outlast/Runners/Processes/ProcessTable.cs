using System.Buffers;
using System.Collections.Immutable;
using System.Diagnostics;

namespace Outlast.Runners.Processes;

/// <summary>All processes of the machine at one moment.</summary>
/// <param name="processes">By their number.</param>
/// <param name="marks">Of those that carry one.</param>
/// <param name="doubts">Whose successors may be missing.</param>
internal sealed class ProcessTable(Dictionary<int, ProcessStat> processes, Dictionary<int, ProcessMark> marks, ProcessDoubts doubts)
{
    private readonly ILookup<int, ProcessStat> _byParent = processes.Values.ToLookup(p => p.Parent);
    private readonly ILookup<int, ProcessStat> _bySession = processes.Values.ToLookup(p => p.Session);
    private readonly ILookup<TaskId, ProcessStat> _byTask = marks.Where(m => m.Value.Task is not null && processes.ContainsKey(m.Key)).ToLookup(m => m.Value.Task!.Value, m => processes[m.Key]);

    public IReadOnlyCollection<ProcessStat> All => processes.Values;

    /// <summary>Whether absence from it is a proof that nothing of the task is alive.</summary>
    public bool IsCalmFor(TaskId task) => doubts.Unknown == 0 && !doubts.Tasks.Contains(task);

    public ProcessStat? Find(int pid, long startTicks) => processes.TryGetValue(pid, out var found) && found.StartTicks == startTicks ? found : null;

    /// <summary>Everything that belongs to a task, dead or alive: the wrapper's session, processes that carry the task's mark, and descendants of these and of those that were known to belong to it.</summary>
    /// <param name="task">The task.</param>
    /// <param name="wrapper">Pid and start of its wrapper, when known.</param>
    /// <param name="known">Pid and start of processes that belonged to it when last looked at.</param>
    public Dictionary<int, ProcessStat> MembersOf(TaskId task, (int Pid, long StartTicks)? wrapper, IEnumerable<(int Pid, long StartTicks)> known)
    {
        var members = new Dictionary<int, ProcessStat>();
        var queue = new Queue<ProcessStat>();
        if (wrapper is { } leader && IsSessionOf(leader))
        {
            foreach (var process in _bySession[leader.Pid]) Admit(process, isInSession: true);
        }
        foreach (var process in _byTask[task]) Admit(process, isInSession: false);
        foreach (var (pid, startTicks) in known)
        {
            if (Find(pid, startTicks) is { } process) Admit(process, isInSession: false);
        }
        while (queue.TryDequeue(out var process))
        {
            foreach (var child in _byParent[process.Pid]) Admit(child, isInSession: false);
        }
        return members;

        void Admit(ProcessStat process, bool isInSession)
        {
            if (process.Pid <= 1 || process.Pid == Environment.ProcessId || members.ContainsKey(process.Pid)) return;
            var mark = marks.GetValueOrDefault(process.Pid);
            if (mark.IsKeeper) return;
            // The nearest mark wins: what another task started below this one is that task's. Its own session cannot be taken from it.
            if (!isInSession && mark.Task is { } other && other != task) return;
            members.Add(process.Pid, process);
            queue.Enqueue(process);
        }
    }

    /// <summary>Whether the session of that number is still the one that this wrapper leads or led.</summary>
    private bool IsSessionOf((int Pid, long StartTicks) leader) => !processes.TryGetValue(leader.Pid, out var now) || now.StartTicks == leader.StartTicks;
}

/// <summary>Who was on the list of processes and had ended, or showed no environment, when asked: such a one may have had a successor that was not listed yet.</summary>
/// <param name="Unknown">How many that nobody knew: they may have been anybody's.</param>
/// <param name="Tasks">Whose the others were.</param>
internal readonly record struct ProcessDoubts(int Unknown, IReadOnlySet<TaskId> Tasks);

/// <summary>What a process's environment says of its place.</summary>
/// <param name="Task">The task that it is marked as part of.</param>
/// <param name="IsKeeper">Whether it serves a task without being part of it.</param>
internal readonly record struct ProcessMark(TaskId? Task, bool IsKeeper)
{
    public static ProcessMark ReadOf(int pid) => TryReadOf(pid) ?? default;

    /// <summary>None if it shows no environment: it has ended, is becoming another program, has cleared it, or belongs to the kernel or to another user.</summary>
    public static ProcessMark? TryReadOf(int pid)
    {
        for (var size = 32 * 1024; ; size *= 4)
        {
            var buffer = ArrayPool<byte>.Shared.Rent(size);
            try
            {
                var length = ProcFile.Read(pid, "/environ"u8, buffer);
                if (length == buffer.Length && size < 8 * 1024 * 1024) continue;
                return length <= 0 ? null : new ProcessMark(
                    ValueOf(buffer.AsSpan(0, length), "OUTLAST_TASK_ID="u8) is { Length: TaskId.Length } id && TaskId.TryParse(id, out var task) ? task : null,
                    ValueOf(buffer.AsSpan(0, length), "OUTLAST_KEEPER_OF="u8) is not null);
            }
            finally
            {
                ArrayPool<byte>.Shared.Return(buffer);
            }
        }
    }

    private static string? ValueOf(ReadOnlySpan<byte> environment, ReadOnlySpan<byte> name)
    {
        for (var from = 0; ;)
        {
            var at = environment[from..].IndexOf(name);
            if (at < 0) return null;
            at += from;
            from = at + name.Length;
            if (at > 0 && environment[at - 1] != 0) continue;
            var value = environment[from..];
            var end = value.IndexOf((byte)0);
            return System.Text.Encoding.ASCII.GetString(end < 0 ? value : value[..end]);
        }
    }
}

/// <summary>Walks <c>/proc</c>: one walk serves everybody who asked before it began.</summary>
internal sealed class ProcessWalker
{
    // A number that was a keeper's may be another's by now: it is looked at again now and then.
    private const int FullMeasurementEach = 12;
    private const int MostWalksOfLook = 2;
    private static readonly TimeSpan LongestHunt = TimeSpan.FromSeconds(1);
    private const long Unreadable = -1;

    private readonly Lock _gate = new();
    // Guarded by _gate:
    private Task<ProcessTable>? _next;

    private readonly Lock _walk = new();
    // Guarded by _walk:
    private Dictionary<int, Seen> _seen = [];
    private int _measurements;

    /// <summary>All processes, at a moment after this call.</summary>
    public Task<ProcessTable> TakeAsync()
    {
        lock (_gate)
        {
            return _next ??= Task.Run(() =>
            {
                lock (_walk)
                {
                    // Whoever asks from here on would see a table that is in part older than the question.
                    lock (_gate) _next = null;
                    return Walk_NeedsLock(static (_, _) => Attention.Anew);
                }
            });
        }
    }

    /// <summary>Looks for what of the attempt is alive: a walk, and where absence from it proves nothing, another, and then a hunt that touches nobody.</summary>
    public async Task<Look> LookForAsync(ProcessAttempt attempt, CancellationToken letGo)
    {
        for (var walk = 1; ; walk++)
        {
            var table = await TakeAsync().WaitAsync(letGo).ConfigureAwait(false);
            var living = attempt.Observe(table);
            var hosts = living.RemoveAll(p => !HostProcesses.IsHost(p.Pid));
            var work = living.RemoveRange(hosts);
            if (!work.IsEmpty || table.IsCalmFor(attempt.Task)) return new(work, hosts, IsProof: true);
            if (walk == MostWalksOfLook) return await Task.Run(() => Hunt(attempt, hosts, letGo), letGo).ConfigureAwait(false);
        }
    }

    private static Look Hunt(ProcessAttempt attempt, ImmutableArray<ProcessStat> hosts, CancellationToken letGo)
    {
        var met = ImmutableArray<ProcessStat>.Empty;
        var began = Stopwatch.GetTimestamp();
        var isProof = new ProcessHunt(attempt.Task, attempt.Wrapper).Run(
            p =>
            {
                met = [p];
                return false;
            },
            () => Stopwatch.GetElapsedTime(began) < LongestHunt && !letGo.IsCancellationRequested);
        return new(met, hosts, isProof);
    }

    /// <summary>All processes now, for measuring: one that was seen before is not asked for its mark again, and keepers are left out.</summary>
    public ProcessTable TakeForMeasuring()
    {
        lock (_walk)
        {
            var isFull = _measurements++ % FullMeasurementEach == 0;
            return Walk_NeedsLock((_, mark) => mark.IsKeeper && !isFull ? Attention.None : Attention.State);
        }
    }

    /// <summary>Processes now that were born at that time or later: whatever a wrapper of that age has left. Costs little however many others there are.</summary>
    public ProcessTable TakeBornSince(long startTicks)
    {
        lock (_walk) return Walk_NeedsLock((bornAt, mark) => bornAt < startTicks || mark.IsKeeper ? Attention.None : Attention.State);
    }

    private enum Attention { None, State, Anew }

    /// <summary>What is remembered of a process.</summary>
    /// <param name="StartTicks">Its start; -1 if even that is not shown.</param>
    /// <param name="Mark">None if it showed no environment.</param>
    /// <param name="IsDead">Whether it was dead already.</param>
    internal readonly record struct Seen(long StartTicks, ProcessMark? Mark, bool IsDead);

    private ProcessTable Walk_NeedsLock(Func<long, ProcessMark, Attention> attentionFor)
    {
        var processes = new Dictionary<int, ProcessStat>();
        var marks = new Dictionary<int, ProcessMark>();
        var seen = new Dictionary<int, Seen>(_seen.Count + 16);
        var (unknown, tasks) = (0, new HashSet<TaskId>());
        foreach (var pid in ProcFile.ListPids())
        {
            var isKnown = _seen.TryGetValue(pid, out var before);
            var attention = isKnown ? attentionFor(before.StartTicks, before.Mark ?? default) : Attention.Anew;
            if (attention == Attention.None)
            {
                seen[pid] = before;
                continue;
            }
            var stat = ProcessStat.TryRead(pid);
            var isSame = isKnown && (stat?.StartTicks ?? before.StartTicks) == before.StartTicks;
            var mark = isSame && attention == Attention.State ? before.Mark : stat is { IsDead: false } ? ProcessMark.TryReadOf(pid) : null;
            seen[pid] = new(stat?.StartTicks ?? Unreadable, mark, stat is { IsDead: true });
            if (mark is null && !(isSame && HasNoSuccessor(before, stat)))
            {
                if (isSame && before.Mark?.Task is { } task) tasks.Add(task);
                else unknown++;
            }
            if (stat is not { } process) continue;
            processes[pid] = process;
            if (mark is { } found && found != default) marks[pid] = found;
        }
        _seen = seen;
        return new ProcessTable(processes, marks, new(unknown, tasks));
    }

    /// <summary>Whether one that shows nothing now is known to be no task's, to have been dead before, or to show nothing for good.</summary>
    internal static bool HasNoSuccessor(Seen before, ProcessStat? now) =>
        before.IsDead || (before.Mark is { } mark ? mark.Task is null : now is { IsDead: false } || (now is null && before.StartTicks == Unreadable));
}

/// <summary>What was seen of one attempt.</summary>
/// <param name="Living">Its processes that are alive.</param>
/// <param name="Hosts">Those that are hosts, and are spared.</param>
/// <param name="IsProof">Whether what was not seen is not there.</param>
internal readonly record struct Look(ImmutableArray<ProcessStat> Living, ImmutableArray<ProcessStat> Hosts, bool IsProof);
