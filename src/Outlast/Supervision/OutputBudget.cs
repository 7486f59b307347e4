using Microsoft.Extensions.Logging;
using Outlast.Diagnostics;
using Outlast.Lifecycle;
using Outlast.Output;
using Outlast.Runners.Processes;
using Outlast.Storage;

namespace Outlast.Supervision;

/// <summary>How much all output together may take.</summary>
public sealed class OutputBudgetOptions
{
    /// <summary>More than that, or more than 20 % of a smaller disk, and the output of what ended first goes. None: no budget.</summary>
    /// <value>20 GiB.</value>
    public long? Budget { get; init; } = 20L << 30;
}

/// <summary>Keeps all output together within its budget: the output of the tasks that ended first goes, their records stay and say so. Never touches the output of an open task, nor one that is still written.</summary>
/// <remarks>Between two walks over the folders it only adds up what ended since; it walks when that may be too much, and now and then.</remarks>
internal sealed class OutputBudget(ITaskStore store, TaskLedger ledger, TaskFeed feed, DataFolder folder, OutputBudgetOptions options, DiskProbe disk, TimeProvider time, ILogger<OutputBudget> log)
{
    private static readonly TimeSpan Every = TimeSpan.FromMinutes(1), BetweenWalks = TimeSpan.FromHours(1);
    private const int PercentOfSmallDisk = 20;
    private long? _walkedAt;
    private long _known;

    private long? Most => options.Budget is not { } budget ? null : disk.Read() is var (_, total) ? Math.Min(budget, total / 100 * PercentOfSmallDisk) : budget;

    /// <summary>Looks until <paramref name="letGo"/>.</summary>
    public async Task KeepWithinAsync(CancellationToken letGo)
    {
        if (options.Budget is null) return;
        feed.Ended += Count;
        try
        {
            using var timer = new PeriodicTimer(Every, time);
            while (await timer.WaitForNextTickAsync(letGo))
            {
                if (_walkedAt is { } at && time.GetElapsedTime(at) < BetweenWalks && Interlocked.Read(ref _known) <= Most) continue;
                try
                {
                    await KeepOnceAsync(letGo);
                }
                catch (Exception e) when (!letGo.IsCancellationRequested)
                {
                    log.BudgetFailed(e.Message);
                }
            }
        }
        finally
        {
            feed.Ended -= Count;
        }
    }

    /// <summary>Walks, and removes what is too much.</summary>
    /// <returns>How many tasks lost their output.</returns>
    public async Task<int> KeepOnceAsync(CancellationToken letGo)
    {
        Interlocked.Exchange(ref _known, 0);
        _walkedAt = time.GetTimestamp();
        var outputs = Directory.Exists(folder.Tasks) ? Directory.EnumerateDirectories(folder.Tasks).Select(Measure).OfType<TaskFiles>().ToList() : [];
        var total = outputs.Sum(o => o.Bytes);
        var removed = 0;
        if (Most is { } most)
        {
            foreach (var output in outputs.OrderBy(o => o.LastChange))
            {
                if (total <= most) break;
                if (!await RemoveAsync(output, most, letGo)) continue;
                total -= output.Bytes;
                removed++;
            }
        }
        Interlocked.Add(ref _known, total);
        return removed;
    }

    private void Count(TaskRecord ended) => Interlocked.Add(ref _known, ended.Output.Bytes + ended.Output.ErrorBytes - ended.Output.DroppedBytes);

    /// <summary>The record says it first, so that a reader of a removed output is never told that it is empty.</summary>
    private async Task<bool> RemoveAsync(TaskFiles output, long most, CancellationToken letGo)
    {
        if (output.Logs.Any(l => !OutputGauge.IsKeeperGone(l))) return false;
        if (await store.FindAsync(output.Id, letGo) is not { } record || !record.State.IsTerminal()) return false;
        if (record.Output.RemovedAt is null)
        {
            var reason = $"all output together took more than {ByteSize.Describe(most)} (setting output.budget), and this was among the oldest";
            await ledger.ApplyAsync(output.Id, _ => Transition.OutputRemoved(reason, time.GetUtcNow()), letGo);
        }
        foreach (var log in output.Logs)
        {
            foreach (var file in (ReadOnlySpan<string>)[log, DroppedRange.FileOf(log), OutputTimes.FileOf(log)]) File.Delete(file);
        }
        return true;
    }

    private static TaskFiles? Measure(string path)
    {
        if (!TaskId.TryParse(Path.GetFileName(path), out var id)) return null;
        try
        {
            var logs = new DirectoryInfo(path).EnumerateFiles("*.log", SearchOption.AllDirectories).Where(f => f.Length > 0).ToList();
            if (logs.Count == 0) return null;
            return new(id, [.. logs.Select(l => l.FullName)], logs.Sum(l => l.Length - DroppedRange.Of(l.FullName).Length), logs.Max(l => l.LastWriteTimeUtc));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or OutputUnreadableException)
        {
            // It is just being removed; or it is counted at the next walk.
            return null;
        }
    }

    private sealed record TaskFiles(TaskId Id, IReadOnlyList<string> Logs, long Bytes, DateTime LastChange);
}
