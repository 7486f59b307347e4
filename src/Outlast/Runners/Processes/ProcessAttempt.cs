using System.Buffers.Text;
using System.Collections.Immutable;

namespace Outlast.Runners.Processes;

/// <summary>What this host remembers of one attempt while it has to do with it.</summary>
internal sealed class ProcessAttempt(TaskId task, AttemptFolder folder)
{
    private readonly Lock _gate = new();
    // Guarded by _gate:
    private readonly Dictionary<int, KnownProcess> _known = [];
    private long _endedCpuTicks, _cpuTicks, _peakBytes;
    private int _births;
    private StopLadder? _ladder;

    // Only grows; read again when a figure is above it.
    private static long _hostPeak;

    private long? _beganAt;
    private readonly TaskCompletionSource _stopConcluded = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _launchDecided = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public TaskId Task { get; } = task;
    public AttemptFolder Folder { get; } = folder;
    public OutputGauge Output { get; } = new(folder);
    public AttemptInput Input { get; } = new(folder);

    /// <summary>Pid and start of the wrapper, once they are known.</summary>
    public (int Pid, long StartTicks)? Wrapper { get; set; }

    /// <summary>When this host took it over from another one.</summary>
    public DateTimeOffset? AdoptedAt { get; set; }

    /// <summary>How many callers have to do with it. Guarded by the registry.</summary>
    public int Users { get; set; }

    /// <summary>Whether this host is the one that starts it.</summary>
    public bool IsStartedHere { get; set; }

    /// <summary>Ends when it has been started here, or has not.</summary>
    public Task LaunchDecided => _launchDecided.Task;

    /// <summary>Ends when a stop has done all it can, whether or not something survived.</summary>
    public Task StopConcluded => _stopConcluded.Task;

    public StopLadder? Ladder
    {
        get { lock (_gate) return _ladder; }
    }

    /// <summary>The wrapper exists.</summary>
    public void Begin(WatchedProcess wrapper, long timestamp)
    {
        Wrapper = (wrapper.Pid, wrapper.StartTicks);
        _beganAt = timestamp;
    }

    public void DecideLaunch() => _launchDecided.TrySetResult();

    public void ConcludeStop() => _stopConcluded.TrySetResult();

    /// <summary>The ladder that stops it; one at a time.</summary>
    public StopLadder JoinLadder(Func<StopLadder> make)
    {
        lock (_gate) return _ladder is { IsOver: false } ? _ladder : _ladder = make();
    }

    /// <summary>Remembers whatever belongs to it in that table, and returns what of it is alive.</summary>
    public ImmutableArray<ProcessStat> Observe(ProcessTable table)
    {
        lock (_gate)
        {
            var members = table.MembersOf(Task, Wrapper, _known.Select(k => (k.Key, k.Value.StartTicks)));
            CountEnded_NeedsLock(members);
            var living = ImmutableArray.CreateBuilder<ProcessStat>(members.Count);
            long ticks = 0;
            foreach (var (pid, stat) in members)
            {
                ticks += stat.CpuTicks + stat.ChildrenCpuTicks;
                if (!_known.TryGetValue(pid, out var known) || known.StartTicks != stat.StartTicks) _births++;
                _known[pid] = new KnownProcess(stat.StartTicks, stat.Parent, stat.CpuTicks + stat.ChildrenCpuTicks);
                if (!stat.IsDead) living.Add(stat);
            }
            // A parent's figure takes over its children's when it waits for them; in between the sum may seem to fall.
            _cpuTicks = Math.Max(_cpuTicks, ticks + _endedCpuTicks);
            return living.ToImmutable();
        }
    }

    /// <summary>Takes processes for its own that were seen to be at its end; whoever has their number by now is not.</summary>
    public void Remember(ImmutableArray<Survivor> processes)
    {
        lock (_gate)
        {
            foreach (var process in processes) _known[process.Pid] = new KnownProcess(process.StartTicks, 0, 0);
        }
    }

    /// <summary>What it has used so far, as far as it was looked at.</summary>
    public (TimeSpan Cpu, int Births, long PeakBytes) Usage
    {
        get { lock (_gate) return (ProcessStat.ToTime(_cpuTicks), _births, _peakBytes); }
    }

