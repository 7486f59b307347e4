using Outlast.Lifecycle;
using static Outlast.Tests.Lifecycle.Sample;

namespace Outlast.Tests.Lifecycle;

/// <summary>What a stop does in each state, and to a tree.</summary>
public sealed class StopTests
{
    [Fact]
    [Trait("Requirement", "C17")]
    public void A_queued_task_is_stopped_without_ever_running()
    {
        var stopped = Queued().Change(Transition.StopAsked(Stop(EndCause.User, "wrong branch")));
        Assert.Equal((TaskState.Stopped, EndCause.User, User, "stopped by user: wrong branch"), (stopped.After.State, stopped.After.End!.Cause, stopped.After.End.Actor, stopped.After.End.Reason));
        Assert.Equal((0, null), (stopped.After.Attempt, stopped.After.StartedAt));
        Assert.Equal(TaskEventType.Ended, Assert.Single(stopped.Events).Type);
        Assert.Equal(RefusalReason.Ended, stopped.After.Refusal(Transition.Claimed(Claim, At(9))));
    }

    [Fact]
    public void A_start_deadline_ends_only_what_has_not_started()
    {
        var late = Queued(ProcessSpec() with { StartBy = At(60) }).After(Transition.StopAsked(Stop(EndCause.StartDeadline, at: 61)));
        Assert.Equal((TaskState.TimedOut, "timed out: not started by 2026-03-01T12:01:00.000Z"), (late.State, late.End!.Reason));
        Running().StaysSame(Transition.StopAsked(Stop(EndCause.StartDeadline)));
    }

    [Fact]
    [Trait("Requirement", "U-16")]
    public void Asking_again_changes_nothing_but_may_skip_the_grace()
    {
        var stopping = Stopping(ProcessSpec(), Stop(EndCause.Deadline));
        stopping.StaysSame(Transition.StopAsked(Stop(EndCause.User, "give up", at: 5)));
        var now = stopping.Change(Transition.StopAsked(Stop(EndCause.User, "give up", now: true, at: 6)));
        Assert.Equal(TaskEventType.StoppingNow, Assert.Single(now.Events).Type);
        Assert.Equal((EndCause.Deadline, At(4), true), (now.After.Stop!.Cause, now.After.Stop.RequestedAt, now.After.Stop.Now));
        now.After.StaysSame(Transition.StopAsked(Stop(EndCause.User, now: true, at: 7)));
    }

    [Fact]
    public void A_task_that_waits_is_stopped_at_once_if_nobody_runs_it()
    {
        Assert.Equal(TaskState.Stopped, WaitingAlone().After(Transition.StopAsked(Stop())).State);
        var claimed = Waiting().After(Transition.StopAsked(Stop()));
        Assert.Equal((TaskState.Stopping, null), (claimed.State, claimed.Question));
    }

    [Fact]
    [Trait("Requirement", "V-65")]
    public void Waiting_is_not_silence()
    {
        foreach (var record in (TaskRecord[])[Queued(), Waiting(), WaitingAlone(), Finishing(Launched())])
            Assert.Equal(RefusalReason.WrongState, record.Refusal(Transition.StopAsked(Stop(EndCause.Inactivity))));
    }

    [Theory]
    [InlineData(EndCause.Exit)]
    [InlineData(EndCause.Error)]
    [InlineData(EndCause.HostLost)]
    [InlineData(EndCause.NeverStarted)]
    public void Nobody_can_ask_for_what_can_only_be_found(EndCause cause) => Assert.Throws<ArgumentException>(() => Transition.StopAsked(Stop(cause)));

    [Fact]
    [Trait("Requirement", "A10")]
    public void Only_a_user_stops_in_a_user_s_name()
    {
        foreach (var actor in (Actor[])[Actor.Rule("reload"), Actor.Host(HostId.OfEpoch(1)), new(ActorType.Agent, "reviewer")])
            Assert.Throws<ArgumentException>(() => Transition.StopAsked(Stop() with { Actor = actor }));
    }

    [Fact]
    public void The_children_are_asked_in_the_words_of_the_first()
    {
        var parent = WithChild(Running());
        var asked = parent.Change(Transition.StopAsked(Stop(EndCause.User, "wrong branch"))).StopChildren!;
        Assert.Equal((EndCause.Parent, User, $"task {parent.Id} stopped by user: wrong branch"), (asked.Cause, asked.Actor, asked.Reason));
        var grandchild = WithChild(Running()).Change(Transition.StopAsked(asked)).StopChildren!;
        Assert.Equal(asked.Reason, grandchild.Reason);
        Assert.Null(Running().Change(Transition.StopAsked(Stop())).StopChildren);
        Assert.True(parent.After(Transition.StopAsked(Stop())).Change(Transition.StopAsked(Stop(now: true, at: 9))).StopChildren!.Now);
    }

