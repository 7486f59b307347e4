using System.Runtime.InteropServices;
using Outlast.Output;

namespace Outlast.Runners.Processes;

/// <summary>Sizes of an attempt's logs; never reads them.</summary>
internal sealed class OutputGauge(AttemptFolder folder)
{
    private const long WorthSending = 2L << 20;
    private readonly Lock _gate = new();
    // Guarded by _gate:
    private long _seen, _cut, _sentOutput, _sentError;

    public OutputFacts Measure() => Measure(out _);

    /// <exception cref="IOException">A log cannot be looked at; that does not mean that it is empty.</exception>
    public OutputFacts Measure(out DateTimeOffset? changedAt)
    {
        var (bytes, at) = Look(folder.Output);
        var (errorBytes, errorAt) = Look(folder.Error);
        changedAt = (bytes ?? 0) + (errorBytes ?? 0) == 0 ? null : errorAt is null || at > errorAt ? at : errorAt;
        var lost = (bytes is null ? 0 : AttemptFolder.ReadLost(folder.Output)) + (errorBytes is null ? 0 : AttemptFolder.ReadLost(folder.Error));
        var dropped = Dropped(folder.Output, bytes) + Dropped(folder.Error, errorBytes);
        lock (_gate)
        {
            var now = (bytes ?? 0) + (errorBytes ?? 0);
            if (now < _seen) _cut += _seen - now;
            _seen = now;
            return new OutputFacts(bytes ?? 0, errorBytes ?? 0, dropped, lost + _cut);
        }
    }

    /// <summary>Takes out of logs that have no keeper what their cap does not leave.</summary>
    /// <exception cref="IOException">It could not be done.</exception>
    public void Cut(ProcessSpec spec)
    {
        if (OutputCapRule.WithoutKeeper(spec) is not { } rule) return;
        foreach (var log in (string[])[folder.Output, folder.Error])
        {
            Try(() =>
            {
                HolePuncher.Enforce(log, rule);
                return true;
            });
        }
    }

    /// <summary>Has much output begin its way to the disk while it grows, so that the sync at the end finds less to do. A help and no promise: that it fails shows at the end.</summary>
    /// <returns>Whether there was much since the last time.</returns>
    public bool SendAhead()
    {
        lock (_gate) return SendAhead_NeedsLock(folder.Output, ref _sentOutput) | SendAhead_NeedsLock(folder.Error, ref _sentError);
    }

    private static bool SendAhead_NeedsLock(string log, ref long sent)
    {
        var file = new FileInfo(log);
        if (!file.Exists || file.Length is var size && size - sent < WorthSending) return false;
        using var written = Descriptor.TryOpen(log, LibC.WriteOnly, out _);
        if (written is not null) _ = LibC.SyncFileRange(written.Number, sent, size - sent, LibC.BeginWriting);
        sent = size;
        return true;
    }

    /// <summary>Brings what was written to the disk itself.</summary>
    public void Sync()
    {
        foreach (var path in (ReadOnlySpan<string>)[folder.Output, folder.Error])
        {
            if (Look(path).Bytes is null or 0) continue;
            using var log = Descriptor.TryOpen(path, LibC.WriteOnly, out _);
            if (log is not null && LibC.FdataSync(log.Number) != 0) throw SystemCallException.Last("fdatasync", path);
            using var dropped = Descriptor.TryOpen(DroppedRange.FileOf(path), LibC.WriteOnly, out _);
            if (dropped is not null && LibC.FdataSync(dropped.Number) != 0) throw SystemCallException.Last("fdatasync", path);
        }
    }

    /// <summary>Whether the log's keeper has ended: it holds a lock as long as it lives.</summary>
    public static bool IsKeeperGone(string log)
    {
        using var lost = Descriptor.TryOpen(AttemptFolder.LostOf(log), LibC.ReadOnly, out _);
        return lost is null || LibC.Flock(lost.Number, LibC.LockShared | LibC.LockNonBlocking) == 0 || Marshal.GetLastPInvokeError() != LibC.EAGAIN;
    }

    /// <summary>Of what is smaller than a page nothing can be gone: most logs are, and cost no look.</summary>
    private static long Dropped(string log, long? bytes) => bytes > OutputCapRule.Page ? Try(() => DroppedRange.Of(log).Length) : 0;

    /// <summary>To those who look here, what cannot be read is one failure of the disk like any other.</summary>
    private static T Try<T>(Func<T> look)
    {
        try
        {
            return look();
        }
        catch (OutputUnreadableException e)
        {
            throw new IOException(e.Message, e);
        }
    }

    private static (long? Bytes, DateTimeOffset? At) Look(string path)
    {
        var file = new FileInfo(path);
        // Most commands have one log only, and an exception costs more than all the rest.
        if (!file.Exists && LibC.Access(path, LibC.Existence) != 0 && Marshal.GetLastPInvokeError() is LibC.ENOENT or LibC.ENOTDIR) return (null, null);
        try
        {
            return (file.Length, new DateTimeOffset(file.LastWriteTimeUtc, TimeSpan.Zero));
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return (null, null);
        }
    }
}
