using System.Collections.Immutable;
using System.Diagnostics;

namespace Outlast.Lifecycle;

/// <summary>The life of a task, decided in one place: pure, no clock, no I/O. docs/lifecycle.md is its page.</summary>
internal static class TaskLifecycle
{
    /// <summary>The first record of a task, and its event.</summary>
    /// <param name="id">Its id.</param>
    /// <param name="spec">What to run.</param>
    /// <param name="parent">Its parent as it is now; none at the top of a tree. Whether it takes a child is asked by <see cref="Transition.ChildAdded"/>.</param>
    /// <param name="actor">Who submitted it.</param>
    /// <param name="at">When.</param>
    /// <param name="retryOf">The ended task that it repeats; <see cref="Transition.Retried"/> says so there, in the same commit.</param>
    public static Decision.Changed Submit(TaskId id, TaskSpec spec, TaskRecord? parent, Actor actor, DateTimeOffset at, TaskId? retryOf = null)
    {
        var record = new TaskRecord
        {
            Id = id,
            Spec = spec,
            State = TaskState.Queued,
            Version = 1,
            Parent = parent?.Id,
            Root = parent?.Root ?? id,
            RetryOf = retryOf,
            Depth = parent is null ? 0 : parent.Depth + 1,
            Limits = TaskLimits.Of(spec),
            NotBefore = spec.NotBefore,
            CreatedAt = at,
            Events = 1,
        };
        return new(record, [EventData.None.With("name", spec.Name).WithName("kind", spec.Kind).With("actor", actor).With("parent", parent?.Id.ToString()).With("retryOf", retryOf?.ToString()).As(TaskEventType.Submitted, at)]);
    }

    /// <summary>What <paramref name="transition"/> does to <paramref name="record"/>.</summary>
    public static Decision Apply(TaskRecord record, Transition transition)
    {
        if (record.State.IsTerminal()) return AfterTheEnd(record, transition);
        if (transition.By is { } by && record.Claim?.Token != by.Token) return Refuse(RefusalReason.WrongToken);
        return transition switch
        {
            Transition.Claim t => Claimed(record, t),
            Transition.Launch t => Launched(record, t),
            Transition.Settle t => Settled(record, t),
            Transition.NotStarted t => NeverStarted(record, t),
            Transition.Ask t => Asked(record, t),
            Transition.Adopt t => Adopted(record, t),
            Transition.Orphan t => OwnerGone(record, t),
            Transition.Stop t => StopAsked(record, t.Request),
            Transition.Extend t => Extended(record, t),
            Transition.Answer t => Answered(record, t),
            Transition.Retry => Refuse(RefusalReason.NotEnded),
            Transition.AddChild => TakesChildren(record) ? Change(record, record with { OpenChildren = record.OpenChildren + 1 }) : Refuse(RefusalReason.ParentEnded),
            Transition.EndChild t => ChildEnded(record, t),
            Transition.AddBelow => BelowAdded(record),
            Transition.EndBelow => record is { Parent: null, OpenBelow: > 0 } ? Change(record, record with { OpenBelow = record.OpenBelow - 1 }) : Same,
            Transition.Warn t => Change(record, t.Rule == Transition.DeadlineWarning ? record with { TimeoutWarned = record.Limits.Timeout } : record, EventData.None.With("rule", t.Rule).With("text", t.Text).With("measured", t.Measured).As(TaskEventType.Warning, t.At)),
            Transition.Tell t => Change(record, record, Told(t.Progress).As(TaskEventType.Progress, t.At)),
            Transition.Annotate t => AnnotatedOnce(record, t.Text, t.At),
            // What runs needs its log.
            Transition.RemoveOutput => Refuse(RefusalReason.WrongState),
            Transition.Pause t => t.Duration != TimeSpan.Zero && record.StartedAt is not null ? Change(record, record with { Paused = record.Paused + t.Duration }) : Same,
            _ => throw new UnreachableException($"No rule for {transition.GetType().Name}."),
        };
    }

    /// <summary>What somebody said, if it says something: blank counts as absent.</summary>
    public static string? Given(string? text) => string.IsNullOrWhiteSpace(text) ? null : text.Trim();

    // -- what the owner says ------------------------------------------------------------------------------------------