    /// <summary>What it used in all.</summary>
    public ResourceFacts Resources(ProcessExit exit, TimeProvider time)
    {
        var (measured, _, peak) = Usage;
        var cpu = exit.Cpu is { } own && own > measured ? own : measured;
        // A child starts with its parent's peak on its account, so a figure that is not above the host's own says nothing about the child.
        if (exit.PeakBytes is { } seen && seen > _hostPeak && seen > (_hostPeak = ReadMemory(Environment.ProcessId).Peak)) peak = Math.Max(peak, seen);
        return new ResourceFacts(Wall(time), exit.Cpu is null && cpu == TimeSpan.Zero ? null : cpu, peak == 0 ? null : peak);
    }

    private TimeSpan Wall(TimeProvider time)
    {
        if (_beganAt is { } timestamp) return time.GetElapsedTime(timestamp);
        var end = Folder.ReadExit() is not null ? File.GetLastWriteTimeUtc(Folder.Exit) : time.GetUtcNow().UtcDateTime;
        var wall = File.Exists(Folder.Pid) ? end - File.GetLastWriteTimeUtc(Folder.Pid) : TimeSpan.Zero;
        return wall < TimeSpan.Zero ? TimeSpan.Zero : wall;
    }

    /// <summary>Notes the memory peaks of its living processes, and returns how much they have now.</summary>
    public long MeasureMemory(ImmutableArray<ProcessStat> living)
    {
        long peak = 0, now = 0;
        foreach (var process in living)
        {
            var (most, resident) = ReadMemory(process.Pid);
            if (process.Pid != Wrapper?.Pid) peak = Math.Max(peak, most);
            now += resident;
        }
        lock (_gate) _peakBytes = Math.Max(_peakBytes, peak);
        return now;
    }

    private void CountEnded_NeedsLock(Dictionary<int, ProcessStat> members)
    {
        List<int>? ended = null;
        foreach (var (pid, known) in _known)
        {
            if (members.TryGetValue(pid, out var now) && now.StartTicks == known.StartTicks) continue;
            (ended ??= []).Add(pid);
            // One that a parent of ours has waited for is in the parent's figures; only an orphan's would be lost.
            if (!_known.ContainsKey(known.Parent)) _endedCpuTicks += known.CpuTicks;
        }
        foreach (var pid in ended ?? []) _known.Remove(pid);
    }

    private static (long Peak, long Resident) ReadMemory(int pid)
    {
        Span<byte> buffer = stackalloc byte[2048];
        var length = ProcFile.Read(pid, "/status"u8, buffer);
        return length <= 0 ? (0, 0) : (BytesOf(buffer[..length], "VmHWM:"u8), BytesOf(buffer[..length], "VmRSS:"u8));
    }

    private static long BytesOf(ReadOnlySpan<byte> status, ReadOnlySpan<byte> field)
    {
        var at = status.IndexOf(field);
        if (at < 0) return 0;
        var rest = status[(at + field.Length)..].TrimStart(" \t"u8);
        return Utf8Parser.TryParse(rest, out long kilobytes, out _) ? kilobytes * 1024 : 0;
    }

    private readonly record struct KnownProcess(long StartTicks, int Parent, long CpuTicks);
}

/// <summary>The attempts that this host has to do with at the moment.</summary>
internal sealed class AttemptRegistry
{
    private readonly Lock _gate = new();
    // Guarded by _gate:
    private readonly Dictionary<(TaskId, int), ProcessAttempt> _attempts = [];

    /// <summary>Finds or makes what is remembered of an attempt; it is forgotten when the last one has left.</summary>
    public Lease Enter(AttemptContext context)
    {
        var key = (context.Task, context.Attempt);
        lock (_gate)
        {
            if (!_attempts.TryGetValue(key, out var attempt))
            {
                _attempts.Add(key, attempt = new ProcessAttempt(context.Task, new AttemptFolder(context.Folder)));
            }
            attempt.Users++;
            if (context.Process is { } process && process.BootId == Machine.BootId) attempt.Wrapper ??= (process.Pid, process.StartTicks);
            return new Lease(this, key, attempt);
        }
    }

    private void Leave((TaskId, int) key, ProcessAttempt attempt)
    {
        lock (_gate)
        {
            if (--attempt.Users == 0) _attempts.Remove(key);
        }
    }

    internal readonly struct Lease(AttemptRegistry registry, (TaskId, int) key, ProcessAttempt attempt) : IDisposable
    {
        public ProcessAttempt Attempt => attempt;

        public void Dispose() => registry.Leave(key, attempt);
    }
}
