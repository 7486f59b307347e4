using System.Collections.Immutable;
using System.Diagnostics;

namespace Outlast.Diagnostics;

/// <summary>The activities of one call that submits, one a task; nothing at all where nobody listens.</summary>
internal readonly struct SubmitTrace : IDisposable
{
    private readonly ImmutableArray<Activity> _each;

    private SubmitTrace(ImmutableArray<Activity> each) => _each = each;

    /// <summary>Begins them, and has every spec remember its own.</summary>
    public static SubmitTrace Begin(ref ImmutableArray<TaskSubmission> submissions)
    {
        if (!TaskActivities.AreHeard) return default;
        var around = Activity.Current;
        var each = ImmutableArray.CreateBuilder<Activity>(submissions.Length);
        var traced = ImmutableArray.CreateBuilder<TaskSubmission>(submissions.Length);
        foreach (var submission in submissions)
        {
            var activity = TaskActivities.Submit();
            // Side by side: none lies within the one before it.
            Activity.Current = around;
            if (activity is not null) each.Add(activity);
            traced.Add(activity is null ? submission : submission with { Spec = submission.Spec with { TraceParent = activity.Id } });
        }
        submissions = traced.DrainToImmutable();
        return new(each.DrainToImmutable());
    }

    /// <summary>They were accepted.</summary>
    public void Accept(ImmutableArray<TaskRecord> records)
    {
        if (_each.IsDefault || _each.Length != records.Length) return;
        foreach (var (i, activity) in _each.Index()) TaskActivities.Describe(activity, records[i]);
    }

    public void Dispose()
    {
        if (_each.IsDefault) return;
        foreach (var activity in _each) activity.Dispose();
    }
}
