namespace Outlast.Output;

/// <summary>A log of output, read by offset. A log that is not there is empty; one that cannot be read is an error, never emptiness.</summary>
/// <remarks>Not thread-safe. Opens its file when it is first there, and keeps it open once it holds something.</remarks>
/// <param name="path">The file.</param>
public sealed class OutputLog(string path) : IDisposable
{
    private const int ScanBlock = 64 * 1024;
    private LogFile? _file, _dropped;

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

    /// <summary>What its cap has removed, now. Asked after a reading, it tells which of the bytes may be those of a hole.</summary>
    /// <exception cref="OutputUnreadableException">That cannot be read.</exception>
    public DroppedRange Dropped() => (_dropped ??= LogFile.Open(DroppedRange.FileOf(Path))) is { } file ? DroppedRange.Read(file, Path) : DroppedRange.None;

    /// <summary>The offset at which the last <paramref name="lines"/> lines before <paramref name="size"/> begin, as far as they are there; a last line without its newline counts.</summary>
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
            here = here[..Read(start, here)];
            // Lines whose beginning is gone begin after the gap; nobody knows how many were in it.
            var gone = Dropped().To;
            if (gone >= end) return gone;
            if (gone > start) here = here[(int)Math.Min(here.Length, gone - start)..];
            var first = Math.Max(start, gone);
            for (; here.LastIndexOf((byte)'\n') is >= 0 and var newline; here = here[..newline])
                if (--lines == 0) return first + newline + 1;
            if (first > start) return first;
            end = start;
        }
        return 0;
    }

    /// <inheritdoc/>
    public void Dispose() => Close();

    private LogFile? Open()
    {
        // An empty log may be that of a start that came to nothing: its folder is then made anew, and the log with it.
        if (_file is { } open && open.Size(Path) == 0) Close();
        return _file ??= LogFile.Open(Path);
    }

    private void Close()
    {
        _file?.Dispose();
        _dropped?.Dispose();
        (_file, _dropped) = (null, null);
    }
}

/// <summary>Output that is there cannot be read.</summary>
public sealed class OutputUnreadableException(string path, string reason) : OutlastException($"The output in '{path}' cannot be read: {reason}.")
{
    /// <summary>The file.</summary>
    public string Path { get; } = path;
}
