using System.Collections.Immutable;

namespace Outlast.Lifecycle;

/// <summary>The life of a task, decided in one place: pure, no clock, no I/O.</summary>
internal static partial class TaskLifecycle
{
    /// <summary>The first record of a task, and its event.</summary>
    /// <param name="id">Its id.</param>
    /// <param name="spec">What to run.</param>
    /// <param name="parent">Its parent as it is now; none at the top of a tree.</param>
    /// <param name="actor">Who submitted it.</param>
    /// <param name="at">When.</param>
    public static Decision.Changed Submit(TaskId id, TaskSpec spec, TaskRecord? parent, Actor actor, DateTimeOffset at) => throw new NotImplementedException();

    /// <summary>What <paramref name="transition"/> does to <paramref name="record"/>.</summary>
    public static Decision Apply(TaskRecord record, Transition transition) => throw new NotImplementedException();
}
