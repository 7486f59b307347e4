using System.Collections.Immutable;
using System.Diagnostics.Metrics;

namespace Outlast.Diagnostics;

/// <summary>Counts and times tasks for whoever listens to the <see cref="Meter"/> named <c>Outlast</c>. Where nobody does, a commit costs one look.</summary>
internal sealed class TaskMeter : IDisposable
{
    private readonly Meter _meter;
    private readonly Counter<long> _submitted, _started, _ended;
    private readonly Histogram<double> _queued, _ran, _stopped;

    /// <param name="meters">The program's meters, which then own this one; none: it is its own.</param>
    public TaskMeter(IMeterFactory? meters = null)
    {
        MeterOptions options = new(TelemetryNames.Source) { Version = TelemetryNames.Version };
        _meter = meters?.Create(options) ?? new(options);
        _submitted = _meter.CreateCounter<long>(TelemetryNames.Submitted, TelemetryNames.Tasks, "Tasks that were accepted");
        _started = _meter.CreateCounter<long>(TelemetryNames.Started, TelemetryNames.Tasks, "Attempts that began to run here, again after a suspension too");
        _ended = _meter.CreateCounter<long>(TelemetryNames.Ended, TelemetryNames.Tasks, "Tasks that ended");
        _queued = _meter.CreateHistogram<double>(TelemetryNames.QueueDuration, TelemetryNames.Seconds, "From the submit to the first start");
        _ran = _meter.CreateHistogram<double>(TelemetryNames.Duration, TelemetryNames.Seconds, "From the first start to the end");
        _stopped = _meter.CreateHistogram<double>(TelemetryNames.StopDuration, TelemetryNames.Seconds, "From the request to stop to the end");
    }

    public Meter Meter => _meter;

    /// <summary>Lets gauges be read; what they show is read when somebody asks.</summary>
    public void Show(Func<IEnumerable<Measurement<long>>> open, Func<IEnumerable<Measurement<long>>> notices)
    {
        _meter.CreateObservableGauge(TelemetryNames.Open, open, TelemetryNames.Tasks, "Tasks that have not ended");
        _meter.CreateObservableGauge(TelemetryNames.OpenNotices, notices, TelemetryNames.Notices, "Notices that nobody has acknowledged");
    }

    /// <summary>An attempt begins, or goes on from its journal.</summary>
    public void Start(TaskRecord claimed)
    {
        var kind = Tag(TelemetryNames.TaskKind, claimed.Spec.Kind);
        _started.Add(1, kind);
        if (_queued.Enabled && claimed is { Attempt: 1, Resumes: false, StartedAt: { } at }) _queued.Record((at - claimed.CreatedAt).TotalSeconds, kind);
    }

    /// <summary>What a commit has made durable.</summary>
    public void Count(ImmutableArray<TaskRecord> records, ImmutableArray<TaskEvent> events)
    {
        if (!_submitted.Enabled && !_ended.Enabled && !_ran.Enabled && !_stopped.Enabled || events.IsDefaultOrEmpty) return;
        foreach (var what in events)
        {
            if (what.Type is not (TaskEventType.Submitted or TaskEventType.Ended) || records.FirstOrDefault(r => r.Id == what.Task) is not { } record) continue;
            if (what.Type is TaskEventType.Submitted) _submitted.Add(1, Tag(TelemetryNames.TaskKind, record.Spec.Kind));
            else if (record.End is { } end) CountEnd(record, end);
        }
    }

    public void Dispose() => _meter.Dispose();

    internal static KeyValuePair<string, object?> Tag<T>(string name, T value) where T : struct, Enum => new(name, Names.Of(value));

    private void CountEnd(TaskRecord record, TaskEnd end)
    {
        var (kind, state, cause) = (Tag(TelemetryNames.TaskKind, record.Spec.Kind), Tag(TelemetryNames.TaskState, end.State), Tag(TelemetryNames.TaskCause, end.Cause));
        _ended.Add(1, kind, state, cause);
        if (record is { StartedAt: { } started, EndedAt: { } ended }) _ran.Record((ended - started).TotalSeconds, kind, state, cause);
        if (record is { Stop.RequestedAt: var asked, EndedAt: { } over }) _stopped.Record((over - asked).TotalSeconds, kind, state, cause);
    }
}
