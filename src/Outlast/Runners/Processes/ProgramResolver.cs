using System.Runtime.InteropServices;

namespace Outlast.Runners.Processes;

/// <summary>Finds the file that a shell would execute, by the task's own PATH and folder, or the reason why there is none.</summary>
internal static class ProgramResolver
{
    private const string DefaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

    /// <summary>The absolute path, or an error number.</summary>
    public static (string? Program, int Errno) Resolve(ProcessSpec spec)
    {
        var name = spec.Argv[0];
        if (name.Length == 0) return (null, LibC.ENOENT);
        if (name.Contains('/', StringComparison.Ordinal)) return Probe(Path.Combine(spec.Cwd, name));
        var worst = LibC.ENOENT;
        foreach (var folder in (spec.Environment.GetValueOrDefault("PATH") ?? DefaultPath).Split(':'))
        {
            var (program, errno) = Probe(Path.Combine(spec.Cwd, folder, name));
            if (program is not null) return (program, 0);
            // As a shell does: a file that may not be executed is the better reason than a later folder without one.
            if (errno is LibC.EACCES or LibC.ENOEXEC) worst = errno;
        }
        return (null, worst);
    }

    /// <summary>Why nothing can start in that folder; 0 if something can.</summary>
    public static int ProbeFolder(string folder)
    {
        if (LibC.Access(folder, LibC.ExecuteAccess) != 0) return Marshal.GetLastPInvokeError();
        return Directory.Exists(folder) ? 0 : LibC.ENOTDIR;
    }

    private static (string? Program, int Errno) Probe(string file)
    {
        if (Directory.Exists(file)) return (null, LibC.EACCES);
        if (LibC.Access(file, LibC.ExecuteAccess) != 0) return (null, Marshal.GetLastPInvokeError());
        return IsForeign(file) ? (null, LibC.ENOEXEC) : (file, 0);
    }

    /// <summary>Whether it is a program of another architecture, which the shell would otherwise read as a script.</summary>
    private static bool IsForeign(string file)
    {
        Span<byte> head = stackalloc byte[20];
        try
        {
            using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);
            if (stream.ReadAtLeast(head, head.Length, throwOnEndOfStream: false) < head.Length) return false;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false; // It may be executed without being readable.
        }
        if (!head.StartsWith("\u007fELF"u8)) return false;
        var machine = head[5] == 1 ? head[18] | (head[19] << 8) : (head[18] << 8) | head[19];
        var runsHere = RuntimeInformation.OSArchitecture switch
        {
            Architecture.X64 => machine is 62 or 3,
            Architecture.Arm64 => machine is 183 or 40,
            _ => true,
        };
        return !runsHere && !HasEmulators();
    }

    private static bool HasEmulators()
    {
        try
        {
            return Directory.EnumerateFiles("/proc/sys/fs/binfmt_misc").Any(f => Path.GetFileName(f) is not ("register" or "status"));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }
}
