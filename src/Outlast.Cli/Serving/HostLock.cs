using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using Outlast.Cli.Calling;

namespace Outlast.Cli.Serving;

/// <summary>The right to be the host of a data folder: an exclusive <c>flock</c> that ends with the process, whatever ends it.</summary>
/// <remarks>By libc alone: a .NET file handle takes a lock of its own, and gives it back with everybody's who shares it. What the file says is for people only; the lock is the truth.</remarks>
internal sealed class HostLock : IDisposable
{
    private static readonly TimeSpan Retry = TimeSpan.FromSeconds(2), Pause = TimeSpan.FromMilliseconds(20);
    private readonly int _descriptor;

    private HostLock(int descriptor) => _descriptor = descriptor;

    /// <summary>Takes the lock. One whose holder is dead, or unknown, is on its way to be free: it is tried again for 2 seconds.</summary>
    /// <exception cref="HostLockHeldException">A living host has it.</exception>
    public static async Task<HostLock> TakeAsync(DataFolder folder, TimeProvider time, CancellationToken cancel)
    {
        var descriptor = LibC.Create(folder.HostLock, LibC.O_RDWR);
        if (descriptor < 0) throw new CommandException($"cannot open '{folder.HostLock}': {Marshal.GetLastPInvokeErrorMessage()}", ExitCodes.Refused);
        var start = time.GetTimestamp();
        while (!LibC.TryLock(descriptor))
        {
            var holder = HostLockHolder.Read(folder);
            if (holder is { IsAlive: true } || time.GetElapsedTime(start) >= Retry)
            {
                LibC.Close(descriptor);
                throw new HostLockHeldException(folder, holder);
            }
            await Task.Delay(Pause, time, cancel);
        }
        LibC.Truncate(descriptor);
        LibC.WriteAll(descriptor, Encoding.ASCII.GetBytes(HostLockHolder.Ourselves(time.GetUtcNow()).ToString()));
        return new(descriptor);
    }

    /// <summary>The lock that the former program of this process held: it was never free.</summary>
    public static HostLock Inherit(int descriptor) => new(descriptor);

    /// <summary>What holds it.</summary>
    public int Descriptor => _descriptor;

    public void Dispose() => LibC.Close(_descriptor);
}

/// <summary>Who has, or had, the lock.</summary>
/// <param name="Pid">Its process.</param>
/// <param name="StartTicks">That process's start, so that a recycled pid is not mistaken for it.</param>
/// <param name="Since">When it took the lock.</param>
internal sealed record HostLockHolder(int Pid, long StartTicks, DateTimeOffset Since)
{
    public bool IsAlive => StartTicksOf(Pid) == StartTicks;

    public static HostLockHolder Ourselves(DateTimeOffset now) => new(Environment.ProcessId, StartTicksOf(Environment.ProcessId) ?? 0, now);

    /// <summary>Whoever wrote into the lock last; none if nobody did.</summary>
    public static HostLockHolder? Read(DataFolder folder)
    {
        var descriptor = LibC.Open(folder.HostLock, LibC.O_RDONLY);
        if (descriptor < 0) return null;
        var buffer = new byte[128];
        var count = LibC.Read(descriptor, buffer);
        LibC.Close(descriptor);
        return count > 0 && Encoding.ASCII.GetString(buffer, 0, count).Split(' ', '\n') is [var pid, var ticks, var since, ..]
            && int.TryParse(pid, NumberStyles.None, CultureInfo.InvariantCulture, out var p) && long.TryParse(ticks, NumberStyles.None, CultureInfo.InvariantCulture, out var t)
            && DateTimeOffset.TryParse(since, CultureInfo.InvariantCulture, out var s)
            ? new(p, t, s) : null;
    }

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Pid} {StartTicks} {Since:O}\n");

    /// <summary>Field 22 of <c>/proc/PID/stat</c>; none for a process that is gone, or dead and not yet reaped.</summary>
    private static long? StartTicksOf(int pid)
    {
        if (Caller.Field($"/proc/{pid}/stat", "") is not { } stat) return null;
        var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
        return fields[0] is "Z" or "X" ? null : long.Parse(fields[19], CultureInfo.InvariantCulture);
    }
}

/// <summary>Another host has the data folder.</summary>
internal sealed class HostLockHeldException(DataFolder folder, HostLockHolder? holder)
    : CommandException($"the data folder '{folder.Path}' has a host already: {(holder is null ? "it does not say which" : string.Create(CultureInfo.InvariantCulture, $"pid {holder.Pid}, since {holder.Since.ToLocalTime():yyyy-MM-dd HH:mm:ss}"))}. One folder has one host; set OUTLAST_DATA to use another", ExitCodes.Conflict);
