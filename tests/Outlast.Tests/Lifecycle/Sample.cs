using System.Collections.Immutable;
using Outlast.Lifecycle;

namespace Outlast.Tests.Lifecycle;

/// <summary>Records, specs and outcomes as tests need them.</summary>
internal static class Sample
{
    public static readonly DateTimeOffset Noon = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);
    public static readonly Actor User = new(ActorType.User, "uid 1000", "cli");
    public static readonly TaskClaim Claim = new(HostId.OfEpoch(1), FencingToken.Of(1, 1));
    public static readonly TaskClaim LaterClaim = new(HostId.OfEpoch(2), FencingToken.Of(2, 1));
    public static readonly ProcessFacts Process = new(4711, 4712, "boot-1", 812345);

    public static DateTimeOffset At(double seconds) => Noon + TimeSpan.FromSeconds(seconds);

    public static TaskSpec ProcessSpec(string stopSignal = "TERM") => new()
    {
        Name = "make",
        Process = new() { Argv = ["make"], Cwd = "/", Environment = ImmutableSortedDictionary<string, string>.Empty, StopSignal = stopSignal },
    };

    public static TaskSpec HandlerSpec() => new() { Name = "digest", Handler = "digest" };

    public static TaskRecord Queued(TaskSpec? spec = null, TaskRecord? parent = null) => TaskLifecycle.Submit(TaskId.New(Noon), spec ?? ProcessSpec(), parent, User, Noon).After;

    public static TaskRecord Running(TaskSpec? spec = null) => Queued(spec).After(Transition.Claimed(Claim, At(1)));

    public static TaskRecord Launched(TaskSpec? spec = null) => Running(spec).After(Transition.Launched(Claim, Process, At(2)));

    public static TaskRecord Waiting(TaskSpec? spec = null) => Running(spec ?? HandlerSpec()).After(Transition.Asked(Claim, new("Deploy?", At(3), At(63), "no"), At(3)));

    public static TaskRecord WaitingAlone(TaskSpec? spec = null) => Waiting(spec).After(Transition.OwnerGone(Claim, "host h1 is gone", true, At(4)));

    public static TaskRecord Stopping(TaskSpec? spec = null, StopRequest? stop = null) => Running(spec).After(Transition.StopAsked(stop ?? Stop()));

    public static TaskRecord WithChild(TaskRecord record) => record.After(Transition.ChildAdded(TaskId.New(Noon), At(3)));

    public static TaskRecord Finishing(TaskRecord running) => WithChild(running).After(Transition.Settled(Claim, Exited(0), null, At(5)));

    public static StopRequest Stop(EndCause cause = EndCause.User, string? reason = null, bool now = false, double at = 4) => new()
    {
        Cause = cause,
        Actor = ActorFor(cause),
        Reason = reason,
        RequestedAt = At(at),
        Now = now,
    };

    public static Actor ActorFor(EndCause cause) => cause switch
    {
        EndCause.User or EndCause.Operator or EndCause.Parent => User,
        EndCause.Model => new(ActorType.Agent, "reviewer"),
        _ => Actor.Rule(Names.Of(cause)),
    };

    public static TaskOutcome Exited(int code, string? signal = null, params ImmutableArray<string> seen) =>
        new() { Kind = code == 0 ? OutcomeKind.Succeeded : OutcomeKind.Failed, Cause = EndCause.Exit, Exit = new(code, signal, seen) };

    public static TaskOutcome Outcome(OutcomeKind kind, EndCause cause = EndCause.Error) => new() { Kind = kind, Cause = cause };

    /// <summary>The record after a step that must change it.</summary>
    public static TaskRecord After(this TaskRecord record, Transition transition) => record.Change(transition).After;

    /// <summary>The decision on a step that must change the record.</summary>
    public static Decision.Changed Change(this TaskRecord record, Transition transition) => Assert.IsType<Decision.Changed>(TaskLifecycle.Apply(record, transition));

    /// <summary>The reason why a step is not taken.</summary>
    public static RefusalReason Refusal(this TaskRecord record, Transition transition) => Assert.IsType<Decision.Refused>(TaskLifecycle.Apply(record, transition)).Reason;

    public static void StaysSame(this TaskRecord record, Transition transition) => Assert.IsType<Decision.Unchanged>(TaskLifecycle.Apply(record, transition));
}
