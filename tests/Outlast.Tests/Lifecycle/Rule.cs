using Outlast.Lifecycle;

namespace Outlast.Tests.Lifecycle;

/// <summary>Something that must be true of every walk. Throws when it is not.</summary>
internal abstract class Rule
{
    /// <summary>Looks at one decision, committed or not.</summary>
    public virtual void Decided(TaskRecord record, Transition transition, Decision decision) { }

    /// <summary>Looks at what one commit changed.</summary>
    public virtual void Committed(World world, Commit commit) { }

    protected static void Demand(bool holds, string what, params object?[] facts)
    {
        if (!holds) throw new InvalidOperationException($"{what}{(facts.Length > 0 ? ": " + string.Join("; ", facts) : "")}");
    }

    /// <summary>Every record is one that a store would take.</summary>
    public sealed class RecordsAreWhole : Rule
    {
        public override void Committed(World world, Commit commit)
        {
            foreach (var change in commit.Changes)
                Demand(!RecordInvariants.Violations(change.After).Any(), string.Join(", ", RecordInvariants.Violations(change.After)), change.After.State, commit.Transition);
        }
    }

    /// <summary>A change is the next version and counts its events.</summary>
    public sealed class VersionsCount : Rule
    {
        public override void Decided(TaskRecord record, Transition transition, Decision decision)
        {
            if (decision is not Decision.Changed changed) return;
            Demand(changed.After.Version == record.Version + 1, "the version is the next one", transition);
            Demand(changed.After.Events == record.Events + changed.Events.Length, "the events are counted", transition);
        }
    }

    /// <summary>Nothing but an annotation comes after the end.</summary>
    public sealed class TheEndIsFinal : Rule
    {
        public override void Committed(World world, Commit commit)
        {
            foreach (var (before, after, events, _) in commit.Changes)
            {
                if (before is null || !before.State.IsTerminal()) continue;
                Demand(after with { Annotations = before.Annotations, Version = before.Version, Events = before.Events } == before, "an ended record stays as it is", commit.Transition);
                Demand(events.All(e => e.Type == TaskEventType.Annotated), "only a note comes after the end", commit.Transition);
            }
        }
    }

    /// <summary>The end is announced once, with the end; and never before.</summary>
    public sealed class OneEndIsAnnounced : Rule
    {
        public override void Committed(World world, Commit commit)
        {
            foreach (var change in commit.Changes)
                Demand(world.EventsOf(change.After.Id).Count(e => e.Type == TaskEventType.Ended) == (change.After.State.IsTerminal() ? 1 : 0), "one Settled event, at the end", change.After.State, commit.Transition);
        }
    }

    /// <summary>A late outcome that says something new is kept as an annotation.</summary>
    public sealed class LateFactsAreKept : Rule
    {
        public override void Decided(TaskRecord record, Transition transition, Decision decision)
        {
            if (!record.State.IsTerminal() || transition is not Transition.Settle { Outcome.Exit: { } late }) return;
            var isNews = record.End!.Exit is not { } known || known.Code != late.Code;
            if (isNews && decision is Decision.Unchanged) Demand(record.Annotations.Any(a => a.Text.Contains("late outcome", StringComparison.Ordinal)), "an exit that the end does not know is noted");
            if (isNews && decision is Decision.Changed changed) Demand(changed.After.Annotations.Length == record.Annotations.Length + 1, "an exit that the end does not know is noted");
            Demand(decision is not Decision.Refused, "a late outcome is not refused");
        }
    }

    /// <summary>Rule 1: a finished result wins; a process that never saw the stop ended by itself.</summary>
    public sealed class AFinishedResultWins : Rule
    {
        public override void Decided(TaskRecord record, Transition transition, Decision decision)
        {
            if (record is not { State: TaskState.Stopping, IsFinishing: false, OpenChildren: 0, Spec.Retry: null } || transition is not Transition.Settle settle || decision is not Decision.Changed { After.End: { } end } changed) return;
            var finished = record.Spec.Process is not null && settle.Outcome.Exit is { } exit
                ? exit.Signal is null && !exit.SignalsSeen.Contains("TERM") && settle.Outcome.Cause != EndCause.NeverStarted
                : settle.Outcome.Kind == OutcomeKind.Succeeded;
            Demand(finished == end.State is TaskState.Completed || finished && end is { State: TaskState.Failed, Cause: EndCause.Exit }, "finished work is not stopped", settle.Outcome, end.State, end.Cause);
            if (finished) Demand(changed.After.Annotations.Length > record.Annotations.Length, "the stop that came too late is noted");
        }
    }

