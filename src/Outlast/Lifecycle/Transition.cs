using System.Collections.Immutable;

namespace Outlast.Lifecycle;

/// <summary>One step in the life of a task, built by a named constructor that admits only what can be. <see cref="TaskLifecycle.Apply"/> decides what it does.</summary>
internal abstract record Transition
{
    private Transition(DateTimeOffset at) => At = at;

    /// <summary>When.</summary>
    public DateTimeOffset At { get; }

    /// <summary>The claim under which the writer acts; none where whoever comes may act.</summary>
    public virtual TaskClaim? By => null;

    // -- what the owner says ------------------------------------------------------------------------------------------

    /// <summary>A host takes a queued task: the next attempt.</summary>
    public static Transition Claimed(TaskClaim claim, DateTimeOffset at) => new Claim(claim, at);
    /// <summary>The attempt's process exists.</summary>
    public static Transition Launched(TaskClaim claim, ProcessFacts process, DateTimeOffset at) => new Launch(claim, process, at);
    /// <summary>The attempt is over.</summary>
    /// <param name="claim">Its owner.</param>
    /// <param name="outcome">How it ended.</param>
    /// <param name="verification">What the stop found, when one was under way.</param>
    /// <param name="at">When.</param>
    public static Transition Settled(TaskClaim claim, TaskOutcome outcome, StopVerification? verification, DateTimeOffset at) => new Settle(claim, outcome, verification, at);
    /// <summary>The attempt provably did not start: the same attempt is queued again, or ends by its stop's cause.</summary>
    /// <param name="claim">Its owner, when the owner itself says so; none when a rescuer proved it.</param>
    /// <param name="evidence">How that is known.</param>
    /// <param name="notBefore">When it is tried again at the earliest.</param>
    /// <param name="at">When.</param>
    public static Transition NeverStarted(TaskClaim? claim, string evidence, DateTimeOffset? notBefore, DateTimeOffset at) => new NotStarted(claim, evidence, notBefore, at);
    /// <summary>The task asks somebody, and waits.</summary>
    public static Transition Asked(TaskClaim claim, Question question, DateTimeOffset at) => new Ask(claim, question, at);

    // -- what a later host says ---------------------------------------------------------------------------------------

    /// <summary>A host goes on with an attempt whose owner is gone.</summary>
    /// <param name="claim">The new claim.</param>
    /// <param name="alive">Whether it was found alive, which counts as an adoption; otherwise it is taken over only to be settled.</param>
    /// <param name="process">Its process, when the record does not know it yet.</param>
    /// <param name="evidence">How that is known.</param>
    /// <param name="at">When.</param>
    public static Transition Adopted(TaskClaim claim, bool alive, ProcessFacts? process, string evidence, DateTimeOffset at) => new Adopt(claim, alive, process, evidence, at);
    /// <summary>The owner is gone and so is the attempt: queued again if that is allowed, else lost.</summary>
    /// <param name="gone">The claim of the owner that is gone, so that a claim taken since is left alone.</param>
    /// <param name="evidence">How that is known.</param>
    /// <param name="resumable">Whether a journal lets it go on.</param>
    /// <param name="at">When.</param>
    public static Transition OwnerGone(TaskClaim gone, string evidence, bool resumable, DateTimeOffset at) => new Orphan(gone, evidence, resumable, at);

    // -- what others ask ----------------------------------------------------------------------------------------------

    /// <summary>Somebody wants it to stop.</summary>
    /// <exception cref="ArgumentException">The cause is none that anybody can ask for, or speaks of a user when none asked.</exception>
    public static Transition StopAsked(StopRequest request)
    {
        if (!Ending.CanBeAsked(request.Cause)) throw new ArgumentException($"Nobody can ask for a stop of cause {Names.Of(request.Cause)}.", nameof(request));
        if (request.Cause == EndCause.User && request.Actor.Type != ActorType.User)
            throw new ArgumentException($"A stop of cause user needs a user; {Names.Of(request.Actor.Type)} {request.Actor.Id} is none.", nameof(request));
        return new Stop(request with { Reason = TaskLifecycle.Given(request.Reason) });
    }
    /// <summary>Limits are moved. Given as they shall be.</summary>
    public static Transition Extended(TaskLimits limits, Actor actor, DateTimeOffset at) => new Extend(limits, actor, at);
    /// <summary>The question is answered. The first of answer and expiry wins.</summary>
    public static Transition Answered(string text, Actor actor, DateTimeOffset at) => new Answer(text, actor, at);
    /// <summary>The question expired: its default is the answer, or the asker is told.</summary>
    public static Transition QuestionExpired(DateTimeOffset at) => new Answer(null, Actor.Rule("question_expiry"), at);

    /// <summary>An ended task is run again, as another one that is submitted in the same commit.</summary>
    public static Transition Retried(TaskId next, Actor actor, DateTimeOffset at) => new Retry(next, actor, at);

    // -- what happens in its tree -------------------------------------------------------------------------------------

    /// <summary>An attached child is submitted in the same commit.</summary>
    public static Transition ChildAdded(TaskId child, DateTimeOffset at) => new AddChild(child, at);
    /// <summary>An attached child ended in the same commit.</summary>
    /// <param name="child">Which.</param>
    /// <param name="at">When.</param>
    /// <param name="below">What became of it and of what was below it; none where nobody can know any more.</param>
    public static Transition ChildEnded(TaskId child, DateTimeOffset at, EndedBelow? below = null) => new EndChild(child, below, at);
    /// <summary>A task is submitted below this one in the same commit, at any depth.</summary>
    public static Transition BelowAdded(TaskId task, DateTimeOffset at) => new AddBelow(task, at);
    /// <summary>A task below this one ended in the same commit.</summary>
    public static Transition BelowEnded(TaskId task, DateTimeOffset at) => new EndBelow(task, at);

