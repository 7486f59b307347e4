using System.Runtime.InteropServices;

namespace Outlast.Runners.Processes;

/// <summary>How a process ended, as far as this host could see: everything of its own child, of others only that it is gone.</summary>
/// <param name="Code">The exit code, unless a signal killed it.</param>
/// <param name="Signal">The signal that killed it.</param>
/// <param name="Cpu">User and system time, with the descendants that were waited for.</param>
/// <param name="PeakBytes">The largest resident memory of any of them; the system counts the host's own at the start in.</param>
internal sealed record ProcessExit(int? Code, int? Signal, TimeSpan? Cpu, long? PeakBytes)
{
    public static ProcessExit Unseen { get; } = new(null, null, null, null);
}

/// <summary>A process that is waited for.</summary>
internal sealed class WatchedProcess(int pid, long startTicks, bool isChild)
{
    private readonly TaskCompletionSource<ProcessExit> _exited = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public int Pid { get; } = pid;
    public long StartTicks { get; } = startTicks;
    public bool IsChild { get; } = isChild;
    /// <summary>Whether it was a child before this watcher was there; how it ended is kept for whoever asks late.</summary>
    public bool IsTaken { get; init; }
    public Task<ProcessExit> Exited => _exited.Task;

    public void Complete(ProcessExit exit) => _exited.TrySetResult(exit);
}

/// <summary>One thread that waits for any number of processes: it reaps exactly the children that it was told of, and watches others.</summary>
/// <remarks>Never waits for "any child": the program may have children that belong to somebody else.</remarks>
internal sealed class ProcessWatcher : IDisposable
{
    private const int BatchSize = 64;
    private const ulong WakeUp = 0;
    private static readonly TimeSpan RetryAfter = TimeSpan.FromMilliseconds(20);

    // The kernel packs the structure on x86-64 only.
    private static readonly int EventSize = RuntimeInformation.ProcessArchitecture == Architecture.X64 ? 12 : 16;

    private readonly TimeProvider _time;
    private readonly Descriptor _epoll;
    private readonly Descriptor _wakeUp;
    private readonly Lock _gate = new();
    // Guarded by _gate:
    private readonly Dictionary<ulong, (WatchedProcess Process, Descriptor PidFd)> _byKey = [];
    private readonly Dictionary<int, WatchedProcess> _byPid = [];
    private ulong _lastKey = WakeUp;
    private bool _started, _disposed;

    public ProcessWatcher(TimeProvider time)
    {
        _time = time;
        _epoll = new Descriptor(LibC.EpollCreate(LibC.EpollCloseOnExec));
        if (_epoll.IsInvalid) throw SystemCallException.Last("epoll_create1");
        _wakeUp = new Descriptor(LibC.EventFd(0, LibC.CloseOnExec));
        if (_wakeUp.IsInvalid) throw SystemCallException.Last("eventfd");
        Register(_wakeUp, WakeUp);
    }

    /// <summary>Waits for a child that was just started, and reaps it.</summary>
    /// <remarks>The child exists, so this must not fail: where the system has no descriptor left, the caller waits until it has.</remarks>
    public WatchedProcess WatchChild(int pid, bool isTaken = false)
    {
        // An unreaped child keeps its pid: what /proc says of it cannot be about another process.
        long? startTicks = null;
        while (true)
        {
            startTicks ??= ProcessStat.TryRead(pid)?.StartTicks;
            var pidFd = new Descriptor(LibC.OpenPidFd(pid));
            try
            {
                if (!pidFd.IsInvalid && startTicks is { } known) return Add(new WatchedProcess(pid, known, isChild: true) { IsTaken = isTaken }, pidFd);
            }
            catch (SystemCallException)
            {
                // As below.
            }
            pidFd.Dispose();
            Thread.Sleep(RetryAfter);
        }
    }

    /// <summary>Waits for every child that this process has, dead or alive: whatever an earlier program in it has left.</summary>
    public void TakeChildren()
    {
        foreach (var pid in ProcFile.ListPids())
        {
            if (ProcessStat.TryRead(pid) is { } stat && stat.Parent == Environment.ProcessId) WatchChild(pid, isTaken: true);
        }
    }

    /// <summary>Whether that was such a child.</summary>
    public bool HasTaken(int pid, long startTicks)
    {
        lock (_gate) return _byPid.TryGetValue(pid, out var watched) && watched.IsTaken && watched.StartTicks == startTicks;
    }

    /// <summary>Waits for any process; none if it is dead, or if another process has its pid by now.</summary>
    /// <remarks>Where the system has no descriptor left, that says nothing about the process: then it is tried again.</remarks>
    public async Task<WatchedProcess?> WatchAsync(int pid, long startTicks, CancellationToken letGo)
    {
        WatchedProcess? watched;
        while (!TryWatch(pid, startTicks, out watched)) await Task.Delay(RetryAfter, _time, letGo).ConfigureAwait(false);
        return watched;
    }