    /// <summary>Rule 2: the first cause stands, and decides the state.</summary>
    public sealed class TheFirstCauseStands : Rule
    {
        public override void Committed(World world, Commit commit)
        {
            foreach (var (before, after, _, _) in commit.Changes)
            {
                if (before is { State: TaskState.Stopping, Stop: { } first } && after.Stop is { } still)
                    Demand((first.Cause, first.Actor, first.Reason, first.RequestedAt) == (still.Cause, still.Actor, still.Reason, still.RequestedAt), "the first request stands", commit.Transition);
                if (before is not { State: TaskState.Stopping } || after.End is not { } end) continue;
                var natural = end.State == TaskState.Completed || end is { State: TaskState.Failed, Cause: EndCause.Exit or EndCause.NeverStarted };
                Demand(natural || end.Cause == before.Stop!.Cause && end.State == Ending.StateOf(end.Cause) && end.Actor == before.Stop.Actor, "what was asked to stop ends by the first cause", before.Stop, end.State, end.Cause);
            }
        }
    }

    /// <summary>Nobody reads of a wish that nobody had: an end's cause was asked for, or is one that is found.</summary>
    public sealed class NoEndIsBlamedOnOthers : Rule
    {
        public override void Committed(World world, Commit commit)
        {
            foreach (var (before, after, _, _) in commit.Changes)
            {
                if (after.End is not { } end || before is { End: not null }) continue;
                Demand(!Ending.CanBeAsked(end.Cause) || end.Cause is EndCause.Budget or EndCause.OutputLimit || world.Asked.Contains((after.Id, end.Cause)), "a cause that was never asked for", end.Cause);
                Demand(end.Cause != EndCause.User || end.Actor is { Type: ActorType.User }, "a user's stop names the user", end.Actor);
                Demand(end.Cause == EndCause.User || !end.Reason!.StartsWith("stopped by user", StringComparison.Ordinal), "a user is named although none asked", end.Reason);
                Demand(end.State != TaskState.Stopped || end.Actor is not null, "whoever stopped it is named", end.Cause);
                Demand(!string.IsNullOrWhiteSpace(end.Reason), "every end says why", end.Cause);
            }
        }
    }

    /// <summary>Rule 3: a task is not over before its own children are, and knows how many are open.</summary>
    public sealed class ParentsEndLast : Rule
    {
        public override void Committed(World world, Commit commit)
        {
            foreach (var change in commit.Changes)
            {
                var record = change.After;
                var open = world.OpenChildrenOf(record.Id).Count();
                if (!record.State.IsTerminal()) Demand(record.OpenChildren == open, "open children are counted", record.OpenChildren, open, commit.Transition);
                else if (record.Spec.Children != ChildPolicy.Detach) Demand(open == 0, "an ended task has open children", open, commit.Transition);
            }
        }
    }

    /// <summary>Rule 3: the top knows how many are open below it and how many ever were, and so does a budget that counts them.</summary>
    public sealed class TreesAreCounted : Rule
    {
        public override void Committed(World world, Commit commit)
        {
            foreach (var record in commit.Changes.Select(c => c.After).Where(r => !r.State.IsTerminal()))
            {
                var below = world.Below(record.Id);
                if (record.Parent is null) Demand(record.OpenBelow == below.Count(r => !r.State.IsTerminal()), "what is open below the top is counted", record.OpenBelow, commit.Transition);
                if (record.Parent is null || record.Spec.Budget is not null) Demand(record.EverBelow == below.Count(), "what ever was below is counted", record.EverBelow, commit.Transition);
            }
        }
    }

    /// <summary>Rule 3: what became of those below is added up, once each.</summary>
    public sealed class EndsAddUp : Rule
    {
        public override void Committed(World world, Commit commit)
        {
            foreach (var record in commit.Changes.Select(c => c.After).Where(r => !r.State.IsTerminal()))
            {
                var ended = Attached(world, record.Id).Where(r => r.State.IsTerminal()).ToList();
                Demand((record.Below?.Stopped ?? 0) == ended.Sum(r => Stopped(world, r)), "those that a stop ended are counted", record.Below, commit.Transition);
            }
        }

