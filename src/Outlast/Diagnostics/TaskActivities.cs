using System.Diagnostics;
using System.Globalization;

namespace Outlast.Diagnostics;

/// <summary>The activities of tasks, for whoever listens to the <see cref="ActivitySource"/> named <c>Outlast</c>: one for each submit, one for each attempt that a host follows.</summary>
/// <remarks>An attempt belongs to the submit that asked for it, through every host: the spec keeps where that was. What an attempt submits in its turn belongs to the attempt.</remarks>
internal static class TaskActivities
{
    private static readonly ActivitySource Source = new(TelemetryNames.Source, TelemetryNames.Version);

    /// <summary>Begins a submit; none where nobody listens.</summary>
    public static Activity? Submit() => Source.StartActivity(TelemetryNames.Submit, ActivityKind.Producer);

    /// <summary>Whether anybody listens.</summary>
    public static bool AreHeard => Source.HasListeners();

    /// <summary>Begins to follow an attempt; none where nobody listens.</summary>
    public static Activity? Follow(TaskRecord record, bool adopted)
    {
        if (!AreHeard) return null;
        // Whoever woke the host has nothing to do with it.
        if (!ActivityContext.TryParse(record.Spec.TraceParent, null, isRemote: true, out var parent)) Activity.Current = null;
        var activity = Source.StartActivity(TelemetryNames.Attempt, ActivityKind.Consumer, parent);
        Describe(activity, record);
        activity?.SetTag(TelemetryNames.TaskAttempt, record.Attempt);
        if (adopted) activity?.SetTag(TelemetryNames.TaskAdopted, true);
        return activity;
    }

    /// <summary>The host follows it no more; where the task has ended with it, how.</summary>
    public static void Conclude(Activity? activity, TaskRecord record)
    {
        if (activity is null || record.End is not { } end) return;
        activity.SetTag(TelemetryNames.TaskState, Names.Of(end.State)).SetTag(TelemetryNames.TaskCause, Names.Of(end.Cause));
        if (end.State is TaskState.Failed or TaskState.TimedOut or TaskState.Lost) activity.SetStatus(ActivityStatusCode.Error, end.Reason);
    }

    /// <summary>Which task it is about.</summary>
    public static void Describe(Activity? activity, TaskRecord record) => activity?
        .SetTag(TelemetryNames.TaskId, record.Id.ToString()).SetTag(TelemetryNames.TaskNumber, record.Number.ToString(CultureInfo.InvariantCulture))
        .SetTag(TelemetryNames.TaskKind, Names.Of(record.Spec.Kind)).SetTag(TelemetryNames.TaskSubject, record.Spec.Subject).SetTag(TelemetryNames.TaskRoot, record.Root.ToString());
}