    private static Decision Claimed(TaskRecord record, Transition.Claim t)
    {
        if (record.State != TaskState.Queued || record.NotBefore > t.At) return Refuse(RefusalReason.WrongState);
        // Too late by its own word, even if nobody has said so yet.
        if (record.StartedAt is null && record.Spec.StartBy < t.At) return Refuse(RefusalReason.WrongState);
        var after = record with
        {
            State = TaskState.Running,
            Attempt = record.Resumes ? record.Attempt : record.Attempt + 1,
            StartedAt = record.StartedAt ?? t.At,
            Claim = t.Owner,
            FirstInLine = false,
            NotBefore = null,
            Output = record.Resumes ? record.Output : OutputFacts.Empty,
            Below = record.Resumes ? record.Below : WithFormerAttempt(record),
        };
        // A process is told of when it is proved to exist. Code runs in the claimer's own program: what it begins with is all that is ever proved.
        return record.Spec.Process is not null ? Change(record, after) : Change(record, after, EventData.None.With("host", t.Owner.Host.Value).With("resumed", record.Resumes).As(TaskEventType.Started, t.At));
    }

    private static Decision Launched(TaskRecord record, Transition.Launch t)
    {
        if (record.State is not (TaskState.Running or TaskState.Stopping)) return Refuse(RefusalReason.WrongState);
        if (record.Process is not { } known) return Change(record, record with { Process = t.Process }, Started(t.Process, t.At));
        if (known == t.Process) return Same;
        // One process an attempt. That its command is seen later is news of the same one.
        return IsSame(known, t.Process) ? Change(record, record with { Process = t.Process }) : Refuse(RefusalReason.WrongState);
    }

    private static Decision.Changed Settled(TaskRecord record, Transition.Settle t)
    {
        var outcome = t.Verification is { } found
            ? t.Outcome with { Evidence = [.. Each(t.Outcome.Evidence), .. Each(found.Evidence)], Leftovers = [.. Each(t.Outcome.Leftovers).Union(Each(found.Survivors))] }
            : t.Outcome;
        // A process cannot be suspended: it would be run again from its start, which nobody allowed.
        if (outcome.Kind == OutcomeKind.Suspended && record.State != TaskState.Stopping && record.Spec.Process is null) return Suspended(record, outcome, t.At);
        return Over(record, outcome, t.At);
    }

    private static Decision.Changed Suspended(TaskRecord record, TaskOutcome outcome, DateTimeOffset at)
    {
        var released = record with { Claim = null, Resumes = true, Output = outcome.Output ?? record.Output };
        // Whom it asked may take days: it goes on waiting without an owner, and the answer puts it in line.
        if (record.State == TaskState.Waiting) return Change(record, released);
        return Change(record, released with { State = TaskState.Queued, FirstInLine = true }, Requeued("suspended").With("text", Given(outcome.Reason)).As(TaskEventType.Requeued, at));
    }

    private static Decision NeverStarted(TaskRecord record, Transition.NotStarted t)
    {
        if (record.State is not (TaskState.Running or TaskState.Stopping) || record.Claim is null) return Refuse(RefusalReason.WrongState);
        // The record may know the wrapper's process already: the proof is the attempt's lock, which says that the wrapper is gone and never began.
        var uncounted = record.Resumes ? record : record with { Attempt = record.Attempt - 1, StartedAt = record.Attempt == 1 ? null : record.StartedAt, Process = null };
        if (record.State == TaskState.Stopping) return Over(uncounted, Broken(EndCause.NeverStarted, t.Evidence), t.At, before: record);
        return Change(record, Noted(uncounted, $"attempt {record.Attempt} never started: {t.Evidence}", t.At) with
        {
            State = TaskState.Queued,
            Claim = null,
            FirstInLine = true,
            NotBefore = t.NotBefore,
        }, Requeued("never_started").With("evidence", Given(t.Evidence)).With("notBefore", t.NotBefore).As(TaskEventType.Requeued, t.At));
    }

    private static Decision Asked(TaskRecord record, Transition.Ask t)
    {
        if (record.State != TaskState.Running) return Refuse(RefusalReason.WrongState);
        var question = t.Question with { Answer = null };
        return Change(record, record with { State = TaskState.Waiting, Question = question },
            EventData.None.With("text", question.Text).With("name", question.Name).With("expiresAt", question.ExpiresAt).With("default", question.Default).As(TaskEventType.Question, t.At));
    }

    // -- what a later host says ---------------------------------------------------------------------------------------

