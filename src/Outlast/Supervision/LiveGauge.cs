using System.Collections.Immutable;
using Microsoft.Extensions.Logging;
using Outlast.Diagnostics;
using Outlast.Runners;

namespace Outlast.Supervision;

/// <summary>Measures attempts for somebody who looks on. The watchdog's clocks hear nothing of it: who is watched must not seem more alive for it.</summary>
internal sealed class LiveGauge(TimeProvider time, ILogger<LiveGauge> log)
{
    /// <summary>What each uses now; one that cannot be measured is absent.</summary>
    public ImmutableDictionary<TaskId, LiveFacts> Measure(IReadOnlyCollection<LiveAttempt> attempts)
    {
        var measured = ImmutableDictionary.CreateBuilder<TaskId, LiveFacts>();
        foreach (var group in attempts.GroupBy(a => a.Runner))
        {
            var failures = new Dictionary<TaskId, Exception>();
            var vitals = group.Key.Measure([.. group.Select(a => a.Context)], failures);
            var now = time.GetTimestamp();
            foreach (var attempt in group)
            {
                if (vitals.TryGetValue(attempt.Id, out var seen)) measured[attempt.Id] = attempt.Rates.Note(seen, now, time);
                if (failures.TryGetValue(attempt.Id, out var failure)) log.WatchFailed(failure.Message, attempt.Id);
            }
        }
        return measured.ToImmutable();
    }
}

/// <summary>Makes rates of one attempt's measurements. Several may look on: measurements closer together than the system counts CPU time exactly share a rate.</summary>
internal sealed class RateMeter
{
    private static readonly TimeSpan Shortest = TimeSpan.FromMilliseconds(500);
    private readonly Lock _lock = new();
    // Guarded by _lock: the measurement that the next rate counts from, and the rates up to it.
    private AttemptVitals? _base;
    private long _baseAt;
    private double? _cpuPercent, _bytesPerSecond;

    public LiveFacts Note(AttemptVitals now, long at, TimeProvider time)
    {
        lock (_lock)
        {
            if (_base is not { } before) (_base, _baseAt) = (now, at);
            else if (time.GetElapsedTime(_baseAt, at) is var span && span >= Shortest)
            {
                _cpuPercent = Math.Max(0, (now.Cpu - before.Cpu) / span * 100);
                _bytesPerSecond = Math.Max(0, Printed(now) - Printed(before)) / span.TotalSeconds;
                (_base, _baseAt) = (now, at);
            }
            return new LiveFacts(now.Cpu, now.MemoryBytes, now.Processes, _cpuPercent, _bytesPerSecond);
        }
    }

    private static long Printed(AttemptVitals vitals) => vitals.Output.Bytes + vitals.Output.ErrorBytes;
}
