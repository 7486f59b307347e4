using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Outlast.Runners.Processes;

/// <summary>The system's own calls, where .NET has none, or one that does something else besides.</summary>
internal static unsafe partial class LibC
{
    public const int ReadOnly = 0, WriteOnly = 1, ReadWrite = 2;
    public const int Create = 0x40, Exclusive = 0x80, Append = 0x400, Truncate = 0x200, NonBlocking = 0x800, CloseOnExec = 0x80000;
    public const int LockShared = 1, LockExclusive = 2, LockNonBlocking = 4;
    public const int DuplicateCloseOnExec = 1030;
    public const int PidFd = 3, Exited = 4, NoHang = 1;
    public const int CodeExited = 1;
    public const int EpollAdd = 1, EpollIn = 1, EpollOneShot = 1 << 30, EpollCloseOnExec = 0x80000;
    public const int OpenFilesLimit = 7;
    public const int BootClock = 7;
    public const int Existence = 0, ExecuteAccess = 1, WriteAccess = 2;

    public const int EPERM = 1, ENOENT = 2, ESRCH = 3, EINTR = 4, ENXIO = 6, E2BIG = 7, ENOEXEC = 8, EAGAIN = 11, ENOMEM = 12, EACCES = 13, EEXIST = 17, ENOTDIR = 20, EISDIR = 21, ENFILE = 23, EMFILE = 24, ENOSPC = 28, EPIPE = 32, EDQUOT = 122;

    private const string Library = "libc";

