using System.Collections.Immutable;
using System.Diagnostics.Metrics;
using Outlast.Diagnostics;
using Outlast.Storage;

namespace Outlast.Hosting;

/// <summary>What the store holds open, for the meter's gauges. Who reads a gauge is not made to wait for a disk: shown is what was counted at the reading before, and each reading has it counted anew.</summary>
internal sealed class HostGauges(ITaskStore store, TimeProvider time)
{
    private static readonly TimeSpan Fresh = TimeSpan.FromSeconds(1);
    private static readonly TaskState[] Open = [TaskState.Queued, TaskState.Running, TaskState.Waiting, TaskState.Stopping];
    private readonly Lock _lock = new();
    // Guarded by _lock: what was counted last, when, and whether it is being counted.
    private ImmutableArray<Measurement<long>> _tasks = [], _notices = [];
    private long _countedAt;
    private bool _counts;

    public IEnumerable<Measurement<long>> Tasks => Read().Tasks;

    public IEnumerable<Measurement<long>> Notices => Read().Notices;

    /// <summary>Counts now.</summary>
    public async Task CountAsync(CancellationToken cancel)
    {
        var states = await store.CountAsync(cancel);
        var sessions = await store.SessionsAsync(cancel: cancel);
        lock (_lock)
        {
            _tasks = [.. Open.Select(s => new Measurement<long>(states.GetValueOrDefault(s), TaskMeter.Tag(TelemetryNames.TaskState, s)))];
            _notices = [new(sessions.Sum(s => (long)s.Queued + s.HandedOver))];
            _countedAt = time.GetTimestamp();
        }
    }

    private (ImmutableArray<Measurement<long>> Tasks, ImmutableArray<Measurement<long>> Notices) Read()
    {
        lock (_lock)
        {
            if (!_counts && time.GetElapsedTime(_countedAt) >= Fresh)
            {
                _counts = true;
                _ = Task.Run(RecountAsync);
            }
            return (_tasks, _notices);
        }
    }

    private async Task RecountAsync()
    {
        try
        {
            await CountAsync(CancellationToken.None);
        }
        catch (Exception e) when (e is OutlastException or ObjectDisposedException)
        {
            // The store's own failure is told elsewhere; what was counted last stays.
        }
        finally
        {
            lock (_lock) _counts = false;
        }
    }
}
