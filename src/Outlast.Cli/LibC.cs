using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Outlast.Cli;

/// <summary>The system calls that .NET has no way to, or one that changes their meaning.</summary>
internal static partial class LibC
{
    public const int EINTR = 4, EAGAIN = 11, ENXIO = 6, ENOENT = 2, EPIPE = 32;
    public const int O_RDONLY = 0, O_WRONLY = 1, O_APPEND = 0x400, O_NONBLOCK = 0x800;
    public const short POLLIN = 1, POLLOUT = 4;
    private const int O_CREAT = 0x40, O_CLOEXEC = 0x80000, F_GETFL = 3, F_SETFL = 4, WNOHANG = 1;
    private const int F_SETFD = 2, FD_CLOEXEC = 1, CLOSE_RANGE_CLOEXEC = 4, SIGPIPE = 13, SIG_SETMASK = 2;
    private const nuint TIOCGWINSZ = 0x5413;
    private const uint MFD_CLOEXEC = 1;

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint write(int fd, ref readonly byte buffer, nuint count);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint read(int fd, ref byte buffer, nuint count);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int open(string path, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int close(int fd);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int isatty(int fd);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int poll(ref PollFd fds, nuint count, int timeout);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int fcntl(int fd, int command, int argument);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int ioctl(int fd, nuint request, out WindowSize size);

    [LibraryImport("libc")]
    private static partial uint geteuid();

    [LibraryImport("libc")]
    private static partial uint umask(uint mask);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int open(string path, int flags, uint mode);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int memfd_create(string name, uint flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int dup2(int source, int target);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int waitpid(int pid, out int status, int options);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int kill(int pid, int signal);

    [LibraryImport("libc")]
    private static partial nint signal(int number, nint handler);

    [LibraryImport("libc")]
    private static unsafe partial int pthread_sigmask(int how, byte* set, byte* former);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int close_range(uint first, uint last, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static unsafe partial int execve(byte* path, byte** arguments, byte** environment);

    /// <summary>Makes this process another program, which gets nothing but these descriptors and 0 to 2, default signals and an empty mask. Returns only if the system refuses: with the error.</summary>
    public static unsafe int Execute(IReadOnlyList<string> arguments, IReadOnlyList<string> environment, IEnumerable<int> descriptors)
    {
        // Whatever a library left open without the flag must not reach the next program, which could not know of it.
        _ = close_range(3, uint.MaxValue, CLOSE_RANGE_CLOEXEC);
        foreach (var fd in descriptors) _ = fcntl(fd, F_SETFD, 0);
        // Handlers go by themselves; what is ignored stays so. The runtime ignores SIGPIPE and will again.
        _ = signal(SIGPIPE, 0);
        var none = stackalloc byte[128];
        new Span<byte>(none, 128).Clear();
        _ = pthread_sigmask(SIG_SETMASK, none, null);
        fixed (byte** argv = Vector(arguments), variables = Vector(environment)) _ = execve(argv[0], argv, variables);
        return Marshal.GetLastPInvokeError();
    }

    /// <summary>Keeps a descriptor from programs that this one starts.</summary>
    public static void CloseOnExec(int fd) => fcntl(fd, F_SETFD, FD_CLOEXEC);

    public static void Kill(int pid) => kill(pid, 9);

    private const int MostLooks = 500;
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(10);

    public static bool IsTerminal(int fd) => isatty(fd) == 1;

    public static uint UserId => geteuid();

    /// <summary>The columns of a terminal; 0 if it does not say.</summary>
    public static int Columns(int fd) => ioctl(fd, TIOCGWINSZ, out var size) == 0 ? size.Columns : 0;

    public static int Open(string path, int flags) => open(path, flags | O_CLOEXEC);

    /// <summary>Opens for writing, and makes the file for its owner alone where it is not there.</summary>
    public static int Create(string path, int flags) => open(path, flags | O_CREAT | O_CLOEXEC, 0x180); // 0600

    /// <summary>A file without a place on any disk.</summary>
    /// <exception cref="IOException">There is no room for one.</exception>
    public static SafeFileHandle CreateInMemory(string name) =>
        memfd_create(name, MFD_CLOEXEC) is var fd and >= 0 ? new(fd, ownsHandle: true) : throw new IOException($"No file can be made in memory: {Marshal.GetLastPInvokeErrorMessage()}");

    public static void Replace(int descriptor, int by) => dup2(by, descriptor);

    /// <summary>Sets the file mode mask, and returns the one before.</summary>
    public static int SetUmask(int mask) => (int)umask((uint)mask);

    /// <summary>The exit code of a child of ours once it has ended; 128 + n for signal n.</summary>
    public static int? ExitCodeOf(int child)
    {
        if (waitpid(child, out var status, WNOHANG) <= 0) return null;
        return (status & 0x7f) == 0 ? status >> 8 & 0xff : 128 + (status & 0x7f);
    }

    /// <summary>Ends a child of ours and waits until it is gone: not for ever, for what waits for a disk dies late, and what is no child any more never tells.</summary>
    public static void Bury(int child)
    {
        kill(child, 9);
        for (var looks = 0; looks < MostLooks && waitpid(child, out _, WNOHANG) == 0; looks++) Thread.Sleep(Look);
    }

    public static void Close(int fd) => close(fd);

    public static void SetBlocking(int fd) => fcntl(fd, F_SETFL, fcntl(fd, F_GETFL, 0) & ~O_NONBLOCK);

    /// <summary>The number of bytes read, 0 at the end, or minus the error.</summary>
    public static int Read(int fd, Span<byte> buffer)
    {
        while (true)
        {
            var count = (int)read(fd, ref MemoryMarshal.GetReference(buffer), (nuint)buffer.Length);
            if (count >= 0) return count;
            var error = Marshal.GetLastPInvokeError();
            if (error == EAGAIN) Await(fd, POLLIN, Timeout.Infinite);
            else if (error != EINTR) return -error;
        }
    }

    /// <summary>Writes all of it. 0, or the error that a shorter write met.</summary>
    public static int WriteAll(int fd, ReadOnlySpan<byte> bytes)
    {
        while (bytes.Length > 0)
        {
            var count = (int)write(fd, in MemoryMarshal.GetReference(bytes), (nuint)bytes.Length);
            if (count >= 0)
            {
                bytes = bytes[count..];
                continue;
            }
            var error = Marshal.GetLastPInvokeError();
            if (error == EAGAIN) Await(fd, POLLOUT, Timeout.Infinite);
            else if (error != EINTR) return error;
        }
        return 0;
    }

    /// <summary>Waits until the descriptor is ready. False: the time is over.</summary>
    public static bool Await(int fd, short events, int milliseconds)
    {
        var one = new PollFd { Fd = fd, Events = events };
        return poll(ref one, 1, milliseconds) > 0;
    }

    // Never freed: the program is about to be another, or to end.
    private static unsafe byte*[] Vector(IReadOnlyList<string> strings)
    {
        var vector = new byte*[strings.Count + 1];
        for (var i = 0; i < strings.Count; i++) vector[i] = (byte*)Marshal.StringToCoTaskMemUTF8(strings[i]);
        return vector;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct PollFd
    {
        public int Fd;
        public short Events;
        public short Happened;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct WindowSize
    {
        public ushort Rows, Columns, Width, Height;
    }
}