    private static Decision Adopted(TaskRecord record, Transition.Adopt t)
    {
        if (record.Claim is not { } former) return Refuse(RefusalReason.WrongState);
        if (t.Owner.Token.CompareTo(former.Token) <= 0) return Refuse(RefusalReason.WrongToken);
        var after = record with { Claim = t.Owner, Process = record.Process ?? t.Process };
        ImmutableArray<TaskEventDraft> started = record.Process is null && t.Process is { } learned ? [Started(learned, t.At)] : [];
        if (!t.Alive) return Given(t.Evidence) is { } evidence ? Change(record, Noted(after, evidence, t.At), [.. started, NoteEvent(evidence, t.At)]) : Change(record, after, [.. started]);
        after = after with { Adoptions = record.Adoptions + 1 };
        return Change(record, after, [.. started,
            EventData.None.With("host", t.Owner.Host.Value).With("former", former.Host.Value).With("adoptions", after.Adoptions).With("evidence", Given(t.Evidence)).As(TaskEventType.Adopted, t.At)]);
    }

    private static Decision.Changed OwnerGone(TaskRecord record, Transition.Orphan t) => Gone(record, t.Evidence, t.Resumable, t.At);

    private static Decision.Changed Gone(TaskRecord record, string evidence, bool resumable, DateTimeOffset at)
    {
        if (record.State == TaskState.Stopping) return Over(record, Broken(EndCause.HostLost, evidence), at);
        if (!resumable || record.Spec.Process is not null) return Over(record, Broken(EndCause.HostLost, evidence) with { Kind = OutcomeKind.Lost }, at);
        var released = record with { Claim = null, Resumes = true };
        if (record.State == TaskState.Waiting) return Change(record, Noted(released, $"waits without an owner: {evidence}", at), NoteEvent($"waits without an owner: {evidence}", at));
        return Change(record, released with { State = TaskState.Queued, FirstInLine = true, Process = null },
            Requeued("owner_gone").With("evidence", Given(evidence)).As(TaskEventType.Requeued, at));
    }

    // -- what others ask ----------------------------------------------------------------------------------------------

    private static Decision StopAsked(TaskRecord record, StopRequest stop)
    {
        if (stop.Cause == EndCause.StartDeadline && record.StartedAt is not null) return Same;
        // Waiting for a person, for children or for a place is not silence.
        if (stop.Cause == EndCause.Inactivity && (record.IsFinishing || record.State is TaskState.Queued or TaskState.Waiting)) return Refuse(RefusalReason.WrongState);
        if (record.IsFinishing) return StopOnlyChildren(record, stop);
        return record.State switch
        {
            TaskState.Queued => StopUnowned(record, stop),
            TaskState.Waiting when record.Claim is null => StopUnowned(record, stop),
            TaskState.Running or TaskState.Waiting => Change(record, Unasked(record) with { State = TaskState.Stopping, Stop = stop }, StopRequested(stop)) with { StopChildren = ForChildren(record, stop) },
            TaskState.Stopping => StopAgain(record, record.Stop!, stop),
            TaskState.Completed or TaskState.Failed or TaskState.TimedOut or TaskState.Stopped or TaskState.Lost => Refuse(RefusalReason.Ended),
        };
    }

    private static Decision StopUnowned(TaskRecord record, StopRequest stop)
    {
        var over = Over(record with { Stop = stop }, new TaskOutcome { Kind = OutcomeKind.Interrupted, Cause = stop.Cause }, stop.RequestedAt, before: record);
        return over with { StopChildren = ForChildren(record, stop) };
    }

    private static Decision StopAgain(TaskRecord record, StopRequest first, StopRequest again)
    {
        if (again.Now && !first.Now) return StopNow(record, first, again);
        // The first cause stands. But a limit may end only the attempt, and whoever asks now wants the end of the task.
        if (!MayRetryAfter(record, first) || !IsFinal(again)) return Same;
        var text = $"no retry will follow: {Ending.Describe(record.Spec, again)}";
        return Change(record, Noted(record, text, again.RequestedAt) with { Stop = first with { NoRetry = true } }, NoteEvent(text, again.RequestedAt));
    }

    private static Decision.Changed StopNow(TaskRecord record, StopRequest first, StopRequest again)
    {
        var now = first with { Now = true, NoRetry = first.NoRetry || IsFinal(again) };
        var told = EventData.None.With("actor", again.Actor).With("reason", again.Reason).As(TaskEventType.StoppingNow, again.RequestedAt);
        return Change(record, record with { Stop = now }, told) with { StopChildren = ForChildren(record, now with { RequestedAt = again.RequestedAt }) };
    }

