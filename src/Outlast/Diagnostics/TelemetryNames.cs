namespace Outlast.Diagnostics;

/// <summary>The one vocabulary of what is measured and traced. docs/telemetry.md shows it, and a test holds both to each other: a name that changes its meaning or goes needs a new <see cref="Version"/>.</summary>
internal static class TelemetryNames
{
    /// <summary>The name of the source of activities, and of the meter.</summary>
    public const string Source = "Outlast";

    /// <summary>The vocabulary's version, as source and meter carry it.</summary>
    public const string Version = "1.0";

    public const string Submit = "outlast.submit", Attempt = "outlast.attempt";

    public const string TaskId = "outlast.task.id", TaskNumber = "outlast.task.number", TaskKind = "outlast.task.kind", TaskSubject = "outlast.task.subject", TaskRoot = "outlast.task.root",
        TaskAttempt = "outlast.task.attempt", TaskAdopted = "outlast.task.adopted", TaskState = "outlast.task.state", TaskCause = "outlast.task.cause";

    public const string Submitted = "outlast.task.submitted", Started = "outlast.task.started", Ended = "outlast.task.ended", Open = "outlast.task.open", OpenNotices = "outlast.notice.open",
        QueueDuration = "outlast.task.queue.duration", Duration = "outlast.task.duration", StopDuration = "outlast.task.stop.duration";

    public const string Tasks = "{task}", Notices = "{notice}", Seconds = "s";
}
