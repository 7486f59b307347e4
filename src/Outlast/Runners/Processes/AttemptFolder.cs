using System.Globalization;
using System.Text;

namespace Outlast.Runners.Processes;

/// <summary>The folder of one attempt: which files it has, who writes them, and what can be read from them.</summary>
/// <param name="Path">Absolute.</param>
internal sealed record AttemptFolder(string Path)
{
    /// <summary>Who lives: locked by the wrapper as long as it does. Says the machine's boot.</summary>
    public string Lock => At("lock");
    /// <summary>Made exclusively: by the wrapper when it starts, or by a host to revoke the start.</summary>
    public string Pid => At("pid");
    /// <summary>How it ended, written by the wrapper into room that was taken beforehand.</summary>
    public string Exit => At("exit");
    /// <summary>Made by the wrapper when the system refused to execute the program.</summary>
    public string Refused => At("refused");
    public string Output => At("output.log");
    public string Error => At("error.log");
    public string Stdin => At("stdin");
    /// <summary>Made by the wrapper as soon as the command's shell has opened an open <c>stdin</c>.</summary>
    public string StdinOpened => At("stdin.open");
    /// <summary>A named pipe by which the holder of an open <c>stdin</c> is told to let go.</summary>
    public string StdinEnd => At("stdin.eof");

    /// <summary>How many bytes of a log were read and could not be written, as an upper bound.</summary>
    public static string LostOf(string log) => log + ".lost";

    private string At(string name) => System.IO.Path.Combine(Path, name);

    /// <summary>The data folder that an attempt's folder <c>tasks/ID/N</c> lies in.</summary>
    public string DataFolder => System.IO.Path.GetFullPath(System.IO.Path.Combine(Path, "..", "..", ".."));

    /// <summary>Makes it, for the owner alone.</summary>
    /// <exception cref="SystemCallException">It cannot be made.</exception>
    public void Create()
    {
        var task = System.IO.Path.GetDirectoryName(Path)!;
        if (!TryMake(task, out var errno) && errno == LibC.ENOENT && Directory.CreateDirectory(System.IO.Path.GetDirectoryName(task)!).Exists) TryMake(task, out errno);
        if (!TryMake(Path, out errno)) throw new SystemCallException("mkdir", errno, Path);
    }

    private static bool TryMake(string path, out int errno)
    {
        var isMade = LibC.MakeFolder(path, 0x1C0) == 0; // 0700
        errno = isMade ? 0 : System.Runtime.InteropServices.Marshal.GetLastPInvokeError();
        return isMade;
    }

    /// <summary>Removes every trace of an attempt that never started, and the task's folder if nothing else is in it.</summary>
    public void Remove()
    {
        try
        {
            if (Directory.Exists(Path)) Directory.Delete(Path, recursive: true);
            var task = System.IO.Path.GetDirectoryName(Path)!;
            if (Directory.Exists(task) && !Directory.EnumerateFileSystemEntries(task).Any()) Directory.Delete(task);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // What cannot be removed does no harm: the next start of this attempt looks at it again.
        }
    }

    /// <summary>The boot that the attempt was started in; none if that was never written.</summary>
    public string? ReadBootId() => ReadSmall(Lock) is { Length: > 0 } text ? text.Trim() : null;

    public PidRecord ReadPid() => ReadSmall(Pid) is { } text ? PidRecord.Parse(text) : PidRecord.Missing;

    /// <summary>Whether the system refused to execute the program, so that nothing ran.</summary>
    public bool IsRefused => File.Exists(Refused);

    public ExitRecord? ReadExit() => ReadSmall(Exit) is { } text ? ExitRecord.TryParse(text) : null;

    public static long ReadLost(string log) =>
        ReadSmall(LostOf(log)) is { } text && text.Split(' ', 2) is [var number, _] && long.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out var lost) ? lost : 0;

    /// <summary>Creates <c>pid</c> exclusively, so that no wrapper can start any more. False if somebody was first.</summary>
    public bool TryRevoke()
    {
        using var file = Descriptor.TryOpen(Pid, LibC.WriteOnly | LibC.Create | LibC.Exclusive, out var errno);
        if (file is null) return errno == LibC.EEXIST ? false : throw new SystemCallException("open", errno, Pid);
        try
        {
            file.Write("revoked end\n"u8, Pid);
        }
        catch (SystemCallException e) when (e.IsDiskFull)
        {
            // The file exists: that alone revokes.
        }
        return true;
    }

    /// <summary>The text of a small file; none if there is no such file. A file that cannot be read is not an absent one.</summary>
    private static unsafe string? ReadSmall(string path)
    {
        using var file = Descriptor.TryOpen(path, LibC.ReadOnly, out var errno);
        if (file is null) return errno is LibC.ENOENT or LibC.ENOTDIR ? null : throw new SystemCallException("open", errno, path);
        var buffer = stackalloc byte[512];
        var length = LibC.Read(file.Number, buffer, 512);
        return length < 0 ? throw SystemCallException.Last("read", path) : Encoding.UTF8.GetString(buffer, (int)length);
    }
}

/// <summary>What the pid file says.</summary>
/// <param name="Pid">The wrapper's pid, if it started.</param>
/// <param name="Exists">Whether the file is there at all, complete or not.</param>
/// <param name="Revoked">Whether a host revoked the start.</param>
internal readonly record struct PidRecord(int? Pid, bool Exists, bool Revoked)
{
    public static PidRecord Missing { get; } = new(null, false, false);

    public static PidRecord Parse(string text) => text.Split(' ') switch
    {
        ["revoked", ..] => new(null, true, true),
        [var pid, "end\n"] when int.TryParse(pid, NumberStyles.None, CultureInfo.InvariantCulture, out var number) => new(number, true, false),
        _ => new(null, true, false),
    };
}

/// <summary>How the command ended, as its wrapper wrote it: <c>143 TERM end</c>. Trusted only if it closes with <c>end</c>.</summary>
/// <param name="Code">What the shell saw.</param>
/// <param name="SignalsSeen">Signals that reached the wrapper while the command ran, each once, by number.</param>
internal sealed record ExitRecord(int Code, System.Collections.Immutable.ImmutableArray<string> SignalsSeen)
{
    /// <summary>What the file holds before: room for any record, so that a full disk does not lose it.</summary>
    public static byte[] Room { get; } = [.. Enumerable.Repeat((byte)' ', 383), (byte)'\n'];

    public static ExitRecord? TryParse(string text)
    {
        var line = text.IndexOf('\n', StringComparison.Ordinal) is >= 0 and var end ? text[..end] : "";
        return line.Split(' ') is [var code, .. var signals, "end"] && int.TryParse(code, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            ? new(number, [.. signals.Select(s => int.TryParse(s, out var n) ? Signals.NameOf(n) : s)])
            : null;
    }
}