    private static Decision StopOnlyChildren(TaskRecord record, StopRequest stop)
    {
        var text = $"its own work is over, only its children are stopped{(stop.Now ? " now" : "")}: {Ending.Describe(record.Spec, stop)}";
        if (record.Annotations.Any(a => a.Text == text)) return Same;
        return Change(record, Noted(record, text, stop.RequestedAt), NoteEvent(text, stop.RequestedAt)) with { StopChildren = ForChildren(record, stop) };
    }

    /// <summary>Not while it is stopping: no limit holds any more, and who asked would believe that one did.</summary>
    private static Decision Extended(TaskRecord record, Transition.Extend t) => record.State == TaskState.Stopping ? Refuse(RefusalReason.WrongState) : record.Limits == t.Limits ? Same : Change(record, record with { Limits = t.Limits },
        EventData.None.With("timeoutMs", t.Limits.Timeout).With("idleTimeoutMs", t.Limits.IdleTimeout).With("idleWarningMs", t.Limits.IdleWarning).With("actor", t.Actor).As(TaskEventType.Extended, t.At));

    private static Decision Answered(TaskRecord record, Transition.Answer t)
    {
        if (record is not { State: TaskState.Waiting, Question: { } question }) return Refuse(RefusalReason.WrongState);
        var expired = t.Text is null;
        if (expired && !(question.ExpiresAt <= t.At)) return Refuse(RefusalReason.WrongState);
        var answered = record with { Question = question with { Answer = new(t.Text ?? question.Default, t.Actor, t.At) } };
        return Change(record, record.Claim is not null ? answered with { State = TaskState.Running } : answered with { State = TaskState.Queued, FirstInLine = true, Resumes = true },
            EventData.None.With("text", t.Text ?? question.Default).With("actor", t.Actor).With("expired", expired).As(TaskEventType.Answered, t.At));
    }

    // -- what happens in its tree -------------------------------------------------------------------------------------

    /// <summary>Not when it is over, finishing, or asked to stop.</summary>
    private static bool TakesChildren(TaskRecord record) => !record.IsFinishing && record.State is TaskState.Queued or TaskState.Running or TaskState.Waiting;

    private static Decision ChildEnded(TaskRecord record, Transition.EndChild t)
    {
        if (record.OpenChildren == 0) return Same;
        var after = record with { OpenChildren = record.OpenChildren - 1, Below = Added(record.Below, t.Below) };
        return after is { OpenChildren: 0, IsFinishing: true } ? End(record, after, Ending.Of(after, after.Outcome!), t.At) : Change(record, after);
    }

    /// <summary>The top counts all that is below it; others only what their own budget counts.</summary>
    private static Decision BelowAdded(TaskRecord record)
    {
        if (record.Parent is null) return Change(record, record with { OpenBelow = record.OpenBelow + 1, EverBelow = record.EverBelow + 1 });
        return record.Spec.Budget is { Tasks: not null } ? Change(record, record with { EverBelow = record.EverBelow + 1 }) : Same;
    }

    /// <summary>What became of an ended task and of what was below it, for its parent.</summary>
    public static EndedBelow TallyOf(TaskRecord ended)
    {
        var below = ended.Below ?? NothingBelow;
        var stopped = ended.Stop is not null && ended.End!.Cause == ended.Stop.Cause;
        ImmutableArray<string> survivors = stopped && ended.End!.Leftovers is { IsDefaultOrEmpty: false } alive
            ? [$"task {ended.Number}: {string.Join(", ", alive.Select(s => $"{s.Pid} {s.Command}"))}"] : [];
        return Added(below, new(ended.Output.Bytes + ended.Output.ErrorBytes, stopped ? 1 : 0, survivors))!;
    }

    /// <summary>A new attempt counts its own output from nothing; what is counted of the tree keeps that of the former one.</summary>
    private static EndedBelow? WithFormerAttempt(TaskRecord record) =>
        record.Output.Bytes + record.Output.ErrorBytes is var printed and > 0 ? Added(record.Below ?? NothingBelow, new(printed, 0, [])) : record.Below;

    private const int MostSurvivors = 20;

    private static EndedBelow NothingBelow { get; } = new(0, 0, []);

