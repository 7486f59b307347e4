using System.Runtime.InteropServices;

namespace Outlast.Cli;

/// <summary>What a full screen asks of the terminal.</summary>
internal static partial class LibC
{
    public const int SIGTSTP = 20;
    // Larger than the structure of any libc in use (glibc: 60 bytes).
    public const int TerminalModeSize = 256;
    private const int TCSADRAIN = 1;

    [LibraryImport("libc", SetLastError = true)]
    private static partial int tcgetattr(int fd, ref byte mode);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int tcsetattr(int fd, int when, ref byte mode);

    [LibraryImport("libc")]
    private static partial void cfmakeraw(ref byte mode);

    /// <summary>How the terminal is set; none if it does not say.</summary>
    public static byte[]? TerminalMode(int fd)
    {
        var mode = new byte[TerminalModeSize];
        return tcgetattr(fd, ref mode[0]) == 0 ? mode : null;
    }

    /// <summary>The same mode, but every key is given at once, as it is, and shown by nobody.</summary>
    public static byte[] Raw(byte[] mode)
    {
        byte[] raw = [.. mode];
        cfmakeraw(ref raw[0]);
        return raw;
    }

    public static void SetTerminalMode(int fd, byte[] mode)
    {
        while (tcsetattr(fd, TCSADRAIN, ref mode[0]) != 0 && Marshal.GetLastPInvokeError() == EINTR) { }
    }

    /// <summary>Rows and columns of a terminal; 0 if it does not say.</summary>
    public static (int Rows, int Columns) Size(int fd) => ioctl(fd, TIOCGWINSZ, out var size) == 0 ? (size.Rows, size.Columns) : (0, 0);

    /// <summary>Stops this program's whole job, as Ctrl-Z would; returns when it is continued.</summary>
    public static void StopJob()
    {
        signal(SIGTSTP, 0);
        kill(0, SIGTSTP);
    }
}
