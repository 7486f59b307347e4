using System.Text;
using System.Text.RegularExpressions;
using Outlast.Cli.Rendering;

namespace Outlast.Cli.Watching;

/// <summary>The terminal as one screen: raw keys in, whole frames out, and everything as it was before whatever way this program goes.</summary>
internal sealed partial class FullScreen : IDisposable
{
    private const int Input = 0, Output = 1;
    // The other screen, no cursor, no line that runs over; and back.
    private const string Begin = "\e[?1049h\e[?25l\e[?7l", End = "\e[?7h\e[?25h\e[?1049l";
    private readonly Lock _lock = new();
    private readonly Terminal _terminal;
    // Guarded by _lock: the terminal's own mode while it is ours, and what it shows.
    private byte[]? _before;
    private string _shown = "";

    public FullScreen(Terminal terminal)
    {
        _terminal = terminal;
        AppDomain.CurrentDomain.UnhandledException += OnGoing;
        AppDomain.CurrentDomain.ProcessExit += OnGoing;
    }

    public static bool IsPossible => LibC.IsTerminal(Input) && LibC.IsTerminal(Output);

    public static (int Height, int Width) Size => LibC.Size(Output) is { Rows: > 0, Columns: > 0 } size ? size : (24, 80);

    /// <summary>Takes the terminal; after a stop, again.</summary>
    public void Enter()
    {
        lock (_lock)
        {
            // A shell sets its own mode while a job is stopped: what counts is how it is now.
            var mode = _before ?? LibC.TerminalMode(Input);
            if (mode is null) return;
            _before = mode;
            LibC.SetTerminalMode(Input, LibC.Raw(mode));
            _shown = "";
            LibC.WriteAll(Output, Encoding.ASCII.GetBytes(Begin));
        }
    }

    /// <summary>Gives the terminal back as it was.</summary>
    public void Leave()
    {
        lock (_lock)
        {
            if (_before is not { } mode) return;
            _before = null;
            LibC.WriteAll(Output, Encoding.ASCII.GetBytes(End));
            LibC.SetTerminalMode(Input, mode);
        }
    }

    /// <summary>Shows a frame in one write; one that is shown already costs nothing.</summary>
    public void Show(IEnumerable<string> lines, int width)
    {
        var frame = Compose(lines, width);
        lock (_lock)
        {
            if (_before is null || frame == _shown) return;
            _shown = frame;
            _terminal.Write(Encoding.UTF8.GetBytes(frame));
        }
    }

    /// <summary>The next frame is written even if it is the same: the screen was changed by somebody else.</summary>
    public void Forget()
    {
        lock (_lock) _shown = "";
    }

    /// <summary>Each line clears what is right of it, and nothing is cleared that is written anew, so nothing flickers. After a full line there is nothing to clear: a terminal would take the last character.</summary>
    internal static string Compose(IEnumerable<string> lines, int width) =>
        "\e[H" + string.Join("\r\n", lines.Select(l => l + (TextWidth.Of(Colours().Replace(l, "")) < width ? "\e[0m\e[K" : "\e[0m")));

    [GeneratedRegex("\e\\[[0-9;]*m")]
    private static partial Regex Colours();

    public void Dispose()
    {
        AppDomain.CurrentDomain.UnhandledException -= OnGoing;
        AppDomain.CurrentDomain.ProcessExit -= OnGoing;
        Leave();
    }

    private void OnGoing(object? sender, EventArgs e) => Leave();
}
