using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Outlast.Output;

/// <summary>An open log, read by libc alone.</summary>
/// <remarks>A file handle of .NET would ask for a shared lock, which the keeper's exclusive one refuses.</remarks>
internal sealed partial class LogFile : SafeHandleMinusOneIsInvalid
{
    private const int ReadOnly = 0, CloseOnExec = 0x80000, SeekEnd = 2;
    private const int NoEntry = 2, Interrupted = 4, NotDirectory = 20;

    private LogFile(int descriptor) : base(ownsHandle: true) => SetHandle(descriptor);

    /// <summary>Opens the log and tries to read it; none if it is not there.</summary>
    /// <exception cref="OutputUnreadableException">It is there, and cannot be read.</exception>
    public static LogFile? Open(string path)
    {
        while (true)
        {
            var descriptor = OpenFile(path, ReadOnly | CloseOnExec);
            if (descriptor >= 0) return new LogFile(descriptor).Tried(path);
            switch (Marshal.GetLastPInvokeError())
            {
                case NoEntry or NotDirectory: return null;
                case Interrupted: continue;
                default: throw Unreadable(path);
            }
        }
    }

    /// <summary>The size, now.</summary>
    public long Size(string path)
    {
        var size = Seek(this, 0, SeekEnd);
        return size >= 0 ? size : throw Unreadable(path);
    }

    /// <summary>Reads what is there at an offset; 0: nothing, yet.</summary>
    public unsafe int Read(string path, Span<byte> buffer, long offset)
    {
        while (true)
        {
            nint count;
            fixed (byte* start = buffer) count = ReadAt(this, start, (nuint)buffer.Length, offset);
            if (count >= 0) return (int)count;
            if (Marshal.GetLastPInvokeError() != Interrupted) throw Unreadable(path);
        }
    }

    /// <summary>What cannot be read is told here, before anybody was promised anything.</summary>
    private LogFile Tried(string path)
    {
        try
        {
            Read(path, stackalloc byte[1], 0);
            return this;
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    protected override bool ReleaseHandle() => Close((int)handle) == 0;

    private static OutputUnreadableException Unreadable(string path) => new(path, Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError()));

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int OpenFile(string path, int flags);

    [LibraryImport("libc", EntryPoint = "lseek", SetLastError = true)]
    private static partial long Seek(LogFile file, long offset, int whence);

    [LibraryImport("libc", EntryPoint = "pread", SetLastError = true)]
    private static unsafe partial nint ReadAt(LogFile file, byte* buffer, nuint count, long offset);

    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    private static partial int Close(int descriptor);
}