    [LibraryImport(Library, EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int Open(string path, int flags, uint mode);

    [LibraryImport(Library, EntryPoint = "open", SetLastError = true)]
    public static partial int Open(byte* path, int flags, uint mode);

    [LibraryImport(Library, EntryPoint = "close", SetLastError = true)]
    public static partial int Close(int fd);

    [LibraryImport(Library, EntryPoint = "read", SetLastError = true)]
    public static partial nint Read(int fd, byte* buffer, nint count);

    [LibraryImport(Library, EntryPoint = "write", SetLastError = true)]
    public static partial nint Write(int fd, byte* buffer, nint count);

    [LibraryImport(Library, EntryPoint = "flock", SetLastError = true)]
    public static partial int Flock(int fd, int operation);

    [LibraryImport(Library, EntryPoint = "fdatasync", SetLastError = true)]
    public static partial int FdataSync(int fd);

    [LibraryImport(Library, EntryPoint = "ftruncate", SetLastError = true)]
    public static partial int CutTo(int fd, nint length);

    /// <summary>With <see cref="BeginWriting"/>: has a range begin its way to the disk, without waiting for it.</summary>
    [LibraryImport(Library, EntryPoint = "sync_file_range", SetLastError = true)]
    public static partial int SyncFileRange(int fd, long offset, long count, uint flags);

    public const uint BeginWriting = 2;

    [LibraryImport(Library, EntryPoint = "fcntl", SetLastError = true)]
    public static partial int Fcntl(int fd, int command, nint argument);

    [LibraryImport(Library, EntryPoint = "pipe2", SetLastError = true)]
    public static partial int Pipe2(int* fds, int flags);

    [LibraryImport(Library, EntryPoint = "mkfifo", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int MakeFifo(string path, uint mode);

    [LibraryImport(Library, EntryPoint = "mkdir", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int MakeFolder(string path, uint mode);

    [LibraryImport(Library, EntryPoint = "access", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int Access(string path, int mode);

    [LibraryImport(Library, EntryPoint = "kill", SetLastError = true)]
    public static partial int Kill(int pid, int signal);

    [LibraryImport(Library, EntryPoint = "getdents64", SetLastError = true)]
    public static partial nint ReadDirectory(int fd, byte* buffer, nint count);

    [LibraryImport(Library, EntryPoint = "getrlimit", SetLastError = true)]
    public static partial int GetLimit(int resource, ulong* softAndHard);

    [LibraryImport(Library, EntryPoint = "geteuid")]
    public static partial uint UserId();

    [LibraryImport(Library, EntryPoint = "getppid")]
    public static partial int ParentPid();

    [LibraryImport(Library, EntryPoint = "epoll_create1", SetLastError = true)]
    public static partial int EpollCreate(int flags);

    [LibraryImport(Library, EntryPoint = "epoll_ctl", SetLastError = true)]
    public static partial int EpollControl(int epoll, int operation, int fd, byte* epollEvent);

    [LibraryImport(Library, EntryPoint = "epoll_wait", SetLastError = true)]
    public static partial int EpollWait(int epoll, byte* events, int maxEvents, int timeout);

    [LibraryImport(Library, EntryPoint = "eventfd", SetLastError = true)]
    public static partial int EventFd(uint initial, int flags);

    [LibraryImport(Library, EntryPoint = "clock_gettime", SetLastError = true)]
    public static partial int GetTime(int clock, long* time);

    [LibraryImport(Library, EntryPoint = "syscall", SetLastError = true)]
    private static partial nint SystemCall(nint number, nint a, nint b, nint c, nint d, nint e);

    [LibraryImport(Library, EntryPoint = "posix_spawn", StringMarshalling = StringMarshalling.Utf8)]
    public static partial int PosixSpawn(int* pid, string path, byte* fileActions, byte* attributes, byte** argv, byte** environment);

    [LibraryImport(Library, EntryPoint = "posix_spawnattr_init")]
    public static partial int SpawnAttributesInit(byte* attributes);

    [LibraryImport(Library, EntryPoint = "posix_spawnattr_destroy")]
    public static partial int SpawnAttributesDestroy(byte* attributes);

    [LibraryImport(Library, EntryPoint = "posix_spawnattr_setflags")]
    public static partial int SpawnAttributesSetFlags(byte* attributes, short flags);

    [LibraryImport(Library, EntryPoint = "posix_spawnattr_setsigdefault")]
    public static partial int SpawnAttributesSetDefaultSignals(byte* attributes, byte* set);

    [LibraryImport(Library, EntryPoint = "posix_spawnattr_setsigmask")]
    public static partial int SpawnAttributesSetSignalMask(byte* attributes, byte* set);

    [LibraryImport(Library, EntryPoint = "posix_spawn_file_actions_init")]
    public static partial int FileActionsInit(byte* actions);

    [LibraryImport(Library, EntryPoint = "posix_spawn_file_actions_destroy")]
    public static partial int FileActionsDestroy(byte* actions);

    [LibraryImport(Library, EntryPoint = "posix_spawn_file_actions_adddup2")]
    public static partial int FileActionsAddDuplicate(byte* actions, int source, int target);

    [LibraryImport(Library, EntryPoint = "posix_spawn_file_actions_addclose")]
    public static partial int FileActionsAddClose(byte* actions, int fd);

    [LibraryImport(Library, EntryPoint = "posix_spawn_file_actions_addopen", StringMarshalling = StringMarshalling.Utf8)]
    public static partial int FileActionsAddOpen(byte* actions, int fd, string path, int flags, uint mode);

    [LibraryImport(Library, EntryPoint = "posix_spawn_file_actions_addchdir_np", StringMarshalling = StringMarshalling.Utf8)]
    public static partial int FileActionsAddChangeFolder(byte* actions, string path);

    [LibraryImport(Library, EntryPoint = "posix_spawn_file_actions_addclosefrom_np")]
    public static partial int FileActionsAddCloseFrom(byte* actions, int fd);

    [LibraryImport(Library, EntryPoint = "sigemptyset")]
    public static partial int EmptySignals(byte* set);

    public static int OpenPidFd(int pid) => (int)SystemCall(434, pid, 0, 0, 0, 0);

    public static int SignalPidFd(int pidFd, int signal) => (int)SystemCall(424, pidFd, signal, 0, 0, 0);

    /// <summary><c>waitid</c> with the resource usage that only the raw call gives.</summary>
    public static int WaitPidFd(int pidFd, byte* information, byte* usage) =>
        (int)SystemCall(RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? 95 : 247, PidFd, pidFd, (nint)information, Exited | NoHang, (nint)usage);

    /// <summary>What an error number means, in the system's words.</summary>
    public static string Describe(int errno)
    {
        var text = Marshal.GetPInvokeErrorMessage(errno);
        return text.Length == 0 ? $"error {errno}" : char.ToLowerInvariant(text[0]) + text[1..];
    }
}

/// <summary>An open file descriptor that is opened, locked and closed by libc alone: a .NET file handle would take a lock of its own and unlock the one that a child has inherited.</summary>
internal sealed class Descriptor() : SafeHandleMinusOneIsInvalid(ownsHandle: true)
{
    public Descriptor(int fd) : this() => SetHandle(fd);

    public int Number => (int)handle;

    /// <summary>Opens a file, close-on-exec.</summary>
    /// <exception cref="SystemCallException">It cannot be opened.</exception>
    public static Descriptor Open(string path, int flags) =>
        TryOpen(path, flags, out var errno) ?? throw new SystemCallException("open", errno, path);

    public static Descriptor? TryOpen(string path, int flags, out int errno)
    {
        int fd;
        do fd = LibC.Open(path, flags | LibC.CloseOnExec, 0x180); // 0600
        while (fd < 0 && Marshal.GetLastPInvokeError() == LibC.EINTR);
        errno = fd < 0 ? Marshal.GetLastPInvokeError() : 0;
        return fd < 0 ? null : new Descriptor(fd);
    }

    /// <summary>Makes a named pipe, for the owner alone.</summary>
    /// <exception cref="SystemCallException">It cannot be made.</exception>
    public static void MakeFifo(string path)
    {
        if (LibC.MakeFifo(path, 0x180) != 0) throw SystemCallException.Last("mkfifo", path); // 0600
    }

    public static unsafe (Descriptor Read, Descriptor Write) Pipe()
    {
        var fds = stackalloc int[2];
        if (LibC.Pipe2(fds, LibC.CloseOnExec) != 0) throw SystemCallException.Last("pipe");
        return (new Descriptor(fds[0]), new Descriptor(fds[1]));
    }

    /// <summary>Takes an exclusive <c>flock</c> if nobody has one.</summary>
    public bool TryLock() => LibC.Flock(Number, LibC.LockExclusive | LibC.LockNonBlocking) == 0;

    /// <summary>Empties the file.</summary>
    public void Truncate() => _ = LibC.CutTo(Number, 0);

    /// <exception cref="SystemCallException">Not all of it could be written.</exception>
    public unsafe void Write(ReadOnlySpan<byte> bytes, string path)
    {
        fixed (byte* start = bytes)
        {
            for (nint done = 0; done < bytes.Length;)
            {
                var written = LibC.Write(Number, start + done, bytes.Length - done);
                if (written < 0 && Marshal.GetLastPInvokeError() != LibC.EINTR) throw SystemCallException.Last("write", path);
                if (written > 0) done += written;
            }
        }
    }

    protected override bool ReleaseHandle() => LibC.Close((int)handle) == 0;
}

/// <summary>A system call failed.</summary>
internal sealed class SystemCallException(string call, int errno, string? path = null)
    : IOException($"{(path is null ? call : $"{call} {path}")}: {LibC.Describe(errno)}")
{
    public int Errno { get; } = errno;

    public bool IsDiskFull => Errno is LibC.ENOSPC or LibC.EDQUOT;

    public static SystemCallException Last(string call, string? path = null) => new(call, Marshal.GetLastPInvokeError(), path);
}
