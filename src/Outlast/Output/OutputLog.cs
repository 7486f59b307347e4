namespace Outlast.Output;

/// <summary>A log of output, read by offset. A log that is not there is empty; one that cannot be read is an error, never emptiness.</summary>
/// <remarks>Not thread-safe. Opens its file when it is first there, and keeps it open once it holds something.</remarks>
/// <param name="path">The file.</param>
public sealed class OutputLog(string path) : IDisposable
{
    private const int ScanBlock = 64 * 1024;
    private LogFile? _file;

    /// <summary>The file.</summary>
    public string Path { get; } = path;

    /// <summary>Whether the file is there.</summary>
    /// <exception cref="OutputUnreadableException">It cannot be opened.</exception>
    public bool Exists => Open() is not null;

    /// <summary>The size, now.</summary>
    /// <exception cref="OutputUnreadableException">It cannot be read.</exception>
    public long Size() => Open()?.Size(Path) ?? 0;

    /// <summary>Reads what is there at an offset; 0: nothing, yet.</summary>
    /// <exception cref="OutputUnreadableException">It cannot be read.</exception>
    public int Read(long offset, Span<byte> buffer) => Open()?.Read(Path, buffer, offset) ?? 0;

    /// <summary>The offset at which the last <paramref name="lines"/> lines before <paramref name="size"/> begin; a last line without its newline counts.</summary>
    /// <exception cref="OutputUnreadableException">It cannot be read.</exception>
    public long FindLastLines(long lines, long size)
    {
        if (lines <= 0) return size;
        var block = new byte[ScanBlock];
        // The newline at the very end closes the last line; it does not begin another one.
        for (var end = size - 1; end > 0;)
        {
            var start = Math.Max(0, end - ScanBlock);
            var here = block.AsSpan(0, (int)(end - start));
            var count = Read(start, here);
            for (here = here[..count]; here.LastIndexOf((byte)'\n') is >= 0 and var newline; here = here[..newline])
                if (--lines == 0) return start + newline + 1;
            end = start;
        }
        return 0;
    }

    /// <inheritdoc/>
    public void Dispose() => _file?.Dispose();

    private LogFile? Open()
    {
        // An empty log may be that of a start that came to nothing: its folder is then made anew, and the log with it.
        if (_file is { } open && open.Size(Path) == 0) Close();
        return _file ??= LogFile.Open(Path);
    }

    private void Close()
    {
        _file?.Dispose();
        _file = null;
    }
}

/// <summary>Output that is there cannot be read.</summary>
public sealed class OutputUnreadableException(string path, string reason) : OutlastException($"The output in '{path}' cannot be read: {reason}.")
{
    /// <summary>The file.</summary>
    public string Path { get; } = path;
}