    private static EndedBelow? Added(EndedBelow? known, EndedBelow? more)
    {
        if (known is null || more is null) return known ?? more;
        return new(known.OutputBytes + more.OutputBytes, known.Stopped + more.Stopped, [.. Each(known.Survivors).Concat(Each(more.Survivors)).Take(MostSurvivors)]);
    }

    /// <summary>What a stop asks of the children. A wish that came down the tree keeps the words of the one who had it.</summary>
    private static StopRequest? ForChildren(TaskRecord parent, StopRequest stop) => parent.OpenChildren == 0 ? null : new()
    {
        Cause = EndCause.Parent,
        Actor = stop.Actor,
        Reason = stop.Cause == EndCause.Parent ? stop.Reason : $"task {(parent.Number > 0 ? parent.Number.ToString(System.Globalization.CultureInfo.InvariantCulture) : parent.Id)} {Ending.Describe(parent.Spec, stop)}",
        RequestedAt = stop.RequestedAt,
        Now = stop.Now,
    };

    // -- the attempt is over ------------------------------------------------------------------------------------------

    private static Decision.Changed Over(TaskRecord record, TaskOutcome outcome, DateTimeOffset at, TaskRecord? before = null)
    {
        before ??= record;
        var end = Ending.Of(record, outcome);
        var over = Unasked(record) with { Claim = null, Output = outcome.Output ?? record.Output };
        if (RunAgain(over, end, at, out var noTime) is var (queued, draft)) return Change(before, queued, draft);

        if (noTime) over = Noted(over, "no retry follows: its wall-clock limit passes before", at);
        if (record.Stop is { } stop && !Ending.IsByStop(record, outcome))
            over = Noted(over, $"the stop came too late, the work had ended by itself ({Ending.Describe(record.Spec, stop)})", at);
        return over.OpenChildren == 0 || over.Spec.Children == ChildPolicy.Detach ? End(before, over, end, at) : Finishing(before, over, outcome, end, at);
    }

    private static Decision.Changed Finishing(TaskRecord before, TaskRecord over, TaskOutcome outcome, TaskEnd end, DateTimeOffset at)
    {
        var held = over with { State = over.Stop is null ? TaskState.Running : TaskState.Stopping, Outcome = outcome, FirstInLine = false, NotBefore = null };
        var finishing = EndFields(end).With("openChildren", held.OpenChildren).As(TaskEventType.Settled, at);
        // A task that nobody ran goes from its queue straight to here; that a stop was asked is then told first.
        var changed = held.Stop is { } stop && before.Stop is null ? Change(before, held, StopRequested(stop), finishing) : Change(before, held, finishing);
        return over.Spec.Children == ChildPolicy.Stop
            ? changed with { StopChildren = ForChildren(held, new() { Cause = EndCause.Parent, Actor = Actor.Rule("children_policy"), Reason = $"its parent ended: {end.Reason}", RequestedAt = at }) }
            : changed;
    }

    private static Decision.Changed End(TaskRecord before, TaskRecord over, TaskEnd end, DateTimeOffset at) => Change(before, over with
    {
        State = end.State,
        End = WithTree(over, end),
        EndedAt = NotBeforeItsStart(over, at),
        Outcome = null,
        OpenChildren = 0,
        FirstInLine = false,
        NotBefore = null,
        Resumes = false,
    }, EndFields(end).WithName("kind", before.Spec.Kind).As(TaskEventType.Ended, at));

    /// <summary>The end of a stopped tree says at its top how that went: how many a stop ended, and who did not die of it.</summary>
    private static TaskEnd WithTree(TaskRecord over, TaskEnd end)
    {
        if (over.Below is not { Stopped: > 0 } below) return end;
        var counted = $"{below.Stopped} {(below.Stopped == 1 ? "task" : "tasks")} below it ended by a stop, {(Each(below.Survivors).IsEmpty ? "nothing of them was left alive" : "not all of it died")}";
        return end with { Evidence = [.. Each(end.Evidence), counted, .. Each(below.Survivors).Select(s => $"left alive of {s}")] };
    }

    /// <summary>A clock that was set back must not make an end before its start, which no store accepts.</summary>
    private static DateTimeOffset NotBeforeItsStart(TaskRecord record, DateTimeOffset at)
    {
        var start = record.StartedAt > record.CreatedAt ? record.StartedAt.Value : record.CreatedAt;
        return at < start ? start : at;
    }

