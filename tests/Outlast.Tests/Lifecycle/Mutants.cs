using Outlast.Lifecycle;

namespace Outlast.Tests.Lifecycle;

/// <summary>Lifecycles with one fault each: a rule that does not find its fault finds nothing.</summary>
internal static class Mutants
{
    /// <summary>The fault, the rule that must find it, and the faulty lifecycle.</summary>
    public static readonly IReadOnlyDictionary<string, (Type Finder, Func<TaskRecord, Transition, Decision> Apply)> All = new Dictionary<string, (Type, Func<TaskRecord, Transition, Decision>)>
    {
        ["a late failure overwrites the end"] = (typeof(Rule.TheEndIsFinal), (r, t) => r.State.IsTerminal() && t is Transition.Settle
            ? new Decision.Changed(r with { State = TaskState.Failed, End = r.End! with { State = TaskState.Failed }, Version = r.Version + 1 }, []) : TaskLifecycle.Apply(r, t)),
        ["a late outcome is dropped"] = (typeof(Rule.LateFactsAreKept), (r, t) => r.State.IsTerminal() && t is Transition.Settle ? new Decision.Unchanged() : TaskLifecycle.Apply(r, t)),
        ["the end is announced again with each note"] = (typeof(Rule.OneEndIsAnnounced), (r, t) => Changed(r, t, c => r.State.IsTerminal()
            ? c with { Events = [.. c.Events.Select(e => e with { Type = TaskEventType.Ended })] } : c)),
        ["the second cause overwrites the first"] = (typeof(Rule.TheFirstCauseStands), (r, t) => r is { State: TaskState.Stopping, IsFinishing: false } && t is Transition.Stop stop
            ? new Decision.Changed(r with { Stop = stop.Request, Version = r.Version + 1 }, []) : TaskLifecycle.Apply(r, t)),
        ["whatever is interrupted was the user"] = (typeof(Rule.NoEndIsBlamedOnOthers), (r, t) => Changed(r, t, c => c.After.End is { Cause: EndCause.Error } end
            ? c with { After = c.After with { End = end with { Cause = EndCause.User, State = TaskState.Stopped }, State = TaskState.Stopped } } : c)),
        ["a runner's word is taken for a wish"] = (typeof(Rule.NoEndIsBlamedOnOthers), (r, t) => Changed(r, t, c => t is Transition.Settle { Outcome: { Kind: OutcomeKind.Failed, Exit: null } said } && c.After.End is { } end
            ? c with { After = c.After with { End = end with { Cause = said.Cause } } } : c)),
        ["a stop beats a finished result"] = (typeof(Rule.AFinishedResultWins), (r, t) => Changed(r, t, c => r.Stop is { } stop && c.After.End is { State: TaskState.Completed } end
            ? c with { After = c.After with { State = Ending.StateOf(stop.Cause), End = end with { State = Ending.StateOf(stop.Cause), Cause = stop.Cause } } } : c)),
        ["children are forgotten at the end"] = (typeof(Rule.ParentsEndLast), (r, t) => t is Transition.Settle ? TaskLifecycle.Apply(r with { OpenChildren = 0 }, t) : TaskLifecycle.Apply(r, t)),
        ["a finishing task takes children"] = (typeof(Rule.EndedParentsStartNothing), (r, t) => t is Transition.AddChild && r.IsFinishing
            ? new Decision.Changed(r with { OpenChildren = r.OpenChildren + 1, Version = r.Version + 1 }, []) : TaskLifecycle.Apply(r, t)),
        ["an end below is not counted down"] = (typeof(Rule.TreesAreCounted), (r, t) => t is Transition.EndBelow ? new Decision.Unchanged() : TaskLifecycle.Apply(r, t)),
        ["a budget forgets to count"] = (typeof(Rule.TreesAreCounted), (r, t) => t is Transition.AddBelow && r.Parent is not null ? new Decision.Unchanged() : TaskLifecycle.Apply(r, t)),
        ["who was stopped is forgotten"] = (typeof(Rule.EndsAddUp), (r, t) => t is Transition.EndChild e ? TaskLifecycle.Apply(r, Transition.ChildEnded(e.Child, e.At)) : TaskLifecycle.Apply(r, t)),
        ["a stop passes the children by"] = (typeof(Rule.AStopReachesTheTree), (r, t) => Changed(r, t, c => c with { StopChildren = null })),
        ["a suspended task failed"] = (typeof(Rule.SuspensionIsNoFailure), (r, t) => t is Transition.Settle { Outcome.Kind: OutcomeKind.Suspended } s
            ? TaskLifecycle.Apply(r, Transition.Settled(s.Owner, s.Outcome with { Kind = OutcomeKind.Interrupted }, null, s.At)) : TaskLifecycle.Apply(r, t)),
        ["what is gone runs again without leave"] = (typeof(Rule.NothingStartsTwice), (r, t) => t is Transition.Orphan && r.Stop is null
            ? TaskLifecycle.Apply(r with { Spec = r.Spec with { Repeatable = true } }, t) is Decision.Changed c ? c with { After = c.After with { Spec = r.Spec } } : TaskLifecycle.Apply(r, t) : TaskLifecycle.Apply(r, t)),
        ["an adoption announces the start once more"] = (typeof(Rule.NothingStartsTwice), (r, t) => t is Transition.Adopt && r.Claim is not null ? TaskLifecycle.Apply(r with { Process = null }, t) : TaskLifecycle.Apply(r, t)),
        ["a start that never was is counted"] = (typeof(Rule.NeverStartedIsNotCounted), (r, t) => Changed(r, t, c => t is Transition.NotStarted ? c with { After = c.After with { Attempt = r.Attempt } } : c)),
        ["a retry follows a wish"] = (typeof(Rule.RetriesAreBounded), (r, t) => t is Transition.Settle && r is { State: TaskState.Stopping, Spec.Retry: not null }
            ? TaskLifecycle.Apply(r with { Stop = null, State = TaskState.Running }, t) : TaskLifecycle.Apply(r, t)),
        ["retries are not counted"] = (typeof(Rule.RetriesAreBounded), (r, t) => r.Spec.Retry is { Max: < 9 } retry
            ? TaskLifecycle.Apply(r with { Spec = r.Spec with { Retry = retry with { Max = 9 } } }, t) is Decision.Changed c ? c with { After = c.After with { Spec = r.Spec } } : TaskLifecycle.Apply(r, t) : TaskLifecycle.Apply(r, t)),
        ["tokens are not looked at"] = (typeof(Rule.OnlyTheOwnerWrites), (r, t) => t.By is { } by && !r.State.IsTerminal() && r.Claim is not null ? TaskLifecycle.Apply(r with { Claim = by }, t) : TaskLifecycle.Apply(r, t)),
        ["each claim restarts the clock"] = (typeof(Rule.TheClockStartsOnce), (r, t) => Changed(r, t, c => t is Transition.Claim ? c with { After = c.After with { StartedAt = t.At } } : c)),
        ["the last answer wins"] = (typeof(Rule.TheFirstAnswerStands), (r, t) => t is Transition.Answer && r is { State: TaskState.Running, Question: { Answer: not null } asked }
            ? TaskLifecycle.Apply(r with { State = TaskState.Waiting, Question = asked with { Answer = null } }, t) : TaskLifecycle.Apply(r, t)),
        ["an open task is run again"] = (typeof(Rule.OnlyTheEndedAreRetried), (r, t) => t is Transition.Retry && !r.State.IsTerminal() ? new Decision.Unchanged() : TaskLifecycle.Apply(r, t)),
        ["a stopping task takes a limit"] = (typeof(Rule.NoLimitMovesDuringAStop), (r, t) => t is Transition.Extend e && r.State == TaskState.Stopping
            ? new Decision.Changed(r with { Limits = e.Limits, Version = r.Version + 1 }, []) : TaskLifecycle.Apply(r, t)),
        ["a version is forgotten"] = (typeof(Rule.VersionsCount), (r, t) => Changed(r, t, c => t is Transition.Extend ? c with { After = c.After with { Version = r.Version } } : c)),
        ["a queued task keeps its owner"] = (typeof(Rule.RecordsAreWhole), (r, t) => Changed(r, t, c => c.After.State == TaskState.Queued ? c with { After = c.After with { Claim = r.Claim } } : c)),
    };

    private static Decision Changed(TaskRecord record, Transition transition, Func<Decision.Changed, Decision.Changed> spoil) =>
        TaskLifecycle.Apply(record, transition) is Decision.Changed changed ? spoil(changed) : TaskLifecycle.Apply(record, transition);
}