    // -- what is noted ------------------------------------------------------------------------------------------------

    /// <summary>The rule that warns of the wall-clock limit, once for each limit.</summary>
    public const string DeadlineWarning = "deadline_warning";

    /// <summary>A limit comes near, or silence lasts.</summary>
    /// <param name="rule"><c>idle_warning</c>, <c>deadline_warning</c> or <c>budget_warning</c>.</param>
    /// <param name="text">For people: measured silence, time left, how to raise the limit.</param>
    /// <param name="measured">With the unit in the name.</param>
    /// <param name="at">When.</param>
    public static Transition Warned(string rule, string text, ImmutableSortedDictionary<string, long> measured, DateTimeOffset at) => new Warn(rule, text, measured, at);
    /// <summary>The work tells how far it is.</summary>
    public static Transition Progressed(TaskClaim claim, TaskProgress progress, DateTimeOffset at) => new Tell(claim, progress, at);
    /// <summary>A fact beside the main story; also for ended tasks.</summary>
    public static Transition Annotated(string text, DateTimeOffset at) => new Annotate(text, at);
    /// <summary>Time passed that does not count: the machine slept, or its clock jumped. Negative when the clock was set back.</summary>
    public static Transition Paused(TimeSpan by, DateTimeOffset at) => new Pause(by, at);

    /// <summary>The logs of an ended task are about to be removed; the record stays.</summary>
    public static Transition OutputRemoved(string reason, DateTimeOffset at) => new RemoveOutput(reason, at);

    internal sealed record Claim(TaskClaim Owner, DateTimeOffset When) : Transition(When);
    internal sealed record Launch(TaskClaim Owner, ProcessFacts Process, DateTimeOffset When) : Transition(When) { public override TaskClaim By => Owner; }
    internal sealed record Settle(TaskClaim Owner, TaskOutcome Outcome, StopVerification? Verification, DateTimeOffset When) : Transition(When) { public override TaskClaim By => Owner; }
    internal sealed record NotStarted(TaskClaim? Owner, string Evidence, DateTimeOffset? NotBefore, DateTimeOffset When) : Transition(When) { public override TaskClaim? By => Owner; }
    internal sealed record Ask(TaskClaim Owner, Question Question, DateTimeOffset When) : Transition(When) { public override TaskClaim By => Owner; }
    internal sealed record Adopt(TaskClaim Owner, bool Alive, ProcessFacts? Process, string Evidence, DateTimeOffset When) : Transition(When);
    internal sealed record Orphan(TaskClaim Gone, string Evidence, bool Resumable, DateTimeOffset When) : Transition(When) { public override TaskClaim By => Gone; }
    internal sealed record Stop(StopRequest Request) : Transition(Request.RequestedAt);
    internal sealed record Extend(TaskLimits Limits, Actor Actor, DateTimeOffset When) : Transition(When);
    internal sealed record Answer(string? Text, Actor Actor, DateTimeOffset When) : Transition(When);
    internal sealed record Retry(TaskId Next, Actor Actor, DateTimeOffset When) : Transition(When);
    internal sealed record AddChild(TaskId Child, DateTimeOffset When) : Transition(When);
    internal sealed record EndChild(TaskId Child, EndedBelow? Below, DateTimeOffset When) : Transition(When);
    internal sealed record AddBelow(TaskId Task, DateTimeOffset When) : Transition(When);
    internal sealed record EndBelow(TaskId Task, DateTimeOffset When) : Transition(When);
    internal sealed record Tell(TaskClaim Owner, TaskProgress Progress, DateTimeOffset When) : Transition(When) { public override TaskClaim By => Owner; }
    internal sealed record Warn(string Rule, string Text, ImmutableSortedDictionary<string, long> Measured, DateTimeOffset When) : Transition(When);
    internal sealed record Annotate(string Text, DateTimeOffset When) : Transition(When);
    internal sealed record RemoveOutput(string Reason, DateTimeOffset When) : Transition(When);
    internal sealed record Pause(TimeSpan Duration, DateTimeOffset When) : Transition(When);
}

/// <summary>What a stop found when it looked again.</summary>
internal sealed record StopVerification(ImmutableArray<Survivor> Survivors, ImmutableArray<string> Evidence);

/// <summary>Why a transition is not applied.</summary>
internal enum RefusalReason
{
    /// <summary>The task has ended.</summary>
    Ended,
    /// <summary>The writer's claim is not the record's.</summary>
    WrongToken,
    /// <summary>The state does not allow it.</summary>
    WrongState,
    /// <summary>The parent is over, or asked to stop.</summary>
    ParentEnded,
    /// <summary>The task has not ended.</summary>
    NotEnded,
}

/// <summary>What a transition does to a record.</summary>
internal abstract record Decision
{
    private Decision() { }

    /// <summary>The record becomes this one, and this is announced.</summary>
    internal sealed record Changed(TaskRecord After, ImmutableArray<TaskEventDraft> Events) : Decision
    {
        /// <summary>What every open attached child is to be asked in the same commit, as if by <see cref="Transition.StopAsked"/>; it may do the same to its own. None: nothing.</summary>
        public StopRequest? StopChildren { get; init; }
    }

    /// <summary>Nothing to do: it is so already.</summary>
    internal sealed record Unchanged : Decision;

    /// <summary>It may not be.</summary>
    internal sealed record Refused(RefusalReason Reason) : Decision;
}