        private static IEnumerable<TaskRecord> Attached(World world, TaskId above) => world.Stored.Values.Where(r => r.Parent == above && !r.Spec.Detached);

        // Those that a parent had let go count no more for whoever is above it.
        private static int Stopped(World world, TaskRecord ended) => (ended.Stop is not null && ended.End!.Cause == ended.Stop.Cause ? 1 : 0) + (ended.Below?.Stopped ?? 0);
    }

    /// <summary>Rule 3: a task that is over, finishing or asked to stop starts no child.</summary>
    public sealed class EndedParentsStartNothing : Rule
    {
        public override void Decided(TaskRecord record, Transition transition, Decision decision)
        {
            if (transition is Transition.AddChild && (record.State.IsTerminal() || record.IsFinishing || record.Stop is not null))
                Demand(decision is Decision.Refused { Reason: RefusalReason.ParentEnded }, "a parent that is over takes no child", record.State);
        }
    }

    /// <summary>Rule 4: a stop reaches the whole attached tree in one commit.</summary>
    public sealed class AStopReachesTheTree : Rule
    {
        public override void Committed(World world, Commit commit)
        {
            foreach (var change in commit.Changes.Where(c => c.Asked))
                foreach (var child in world.OpenChildrenOf(change.After.Id))
                    Demand(child.State == TaskState.Stopping || child.IsFinishing, "a child of a stopped task runs on", child.State, commit.Transition);
        }
    }

    /// <summary>Rule 5: a suspended task waits for its turn, first in line, and its attempt goes on.</summary>
    public sealed class SuspensionIsNoFailure : Rule
    {
        public override void Decided(TaskRecord record, Transition transition, Decision decision)
        {
            if (transition is not Transition.Settle { Outcome.Kind: OutcomeKind.Suspended } || record.Spec.Process is not null || record.Stop is not null || decision is not Decision.Changed { After: var after } || record.State.IsTerminal()) return;
            Demand(after is { State: TaskState.Queued, FirstInLine: true } or { State: TaskState.Waiting }, "a suspended task is over", after.State);
            Demand(after is { Resumes: true, Claim: null } && after.Attempt == record.Attempt, "a suspended attempt goes on later");
        }
    }

    /// <summary>Rules 6 and 7: work of unknown effect starts again only by leave; an attempt starts at most one process.</summary>
    public sealed class NothingStartsTwice : Rule
    {
        public override void Committed(World world, Commit commit)
        {
            foreach (var task in world.Spawned.GroupBy(s => s.Task))
            {
                Demand(task.Select(s => s.Attempt).Distinct().Count() == task.Count(), "an attempt has two processes");
                var spec = world.Stored[task.Key].Spec;
                Demand(task.Count() == 1 || spec.Repeatable || spec.Retry is not null, "a task that may not be repeated was started again", commit.Transition);
            }
            foreach (var change in commit.Changes)
            {
                var started = world.EventsOf(change.After.Id).Where(e => e.Type == TaskEventType.Started && e.Data.ContainsKey("pid")).Select(e => e.Data["pid"].GetInt32()).ToList();
                Demand(started.Distinct().Count() == started.Count, "a process is announced twice", commit.Transition);
            }
        }
    }

    /// <summary>Rule 6: an attempt that provably never started is not counted, and comes first.</summary>
    public sealed class NeverStartedIsNotCounted : Rule
    {
        public override void Decided(TaskRecord record, Transition transition, Decision decision)
        {
            if (transition is not Transition.NotStarted || record is not { State: TaskState.Running, Process: null, Resumes: false } || decision is not Decision.Changed { After: var after }) return;
            Demand(after is { State: TaskState.Queued, FirstInLine: true } && after.Attempt == record.Attempt - 1 && after.StartedAt is null == (after.Attempt == 0), "it did not start", after.State, after.Attempt);
        }
    }

