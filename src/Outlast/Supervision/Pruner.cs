using Microsoft.Extensions.Logging;
using Outlast.Diagnostics;
using Outlast.Storage;

namespace Outlast.Supervision;

/// <summary>How long what has ended is kept.</summary>
public sealed class PrunerOptions
{
    /// <summary>From a task's end to the removal of its record and output.</summary>
    /// <value>30 days.</value>
    public TimeSpan Tasks { get; init; } = TimeSpan.FromDays(30);

    /// <summary>From that removal to the removal of the tombstone. Afterwards the id answers like one that was never known.</summary>
    /// <value>One year.</value>
    public TimeSpan Tombstones { get; init; } = TimeSpan.FromDays(365);

    /// <summary>How long a notice waits to be acknowledged; then it is dropped, in plain sight, and keeps its task no longer.</summary>
    /// <value>90 days.</value>
    public TimeSpan Notices { get; init; } = TimeSpan.FromDays(90);

    /// <summary>How often it looks.</summary>
    /// <value>One hour.</value>
    public TimeSpan Every { get; init; } = TimeSpan.FromHours(1);
}

/// <summary>Removes ended tasks after their retention, counted from the end; leaves tombstones. Never touches an open task.</summary>
internal sealed class Pruner(ITaskStore store, TaskFeed feed, DataFolder folder, PrunerOptions options, TimeProvider time, ILogger<Pruner> log)
{
    private const int Batch = 100;
    private bool _unfinished = true;
    private int _neverFetched;

    /// <summary>How many notices this host has dropped because nobody acknowledged them.</summary>
    public int NeverFetched => Volatile.Read(ref _neverFetched);

    /// <summary>Prunes now and then. Never ends before <paramref name="letGo"/>.</summary>
    public async Task KeepPruningAsync(CancellationToken letGo)
    {
        using var timer = new PeriodicTimer(options.Every, time);
        do
        {
            try
            {
                if (_unfinished) await FinishFormerRemovalsAsync(letGo);
                await PruneAsync(letGo);
            }
            catch (Exception e) when (!letGo.IsCancellationRequested)
            {
                log.PruneFailed(e.Message);
            }
        }
        while (await timer.WaitForNextTickAsync(letGo));
    }

    /// <summary>Removes what is due.</summary>
    /// <returns>How many records became tombstones.</returns>
    public async Task<int> PruneAsync(CancellationToken letGo)
    {
        var now = time.GetUtcNow();
        await DropNeverFetchedAsync(now - options.Notices, letGo);
        var removed = 0;
        while (true)
        {
            var due = await store.ListExpiredAsync(now - options.Tasks, Batch, letGo);
            if (due.IsEmpty) break;
            var tombstones = await store.RemoveAsync(due, now, $"kept for {Duration.Format(options.Tasks)} after its end", letGo);
            if (tombstones.IsEmpty) break;
            foreach (var tombstone in tombstones) Follow(tombstone);
            removed += tombstones.Length;
        }
        await store.ForgetAsync(now - options.Tombstones, now - options.Tasks, letGo);
        return removed;
    }

    private async Task DropNeverFetchedAsync(DateTimeOffset before, CancellationToken letGo)
    {
        var reason = $"nobody acknowledged it for {Duration.Format(options.Notices)}";
        foreach (var session in await store.AddresseesAsync(letGo))
        {
            var dropped = 0;
            while (true)
            {
                var old = await store.NoticesAsync(new() { Session = session, Before = before, Limit = Batch }, letGo);
                if (old.IsEmpty) break;
                dropped += (await store.MoveNoticesAsync(new(NoticeDelivery.Dropped) { Session = session, Keys = [.. old.Select(n => n.Key)], Reason = reason }, letGo)).Length;
                if (old.Length < Batch) break;
            }
            if (dropped == 0) continue;
            Interlocked.Add(ref _neverFetched, dropped);
            log.NoticesDropped(dropped, session, reason);
        }
    }

    /// <summary>Removes one task that has ended, now; none if it is not there any more, or open.</summary>
    public async Task<Tombstone?> RemoveAsync(TaskId id, string reason, CancellationToken cancel)
    {
        cancel.ThrowIfCancellationRequested();
        if (await store.RemoveAsync([id], time.GetUtcNow(), reason, CancellationToken.None) is not [var tombstone]) return null;
        Follow(tombstone);
        return tombstone;
    }

    /// <summary>The record is gone; its files go with it.</summary>
    private void Follow(Tombstone tombstone)
    {
        Milestone.Reach(Milestone.TombstoneCommitted, tombstone.Id);
        RemoveFiles(tombstone.Id);
        Milestone.Reach(Milestone.FilesRemoved, tombstone.Id);
        feed.Nudge();
    }

    /// <summary>The tombstone comes first, the files after it; a host that died between the two has left the files.</summary>
    private async Task FinishFormerRemovalsAsync(CancellationToken letGo)
    {
        _unfinished = false;
        if (!Directory.Exists(folder.Tasks)) return;
        foreach (var path in Directory.EnumerateDirectories(folder.Tasks))
        {
            letGo.ThrowIfCancellationRequested();
            if (TaskId.TryParse(Path.GetFileName(path), out var id) && await store.FindTombstoneAsync(id, letGo) is not null) RemoveFiles(id);
        }
    }

    private void RemoveFiles(TaskId id)
    {
        try
        {
            Directory.Delete(folder.Task(id), recursive: true);
        }
        catch (DirectoryNotFoundException)
        {
            // It never started, or a former host came that far.
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // A leftover may still be writing there.
            _unfinished = true;
            log.PruneFailed(e.Message);
        }
    }
}