    /// <param name="over">The task whose attempt is over.</param>
    /// <param name="end">How it would end.</param>
    /// <param name="at">Now.</param>
    /// <param name="noTime">Whether another attempt would follow, but cannot begin before the task's time is spent.</param>
    private static (TaskRecord Queued, TaskEventDraft Draft)? RunAgain(TaskRecord over, TaskEnd end, DateTimeOffset at, out bool noTime)
    {
        noTime = false;
        if (over.Stop is { } stop && !MayRetryAfter(over, stop)) return null;
        var repeated = end.State == TaskState.Lost && over.Spec.Repeatable;
        if (!repeated && !MayRetry(over, end)) return null;
        DateTimeOffset? notBefore = repeated ? null : at + Backoff(over.Id, over.Spec.Retry!.Backoff, over.Attempt);
        noTime = over.StartedAt + over.Paused + over.Limits.Timeout <= notBefore;
        if (noTime) return null;
        var queued = Noted(over, $"attempt {over.Attempt} {Names.Of(end.State)}: {end.Reason}", at) with
        {
            State = TaskState.Queued,
            Stop = null,
            Process = null,
            Question = null,
            Resumes = false,
            FirstInLine = false,
            NotBefore = notBefore,
        };
        return (queued, EndFields(end).With("why", repeated ? "repeatable" : "retry").With("notBefore", notBefore).As(TaskEventType.Requeued, at));
    }

    /// <summary>Only the inactivity limit ends an attempt and not the task; the wall clock runs over all attempts, and everybody else wants the end.</summary>
    private static bool MayRetryAfter(TaskRecord record, StopRequest stop) => stop is { Cause: EndCause.Inactivity, NoRetry: false } && record.Spec.Retry is not null;

    private static bool IsFinal(StopRequest stop) => stop.Cause != EndCause.Inactivity;

    private static bool MayRetry(TaskRecord over, TaskEnd end)
    {
        if (over.Spec.Retry is not { } retry || over.Attempt > retry.Max) return false;
        return end.State switch
        {
            TaskState.Failed => retry.On.HasFlag(RetryOn.Failed) && end.Cause is not (EndCause.Budget or EndCause.OutputLimit),
            TaskState.Lost => retry.On.HasFlag(RetryOn.Lost),
            TaskState.TimedOut => retry.On.HasFlag(RetryOn.TimedOut),
            TaskState.Completed or TaskState.Stopped => false,
            TaskState.Queued or TaskState.Running or TaskState.Waiting or TaskState.Stopping => throw new UnreachableException(),
        };
    }

    /// <summary>Twice as long each time, and of that between half and all: what failed together does not come again together. Which share is the task's own, so that it can be decided twice.</summary>
    private static TimeSpan Backoff(TaskId task, TimeSpan first, int attempt)
    {
        var wait = first.TotalSeconds * Math.Pow(2, attempt - 1) * (0.5 + Share(task, attempt) / 2);
        return wait < Duration.Max.TotalSeconds ? TimeSpan.FromSeconds(wait) : Duration.Max;
    }

    /// <summary>From 0 to 1, always the same for one attempt of one task (FNV-1a over the id's text and the attempt).</summary>
    private static double Share(TaskId task, int attempt)
    {
        var hash = 14695981039346656037UL;
        foreach (var c in task.ToString()) hash = (hash ^ c) * 1099511628211UL;
        hash = (hash ^ (uint)attempt) * 1099511628211UL;
        // Its low bits are the better mixed ones.
        return (uint)(hash ^ hash >> 32) / (double)uint.MaxValue;
    }

    // -- what comes after the end -------------------------------------------------------------------------------------

    private static Decision AfterTheEnd(TaskRecord record, Transition transition) => transition switch
    {
        Transition.Settle t => IsKnown(record, t.Outcome) ? Same : AnnotatedOnce(record, $"late outcome, the end stands: {Names.Of(t.Outcome.Kind)}, {Ending.Describe(t.Outcome)}", t.At),
        Transition.Annotate t => AnnotatedOnce(record, t.Text, t.At),
        Transition.RemoveOutput t => record.Output.RemovedAt is not null ? Same : Change(record, record with { Output = record.Output with { RemovedAt = t.At, RemovedReason = t.Reason } }, NoteEvent($"its output was removed: {t.Reason}", t.At)),
        Transition.Retry t => Retried(record, t),
        Transition.AddChild => Refuse(RefusalReason.ParentEnded),
        // Children that were let go end later than their parent.
        Transition.EndChild => Same,
        _ => Refuse(RefusalReason.Ended),
    };

