using System.Globalization;
using System.Text;
using Outlast.Cli.Calling;

namespace Outlast.Cli.Rendering;

/// <summary>Where the program writes: two descriptors, each a terminal or not.</summary>
/// <remarks>Writes go straight to the descriptors: .NET's console swallows a broken pipe, and its file streams keep positions of their own.</remarks>
internal sealed class Terminal
{
    private readonly Stream _out = new(1, "output");
    private readonly Stream _error = new(2, "error");
    private readonly Lock _line = new();

    public Terminal(Caller caller)
    {
        OutIsTerminal = _out.IsTerminal;
        ErrorIsTerminal = _error.IsTerminal;
        var plain = caller.Variable("NO_COLOR") is not null || caller.Variable("TERM") is null or "dumb";
        Ink = OutIsTerminal && !plain;
        ErrorInk = ErrorIsTerminal && !plain;
        Width = int.TryParse(caller.Variable("COLUMNS"), NumberStyles.None, CultureInfo.InvariantCulture, out var columns) && columns > 0 ? columns
            : _out.Columns is > 0 and var measured ? measured : 80;
    }

    public bool OutIsTerminal { get; }

    public bool ErrorIsTerminal { get; }

    /// <summary>Whether standard output may be coloured.</summary>
    public bool Ink { get; }

    public int Width { get; }

    private bool ErrorInk { get; }

    /// <summary>Writes a line to standard output.</summary>
    public void Line(string text) => _out.Write(Encoding.UTF8.GetBytes(text + "\n"));

    /// <summary>Tells the person something: <c>outlast: …</c> on standard error.</summary>
    public void Say(string text) => SayMore((ErrorInk ? Rendering.Ink.Dim("outlast: ") : "outlast: ") + ControlSequences.Escape(text));

    /// <summary>A further line of what was said.</summary>
    public void SayMore(string line)
    {
        // Whether anybody listens to it changes nothing.
        lock (_line) _error.TryWrite(Encoding.UTF8.GetBytes(line + "\n"));
    }

    public void Write(ReadOnlySpan<byte> bytes) => _out.Write(bytes);

    public void WriteError(ReadOnlySpan<byte> bytes) => _error.Write(bytes);

    private sealed class Stream(int descriptor, string name)
    {
        public bool IsTerminal => LibC.IsTerminal(descriptor);

        public int Columns => LibC.Columns(descriptor);

        public int TryWrite(ReadOnlySpan<byte> bytes) => LibC.WriteAll(descriptor, bytes);

        public void Write(ReadOnlySpan<byte> bytes)
        {
            var error = TryWrite(bytes);
            if (error == LibC.EPIPE) throw new ReaderGoneException();
            if (error != 0) throw new IOException($"cannot write to standard {name}: error {error}");
        }
    }
}

/// <summary>Whoever read our output does not want more of it, as <c>head</c>.</summary>
internal sealed class ReaderGoneException() : IOException("Nobody reads on.");