    /// <summary>Rule 7: retries are counted, and none follows a wish.</summary>
    public sealed class RetriesAreBounded : Rule
    {
        public override void Committed(World world, Commit commit)
        {
            foreach (var (before, after, events, _) in commit.Changes)
            {
                if (!after.Spec.Repeatable) Demand(after.Attempt <= 1 + (after.Spec.Retry?.Max ?? 0), "more attempts than the policy allows", after.Attempt);
                if (before is { State: TaskState.Stopping } && !after.State.IsTerminal()) Demand(after.State == TaskState.Stopping || before.Stop is { Cause: EndCause.Inactivity, NoRetry: false }, "tried again although its end was wished", before.Stop);
                if (before is not null && before.State != TaskState.Queued && after.State == TaskState.Queued)
                    Demand(events.Any(e => e.Type is TaskEventType.Requeued or TaskEventType.Answered), "what is queued again is announced");
            }
        }
    }

    /// <summary>P3: a write under a claim that is not the record's own never happens.</summary>
    public sealed class OnlyTheOwnerWrites : Rule
    {
        public override void Decided(TaskRecord record, Transition transition, Decision decision)
        {
            if (transition.By is { } by && !record.State.IsTerminal() && record.Claim?.Token != by.Token)
                Demand(decision is Decision.Refused { Reason: RefusalReason.WrongToken }, "a former owner's write was taken", transition);
            if (transition is Transition.Adopt adopt && record.Claim is { } held && adopt.Owner.Token.CompareTo(held.Token) <= 0)
                Demand(decision is Decision.Refused, "an older claim took over a newer one");
        }
    }

    /// <summary>Rule 9: the wall clock starts once; a pause alone moves what does not count.</summary>
    public sealed class TheClockStartsOnce : Rule
    {
        public override void Committed(World world, Commit commit)
        {
            foreach (var (before, after, _, _) in commit.Changes)
            {
                if (before is { StartedAt: { } start } && after.StartedAt != start)
                    Demand(after is { StartedAt: null, Attempt: 0 } && commit.Transition is Transition.NotStarted, "the start moved", commit.Transition);
                if (before is not null && after.Paused != before.Paused) Demand(commit.Transition is Transition.Pause, "time was taken off", commit.Transition);
                Demand(after.EndedAt is null || after.StartedAt is null || after.EndedAt >= after.StartedAt, "it ended before it started");
            }
        }
    }

    /// <summary>Only what has ended is run again; it stays as it ended, and names the task that repeats it.</summary>
    public sealed class OnlyTheEndedAreRetried : Rule
    {
        public override void Decided(TaskRecord record, Transition transition, Decision decision)
        {
            if (transition is not Transition.Retry retry) return;
            if (!record.State.IsTerminal()) Demand(decision is Decision.Refused { Reason: RefusalReason.NotEnded }, "an open task was run again", record.State);
            else Demand(decision is Decision.Changed { After: var after } && after.Annotations[^1].Text.Contains(retry.Next.ToString(), StringComparison.Ordinal), "an ended task does not say what repeats it");
        }

        public override void Committed(World world, Commit commit)
        {
            foreach (var change in commit.Changes.Where(c => c.Before is null && c.After.RetryOf is not null))
                Demand(world.Stored[change.After.RetryOf!.Value].State.IsTerminal() && commit.Changes.Any(c => c.After.Id == change.After.RetryOf), "a retry and what it repeats are not one commit");
        }
    }

    /// <summary>Who moves a limit of a task that is being stopped is told that it holds no more.</summary>
    public sealed class NoLimitMovesDuringAStop : Rule
    {
        public override void Decided(TaskRecord record, Transition transition, Decision decision)
        {
            if (transition is Transition.Extend && record.State == TaskState.Stopping) Demand(decision is Decision.Refused { Reason: RefusalReason.WrongState }, "a limit was moved that nobody looks at");
        }
    }

    /// <summary>A question is answered or expires once, and who answers decides.</summary>
    public sealed class TheFirstAnswerStands : Rule
    {
        public override void Decided(TaskRecord record, Transition transition, Decision decision)
        {
            if (transition is not Transition.Answer answer || record.State.IsTerminal()) return;
            if (record.State != TaskState.Waiting) Demand(decision is Decision.Refused { Reason: RefusalReason.WrongState }, "answered twice", record.State);
            if (decision is Decision.Changed { After: var after })
            {
                Demand(after.Question!.Answer!.Text == (answer.Text ?? record.Question!.Default), "the answer is the one given");
                Demand(after.State == (record.Claim is null ? TaskState.Queued : TaskState.Running), "the answer moves it on", after.State);
            }
        }
    }
}