    private static Decision.Changed Retried(TaskRecord record, Transition.Retry t)
    {
        var text = $"run again as task {t.Next}";
        return Change(record, record with { Annotations = record.Annotations.Add(new(t.At, text)) },
            EventData.None.With("text", text).With("retriedAs", t.Next.ToString()).With("actor", t.Actor).As(TaskEventType.Annotated, t.At));
    }

    /// <summary>Whether a late outcome says nothing that the end does not say: the same exit, the same result, or only that it was broken off.</summary>
    private static bool IsKnown(TaskRecord ended, TaskOutcome late)
    {
        var end = ended.End!;
        if (late.Exit is { } exit) return end.Exit is { } known && known.Code == exit.Code && known.Signal == exit.Signal;
        if (late.Result?.GetRawText() != end.Result?.GetRawText() || late.Error != end.Error) return false;
        return Ending.Of(ended with { Stop = null }, late).State == end.State
            || late.Kind is not (OutcomeKind.Succeeded or OutcomeKind.Failed) && end.State is TaskState.Stopped or TaskState.TimedOut or TaskState.Lost;
    }

    private static Decision AnnotatedOnce(TaskRecord record, string text, DateTimeOffset at) => record.Annotations.Any(a => a.Text == Given(text)) ? Same : Annotated(record, text, at);

    // -- small things -------------------------------------------------------------------------------------------------

    private static Decision Annotated(TaskRecord record, string text, DateTimeOffset at) =>
        Given(text) is { } given ? Change(record, record with { Annotations = record.Annotations.Add(new(at, given)) }, NoteEvent(given, at)) : Same;

    /// <summary>Adds a fact, unless it was the last one already: a launch that fails each minute is told once.</summary>
    private static TaskRecord Noted(TaskRecord record, string text, DateTimeOffset at) =>
        record.Annotations is [.., { } last] && last.Text == text ? record : record with { Annotations = record.Annotations.Add(new(at, text)) };

    /// <summary>A question that nobody can answer any more is none; one that was answered stays for whom it helps.</summary>
    private static TaskRecord Unasked(TaskRecord record) => record.Question is { Answer: null } ? record with { Question = null } : record;

    private static TaskOutcome Broken(EndCause cause, string evidence) =>
        new() { Kind = OutcomeKind.Interrupted, Cause = cause, Evidence = Given(evidence) is { } given ? [given] : [] };

    private static bool IsSame(ProcessFacts a, ProcessFacts b) => a.Pid == b.Pid && a.StartTicks == b.StartTicks && a.BootId == b.BootId;

    private static TaskEventDraft Started(ProcessFacts process, DateTimeOffset at) => EventData.None.With("pid", process.Pid).With("commandPid", process.CommandPid).As(TaskEventType.Started, at);

    private static EventData Told(TaskProgress progress) => EventData.None.With("fraction", progress.Fraction).With("text", progress.Text).With("done", progress.Done).With("total", progress.Total).With("unit", progress.Unit);

    private static TaskEventDraft StopRequested(StopRequest stop) => EventData.None.WithName("cause", stop.Cause).With("actor", stop.Actor).With("reason", stop.Reason)
        .With("now", stop.Now).With("measured", stop.Measured).As(TaskEventType.StopRequested, stop.RequestedAt);

    private static TaskEventDraft NoteEvent(string text, DateTimeOffset at) => EventData.None.With("text", text).As(TaskEventType.Annotated, at);

    private static EventData Requeued(string why) => EventData.None.With("why", why);

    private static EventData EndFields(TaskEnd end) => EventData.None.WithName("state", end.State).WithName("cause", end.Cause).With("reason", end.Reason).With("actor", end.Actor)
        .With("exitCode", end.Exit?.Code).With("signal", end.Exit?.Signal).With("measured", end.Measured);

    private static Decision.Changed Change(TaskRecord before, TaskRecord after, params ReadOnlySpan<TaskEventDraft> events) =>
        new(after with { Version = before.Version + 1, Events = before.Events + events.Length }, [.. events]);

    private static Decision.Refused Refuse(RefusalReason reason) => new Decision.Refused(reason);

    private static Decision Same { get; } = new Decision.Unchanged();

    private static ImmutableArray<T> Each<T>(ImmutableArray<T> items) => items.IsDefault ? [] : items;
}