    [Fact]
    public void A_task_with_open_children_is_finishing_until_the_last_has_ended()
    {
        var running = WithChild(WithChild(Launched()));
        var finishing = running.Change(Transition.Settled(Claim, Exited(7), null, At(9)));
        Assert.True(finishing.After.IsFinishing);
        Assert.Equal((TaskState.Running, null), (finishing.After.State, finishing.After.Claim));
        Assert.Equal((TaskEventType.Settled, 2), (finishing.Events.Single().Type, finishing.Events.Single().Data["openChildren"].GetInt32()));
        Assert.Null(finishing.StopChildren);

        var one = finishing.After.After(Transition.ChildEnded(TaskId.New(Noon), At(20)));
        Assert.True(one.IsFinishing);
        var ended = one.Change(Transition.ChildEnded(TaskId.New(Noon), At(30)));
        Assert.Equal((TaskState.Failed, 7, At(30)), (ended.After.State, ended.After.End!.Exit!.Code, ended.After.EndedAt));
        Assert.Equal(TaskEventType.Ended, Assert.Single(ended.Events).Type);
    }

    [Fact]
    public void What_is_finishing_was_not_left_by_an_owner()
    {
        var finishing = Finishing(Launched());
        Assert.Equal(RefusalReason.WrongToken, finishing.Refusal(Transition.OwnerGone(Claim, "gone", false, At(9))));
        Assert.Equal(RefusalReason.WrongState, finishing.Refusal(Transition.Adopted(LaterClaim, true, null, "alive", At(9))));
        Assert.Equal(RefusalReason.WrongState, finishing.Refusal(Transition.NeverStarted(null, "no pid", null, At(9))));
        Assert.Equal(RefusalReason.ParentEnded, finishing.Refusal(Transition.ChildAdded(TaskId.New(Noon), At(9))));
    }

    [Fact]
    public void A_stop_of_a_finishing_task_reaches_only_its_children()
    {
        var finishing = Finishing(Launched());
        var asked = finishing.Change(Transition.StopAsked(Stop(EndCause.User, at: 9)));
        Assert.Equal((TaskState.Running, null), (asked.After.State, asked.After.Stop));
        Assert.Equal(EndCause.Parent, asked.StopChildren!.Cause);
        Assert.Equal(TaskEventType.Annotated, Assert.Single(asked.Events).Type);
        asked.After.StaysSame(Transition.StopAsked(Stop(EndCause.User, at: 10)));
        Assert.Equal(TaskState.Completed, asked.After.After(Transition.ChildEnded(TaskId.New(Noon), At(11))).State);
    }

    [Fact]
    public void A_queued_task_with_open_children_waits_for_them_too()
    {
        var retry = WithChild(Launched(ProcessSpec() with { Retry = new(1, TimeSpan.Zero, RetryOn.Failed) })).After(Transition.Settled(Claim, Exited(1), null, At(6)));
        Assert.Equal((TaskState.Queued, 1), (retry.State, retry.OpenChildren));
        var stopping = retry.Change(Transition.StopAsked(Stop(at: 7)));
        Assert.Equal([TaskEventType.StopRequested, TaskEventType.Settled], stopping.Events.Select(e => e.Type));
        Assert.Equal(EndCause.Parent, stopping.StopChildren!.Cause);
        Assert.Equal((TaskState.Stopped, EndCause.User), stopping.After.After(Transition.ChildEnded(TaskId.New(Noon), At(8))) is var r ? (r.State, r.End!.Cause) : default);
    }

    [Fact]
    public void The_policy_says_what_an_end_does_to_children()
    {
        var settle = Transition.Settled(Claim, Exited(0), null, At(9));
        var stop = WithChild(Launched(ProcessSpec() with { Children = ChildPolicy.Stop })).Change(settle);
        Assert.True(stop.After.IsFinishing);
        Assert.Equal((EndCause.Parent, Actor.Rule("children_policy")), (stop.StopChildren!.Cause, stop.StopChildren.Actor));

        var detach = WithChild(Launched(ProcessSpec() with { Children = ChildPolicy.Detach })).Change(settle);
        Assert.Equal((TaskState.Completed, 0), (detach.After.State, detach.After.OpenChildren));
        Assert.Null(detach.StopChildren);
        detach.After.StaysSame(Transition.ChildEnded(TaskId.New(Noon), At(10)));
    }
}
