using System.Runtime.InteropServices;

namespace Outlast.Benchmarks.Machine;

/// <summary>What .NET has no call for.</summary>
internal static unsafe partial class SystemCalls
{
    private const int Interrupted = 4;

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    public static partial int Kill(int pid, int signal);

    /// <summary>Hands everything that is still to be written to the disk, so that one measurement does not pay for the one before.</summary>
    [LibraryImport("libc", EntryPoint = "sync")]
    public static partial void Sync();

    /// <summary>Waits for a child and returns its status; 0: it ended well.</summary>
    public static int Wait(int pid)
    {
        int status;
        while (WaitPid(pid, &status, 0) < 0)
            if (Marshal.GetLastPInvokeError() != Interrupted) throw new InvalidOperationException($"Process {pid} cannot be waited for: {Marshal.GetLastPInvokeErrorMessage()}");
        return status;
    }

    /// <summary>Processor time of a process so far, to the nanosecond: of all its threads, ended ones too.</summary>
    public static TimeSpan CpuOf(int pid)
    {
        int clock;
        var time = stackalloc long[2];
        if (ClockOf(pid, &clock) != 0 || ClockTime(clock, time) != 0) throw new InvalidOperationException($"The processor time of process {pid} cannot be read.");
        return TimeSpan.FromSeconds(time[0]) + TimeSpan.FromMicroseconds(time[1] / 1000.0);
    }

    [LibraryImport("libc", EntryPoint = "waitpid", SetLastError = true)]
    private static partial int WaitPid(int pid, int* status, int options);

    [LibraryImport("libc", EntryPoint = "clock_getcpuclockid")]
    private static partial int ClockOf(int pid, int* clock);

    [LibraryImport("libc", EntryPoint = "clock_gettime")]
    private static partial int ClockTime(int clock, long* time);
}
