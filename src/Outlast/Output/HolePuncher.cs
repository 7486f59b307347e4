using System.Runtime.InteropServices;

namespace Outlast.Output;

/// <summary>Gives the room of a log's middle back to the file system, while everything behind it keeps its offset.</summary>
internal static partial class HolePuncher
{
    // What the keeper uses for it.
    private const string Program = "/usr/bin/fallocate";
    private const int WriteOnly = 1, ReadWrite = 2, CloseOnExec = 0x80000, Create = 0x40, PunchHole = 2, KeepSize = 1;
    private const int OwnerOnly = 0x180; // 0600
    private const int NoEntry = 2, Interrupted = 4, NotImplemented = 38, NotSupported = 95, LockExclusive = 2;

    /// <summary>Tries it on the file system of a folder.</summary>
    /// <param name="folder">Where the logs will be.</param>
    /// <param name="isLasting">Whether that is so for good: it works, or it is not supported. Otherwise it only did not work now.</param>
    /// <returns>Why it does not work there; none: it does.</returns>
    public static string? FindObstacle(string folder, out bool isLasting)
    {
        isLasting = false;
        if (!File.Exists(Program)) return $"{Program} is missing (package util-linux)";
        var path = Path.Combine(folder, $".punch-{Environment.ProcessId}");
        try
        {
            File.WriteAllBytes(path, new byte[2 * OutputCapRule.Page]);
            var works = TryPunch(path, new(0, OutputCapRule.Page), out var errno);
            isLasting = works || errno is NotSupported or NotImplemented;
            return works ? null : $"the file system of {folder} cannot: {Marshal.GetPInvokeErrorMessage(errno)}";
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return e.Message;
        }
        finally
        {
            if (File.Exists(path)) File.Delete(path);
        }
    }

    /// <summary>Takes out of a log what its cap does not leave. For a log that its command writes itself; one with a keeper is the keeper's.</summary>
    /// <exception cref="OutputUnreadableException">What is gone already cannot be read.</exception>
    /// <exception cref="IOException">It could not be cut.</exception>
    public static void Enforce(string log, OutputCapRule rule)
    {
        if (new FileInfo(log) is not { Exists: true, Length: var size } || size <= rule.Limit) return;
        var told = OpenFile(DroppedRange.FileOf(log), ReadWrite | Create | CloseOnExec, OwnerOnly);
        if (told < 0) throw Failed(log);
        try
        {
            // Two may cut at once, the watch and the settlement. Who comes second sees what the first has told, so that the range never shrinks.
            while (LockFile(told, LockExclusive) != 0)
            {
                if (Marshal.GetLastPInvokeError() != Interrupted) throw Failed(log);
            }
            var gone = DroppedRange.Of(log);
            var next = rule.Next(size, gone);
            // The range is told first, and is on the disk first, so that nobody takes the hole for output, not after a power cut either.
            if (next != gone) Tell(told, log, next);
            // All of it each time: what was told and could not be freed then is freed now.
            if (next.Length > 0 && !TryPunch(log, next, out var errno) && errno != NoEntry) throw Failed(log, errno);
        }
        finally
        {
            _ = Close(told);
        }
    }

    private static unsafe void Tell(int file, string log, DroppedRange range)
    {
        var bytes = range.ToBytes();
        nint written;
        fixed (byte* start = bytes) written = WriteAt(file, start, (nuint)bytes.Length, 0);
        if (written != bytes.Length || SyncData(file) != 0) throw Failed(log);
    }

    private static bool TryPunch(string path, DroppedRange range, out int errno)
    {
        errno = 0;
        var file = OpenFile(path, WriteOnly | CloseOnExec, 0);
        var done = file >= 0 && Allocate(file, PunchHole | KeepSize, range.From, range.Length) == 0;
        if (!done) errno = Marshal.GetLastPInvokeError();
        if (file >= 0) _ = Close(file);
        return done;
    }

    private static IOException Failed(string log) => Failed(log, Marshal.GetLastPInvokeError());

    private static IOException Failed(string log, int errno) => new($"The output in '{log}' could not be cut to its cap: {Marshal.GetPInvokeErrorMessage(errno)}.");

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int OpenFile(string path, int flags, int mode);

    [LibraryImport("libc", EntryPoint = "fallocate", SetLastError = true)]
    private static partial int Allocate(int file, int mode, long offset, long length);

    [LibraryImport("libc", EntryPoint = "pwrite", SetLastError = true)]
    private static unsafe partial nint WriteAt(int file, byte* bytes, nuint count, long offset);

    [LibraryImport("libc", EntryPoint = "flock", SetLastError = true)]
    private static partial int LockFile(int file, int operation);

    [LibraryImport("libc", EntryPoint = "fdatasync", SetLastError = true)]
    private static partial int SyncData(int file);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int file);
}
