using System.Buffers.Text;
using System.Runtime.InteropServices;
using System.Text;

namespace Outlast.Runners.Processes;

/// <summary>What <c>/proc/PID/stat</c> says of a process.</summary>
internal readonly record struct ProcessStat(int Pid, int Parent, int Group, int Session, char State, long StartTicks, long CpuTicks, long ChildrenCpuTicks)
{
    /// <summary>Ticks a second, the same on every Linux that .NET runs on.</summary>
    public const int TicksPerSecond = 100;

    /// <summary>A zombie is dead: it only waits for somebody to ask how it ended, and in a container nobody may ever do.</summary>
    public bool IsDead => State is 'Z' or 'X' or 'x';

    /// <summary>This moment, as the starts of processes are counted: since the boot, with the time that the machine slept.</summary>
    public static unsafe long TicksNow()
    {
        var now = stackalloc long[2];
        return LibC.GetTime(LibC.BootClock, now) == 0 ? now[0] * TicksPerSecond + now[1] / (1_000_000_000 / TicksPerSecond) : throw SystemCallException.Last("clock_gettime");
    }

    public static TimeSpan ToTime(long ticks) => TimeSpan.FromTicks(ticks * (TimeSpan.TicksPerSecond / TicksPerSecond));

    public static ProcessStat? TryRead(int pid)
    {
        Span<byte> buffer = stackalloc byte[1024];
        var length = ProcFile.Read(pid, "/stat"u8, buffer);
        if (length <= 0) return null;
        var text = buffer[..length];
        // The program's name is in parentheses and may itself contain spaces and parentheses: the last one closes it.
        var nameEnd = text.LastIndexOf((byte)')');
        return nameEnd < 0 ? null : Parse(pid, text[(nameEnd + 2)..]);
    }

    private static ProcessStat Parse(int pid, ReadOnlySpan<byte> fields)
    {
        Span<long> numbers = stackalloc long[23];
        var state = (char)fields[0];
        var rest = fields[2..];
        for (var field = 4; field <= 22; field++)
        {
            numbers[field] = Utf8Parser.TryParse(rest, out long value, out var used) ? value : 0;
            rest = used + 1 <= rest.Length ? rest[(used + 1)..] : [];
        }
        return new ProcessStat(pid, (int)numbers[4], (int)numbers[5], (int)numbers[6], state, numbers[22], numbers[14] + numbers[15], numbers[16] + numbers[17]);
    }
}

/// <summary>Reads small files of <c>/proc/PID</c> with few system calls and no garbage.</summary>
internal static unsafe class ProcFile
{
    /// <summary>The number of bytes read, or -1.</summary>
    public static int Read(int pid, ReadOnlySpan<byte> name, Span<byte> buffer)
    {
        var path = stackalloc byte[64];
        var span = new Span<byte>(path, 64);
        "/proc/"u8.CopyTo(span);
        Utf8Formatter.TryFormat(pid, span[6..], out var digits);
        name.CopyTo(span[(6 + digits)..]);
        span[6 + digits + name.Length] = 0;
        var fd = LibC.Open(path, LibC.ReadOnly | LibC.CloseOnExec, 0);
        if (fd < 0) return -1;
        try
        {
            // The system hands over at once all that there is room for.
            fixed (byte* start = buffer) return (int)LibC.Read(fd, start, buffer.Length);
        }
        finally
        {
            _ = LibC.Close(fd);
        }
    }

    /// <summary>The numbers of all processes.</summary>
    public static List<int> ListPids()
    {
        var pids = new List<int>(512);
        VisitPids(16384, pids.Add);
        return pids;
    }

    /// <summary>Shows the number of each process. A small <paramref name="chunk"/> of bytes at a time keeps what is shown fresh.</summary>
    public static void VisitPids(int chunk, Action<int> visit)
    {
        using var folder = Descriptor.Open("/proc", LibC.ReadOnly);
        var buffer = stackalloc byte[chunk];
        nint length;
        while ((length = LibC.ReadDirectory(folder.Number, buffer, chunk)) > 0)
        {
            for (nint at = 0; at < length; at += *(ushort*)(buffer + at + 16))
            {
                if (Utf8Parser.TryParse(MemoryMarshal.CreateReadOnlySpanFromNullTerminated(buffer + at + 19), out int pid, out _)) visit(pid);
            }
        }
        if (length < 0) throw SystemCallException.Last("getdents64", "/proc");
    }

    /// <summary>The command line, arguments apart by spaces, at most 200 characters; the bare name where there is none.</summary>
    public static string CommandLine(int pid)
    {
        Span<byte> buffer = stackalloc byte[800];
        var length = Read(pid, "/cmdline"u8, buffer);
        if (length <= 0) length = Read(pid, "/comm"u8, buffer);
        if (length <= 0) return "?";
        var text = Encoding.UTF8.GetString(buffer[..length]).TrimEnd('\0', '\n').Replace('\0', ' ');
        return text.Length <= 200 ? text : text[..200];
    }
}
