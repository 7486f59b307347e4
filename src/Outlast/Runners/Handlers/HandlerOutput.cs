using System.Text;
using Outlast.Output;

namespace Outlast.Runners.Handlers;

/// <summary>What a handler prints: appended to its attempt's log, each call at once, so that whoever follows sees it. Made when first written to; thread-safe.</summary>
internal sealed class HandlerOutput(string folder) : TextWriter(System.Globalization.CultureInfo.InvariantCulture)
{
    private const int AtOnce = 4096;
    private readonly Lock _lock = new();
    // Guarded by _lock: the open log, what was written char by char and is not yet in it, and whether the attempt is over.
    private FileStream? _file;
    private readonly StringBuilder _pending = new();
    private bool _isOver;
    private long _writes;

    public static string LogOf(string folder) => Path.Combine(folder, "output.log");

    public override Encoding Encoding { get; } = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false);

    /// <summary>How often something was printed: a sign of life.</summary>
    public long Writes => Interlocked.Read(ref _writes);

    public override void Write(char value)
    {
        lock (_lock)
        {
            _pending.Append(value);
            if (value == '\n' || _pending.Length >= AtOnce && !char.IsHighSurrogate(value)) FlushNeedsLock();
        }
    }

    public override void Write(string? value) => Write(value.AsSpan());

    public override void Write(char[] buffer, int index, int count) => Write(buffer.AsSpan(index, count));

    public override void Write(ReadOnlySpan<char> buffer)
    {
        if (buffer.IsEmpty) return;
        lock (_lock)
        {
            _pending.Append(buffer);
            // Half of a pair waits for the other half.
            if (!char.IsHighSurrogate(buffer[^1])) FlushNeedsLock();
        }
    }

    public override void WriteLine(string? value) => Write((value + "\n").AsSpan());

    public override void WriteLine(ReadOnlySpan<char> buffer)
    {
        lock (_lock)
        {
            _pending.Append(buffer).Append('\n');
            FlushNeedsLock();
        }
    }

    public override void WriteLine() => Write('\n');

    public override void Flush()
    {
        lock (_lock) FlushNeedsLock();
    }

    /// <summary>Gives the open file back: who waits for days needs none.</summary>
    public void Rest()
    {
        lock (_lock)
        {
            FlushNeedsLock();
            _file?.Dispose();
            _file = null;
        }
    }

    public OutputFacts Measure() => Measure(folder, out _);

    /// <summary>Sizes of an attempt's log, read now.</summary>
    public static OutputFacts Measure(string folder, out DateTimeOffset? changedAt)
    {
        var log = new FileInfo(LogOf(folder));
        changedAt = null;
        if (!log.Exists) return OutputFacts.Empty;
        changedAt = new DateTimeOffset(log.LastWriteTimeUtc, TimeSpan.Zero);
        return new(log.Length, 0, log.Length > OutputCapRule.Page ? DroppedRange.Of(log.FullName).Length : 0, 0);
    }

    protected override void Dispose(bool disposing)
    {
        lock (_lock)
        {
            if (_isOver) return;
            try
            {
                FlushNeedsLock();
            }
            finally
            {
                _isOver = true;
                _file?.Dispose();
                _file = null;
            }
        }
        base.Dispose(disposing);
    }

    private void FlushNeedsLock()
    {
        if (_pending.Length == 0) return;
        // What comes after the end belongs to no attempt any more.
        if (!_isOver)
        {
            _file ??= Open();
            _file.Write(Encoding.GetBytes(_pending.ToString()));
            Interlocked.Increment(ref _writes);
        }
        _pending.Clear();
    }

    private FileStream Open()
    {
        var options = new FileStreamOptions { Mode = FileMode.Append, Access = FileAccess.Write, Share = FileShare.ReadWrite | FileShare.Delete, BufferSize = 0 };
        if (OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(folder);
        }
        else
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
            Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
        return new FileStream(LogOf(folder), options);
    }
}
