using System.Collections.Immutable;
using System.Text;
using Outlast.Output;

namespace Outlast.Runners.Handlers;

/// <summary>What a handler prints: appended to its attempt's log, each call at once, so that whoever follows sees it. Made when first written to; thread-safe.</summary>
internal sealed class HandlerOutput(string folder, bool isResumed, OutputCapRule? cap) : TextWriter(System.Globalization.CultureInfo.InvariantCulture)
{
    private const int AtOnce = 4096;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);
    private readonly Lock _lock = new();
    // Guarded by _lock: the open log, and what was written char by char and is not yet in it.
    private FileStream? _file;
    private readonly StringBuilder _pending = new();
    // Whether the attempt is over. Read under _lock; set without it where somebody holds that for good.
    private volatile bool _isOver;
    // Most handlers print nothing, and cost no look at the disk. A former host may have left a log that nobody has brought to it.
    private volatile bool _mayBeThere = isResumed;
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

    /// <summary>The attempt is over: takes nothing any more, cuts what the cap does not leave, and brings the rest to the disk, so that an end never tells of output that a power cut takes.</summary>
    /// <returns>What of that could not be done; it costs nobody his end.</returns>
    public ImmutableArray<string> End()
    {
        // Whoever writes to a disk that does not answer holds it for good.
        if (!_lock.TryEnter(Patience))
        {
            _isOver = true;
            return ["the output could not be brought to the disk: it is still being written"];
        }
        try
        {
            if (_isOver) return [];
            if (_mayBeThere || _pending.Length > 0) return EndNeedsLock();
            _isOver = true;
            return [];
        }
        finally
        {
            _lock.Exit();
        }
    }

    /// <summary>Sizes of its log, read now.</summary>
    /// <exception cref="IOException">They cannot be.</exception>
    public OutputFacts Measure() => _mayBeThere ? Measure(folder) : OutputFacts.Empty;

    /// <summary>Sizes of an attempt's log, read now.</summary>
    /// <exception cref="IOException">They cannot be.</exception>
    public static OutputFacts Measure(string folder)
    {
        var log = new FileInfo(LogOf(folder));
        if (!log.Exists) return OutputFacts.Empty;
        try
        {
            return new(log.Length, 0, log.Length > OutputCapRule.Page ? DroppedRange.Of(log.FullName).Length : 0, 0);
        }
        catch (OutputUnreadableException e)
        {
            // To those who look here, what cannot be read is one failure of the disk like any other.
            throw new IOException(e.Message, e);
        }
    }

    protected override void Dispose(bool disposing)
    {
        End();
        base.Dispose(disposing);
    }

    private ImmutableArray<string> EndNeedsLock()
    {
        var failed = ImmutableArray.CreateBuilder<string>();
        Try("what it printed last could not be written", FlushNeedsLock);
        _isOver = true;
        _file?.Dispose();
        _file = null;
        var log = LogOf(folder);
        if (!File.Exists(log)) return failed.ToImmutable();
        if (cap is { } rule) Try("the output is larger than its cap", () => HolePuncher.Enforce(log, rule));
        Try("the output could not be brought to the disk", () =>
        {
            Sync(log);
            if (File.Exists(DroppedRange.FileOf(log))) Sync(DroppedRange.FileOf(log));
        });
        return failed.ToImmutable();

        void Try(string otherwise, Action act)
        {
            try
            {
                act();
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException or OutputUnreadableException)
            {
                failed.Add($"{otherwise}: {e.Message}");
            }
        }
    }

    private static void Sync(string path)
    {
        using var file = File.OpenHandle(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete);
        RandomAccess.FlushToDisk(file);
    }

    private void FlushNeedsLock()
    {
        if (_pending.Length == 0) return;
        // What comes after the end belongs to no attempt any more.
        if (!_isOver)
        {
            _mayBeThere = true;
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