    /// <summary>Returns when that process is dead.</summary>
    public async Task AwaitEndAsync(int pid, long startTicks, CancellationToken letGo)
    {
        if (await WatchAsync(pid, startTicks, letGo).ConfigureAwait(false) is { } watched) await watched.Exited.WaitAsync(letGo).ConfigureAwait(false);
    }

    /// <summary>False if the system has no room to tell.</summary>
    private bool TryWatch(int pid, long startTicks, out WatchedProcess? watched)
    {
        lock (_gate)
        {
            if (_byPid.TryGetValue(pid, out watched) && watched.StartTicks == startTicks) return true;
        }
        watched = null;
        var pidFd = new Descriptor(LibC.OpenPidFd(pid));
        if (pidFd.IsInvalid) return Marshal.GetLastPInvokeError() is not (LibC.EMFILE or LibC.ENFILE or LibC.ENOMEM);
        // The start is read after the descriptor is there: from now on the pid cannot come to mean another process unnoticed.
        var stat = ProcessStat.TryRead(pid);
        try
        {
            if (stat is { IsDead: false } && stat.Value.StartTicks == startTicks)
            {
                watched = Add(new WatchedProcess(pid, startTicks, isChild: false), pidFd);
                return true;
            }
        }
        catch (SystemCallException)
        {
            pidFd.Dispose();
            return false;
        }
        // One that can be signalled is there: then it was /proc that could not be opened.
        var isUnread = stat is null && LibC.SignalPidFd(pidFd.Number, 0) == 0;
        pidFd.Dispose();
        return !isUnread;
    }

    public void Dispose()
    {
        lock (_gate)
        {
            if (_disposed) return;
            _disposed = true;
            if (!_started)
            {
                Close_NeedsLock();
                return;
            }
        }
        _wakeUp.Write([1, 0, 0, 0, 0, 0, 0, 0], "eventfd");
    }

    private WatchedProcess Add(WatchedProcess process, Descriptor pidFd)
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            var key = ++_lastKey;
            Register(pidFd, key);
            _byKey[key] = (process, pidFd);
            _byPid[process.Pid] = process;
            if (!_started)
            {
                _started = true;
                new Thread(WaitForEver) { IsBackground = true, Name = "Outlast process watcher" }.Start();
            }
        }
        return process;
    }

    private unsafe void Register(Descriptor fd, ulong key)
    {
        var watch = stackalloc byte[EventSize];
        // Once only: a process that is being started elsewhere holds a copy of every descriptor for a moment, and would keep reporting one that is closed here.
        *(uint*)watch = LibC.EpollIn | LibC.EpollOneShot;
        *(ulong*)(watch + EventSize - 8) = key;
        if (LibC.EpollControl(_epoll.Number, LibC.EpollAdd, fd.Number, watch) != 0) throw SystemCallException.Last("epoll_ctl");
    }

    private unsafe void WaitForEver()
    {
        var events = stackalloc byte[EventSize * BatchSize];
        while (true)
        {
            var count = LibC.EpollWait(_epoll.Number, events, BatchSize, -1);
            for (var i = 0; i < count; i++)
            {
                var key = *(ulong*)(events + (i + 1) * EventSize - 8);
                if (key != WakeUp) Finish(key);
            }
            lock (_gate)
            {
                if (!_disposed) continue;
                Close_NeedsLock();
                return;
            }
        }
    }

    private void Finish(ulong key)
    {
        WatchedProcess process;
        Descriptor pidFd;
        lock (_gate)
        {
            if (!_byKey.Remove(key, out var entry)) return;
            (process, pidFd) = entry;
            if (!process.IsTaken && _byPid.GetValueOrDefault(process.Pid) == process) _byPid.Remove(process.Pid);
        }
        var exit = process.IsChild ? Reap(pidFd) : ProcessExit.Unseen;
        pidFd.Dispose();
        process.Complete(exit);
    }

    private static unsafe ProcessExit Reap(Descriptor pidFd)
    {
        var information = stackalloc byte[128];
        var usage = stackalloc byte[144];
        new Span<byte>(information, 128).Clear();
        if (LibC.WaitPidFd(pidFd.Number, information, usage) != 0 || *(int*)(information + 16) == 0) return ProcessExit.Unseen;
        var code = *(int*)(information + 8);
        var status = *(int*)(information + 24);
        var times = (long*)usage;
        var cpu = TimeSpan.FromSeconds(times[0] + times[2]) + TimeSpan.FromMicroseconds(times[1] + times[3]);
        var isExit = code == LibC.CodeExited;
        return new ProcessExit(isExit ? status : null, isExit ? null : status, cpu, times[4] * 1024);
    }

    private void Close_NeedsLock()
    {
        foreach (var (_, pidFd) in _byKey.Values) pidFd.Dispose();
        _byKey.Clear();
        _byPid.Clear();
        _epoll.Dispose();
        _wakeUp.Dispose();
    }
}
