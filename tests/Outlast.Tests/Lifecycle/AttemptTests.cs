using Outlast.Lifecycle;
using static Outlast.Tests.Lifecycle.Sample;

namespace Outlast.Tests.Lifecycle;

/// <summary>Claims, launches, adoptions, suspension and retries: what becomes of attempts.</summary>
public sealed class AttemptTests
{
    [Fact]
    public void A_claim_begins_an_attempt_without_an_event()
    {
        var queued = Queued() with { FirstInLine = true, NotBefore = At(1) };
        Assert.Equal(RefusalReason.WrongState, queued.Refusal(Transition.Claimed(Claim, At(0.5))));
        var claimed = queued.Change(Transition.Claimed(Claim, At(1)));
        Assert.Empty(claimed.Events);
        Assert.Equal((TaskState.Running, 1, At(1), Claim, false, null), (claimed.After.State, claimed.After.Attempt, claimed.After.StartedAt, claimed.After.Claim, claimed.After.FirstInLine, claimed.After.NotBefore));
    }

    [Fact]
    public void A_process_is_announced_once_also_during_a_stop()
    {
        foreach (var record in (TaskRecord[])[Running(), Stopping()])
        {
            var launched = record.Change(Transition.Launched(Claim, Process, At(2)));
            var started = Assert.Single(launched.Events);
            Assert.Equal((TaskEventType.Started, 4711), (started.Type, started.Data["pid"].GetInt32()));
            Assert.Equal(record.Version + 1, launched.After.Version);
            launched.After.StaysSame(Transition.Launched(Claim, Process, At(3)));
            Assert.Empty(launched.After.Change(Transition.Launched(Claim, Process with { CommandPid = 4800 }, At(3))).Events);
            Assert.Equal(RefusalReason.WrongState, launched.After.Refusal(Transition.Launched(Claim, Process with { StartTicks = 1 }, At(3))));
        }
    }

    [Fact]
    public void What_never_started_comes_first_as_the_same_attempt()
    {
        var back = Running().Change(Transition.NeverStarted(Claim, "disk full", At(30), At(5)));
        Assert.Equal(TaskEventType.Requeued, Assert.Single(back.Events).Type);
        Assert.Equal((TaskState.Queued, 0, null, null, true, At(30)), (back.After.State, back.After.Attempt, back.After.StartedAt, back.After.Claim, back.After.FirstInLine, back.After.NotBefore));
        Assert.Contains("disk full", Assert.Single(back.After.Annotations).Text, StringComparison.Ordinal);

        var again = back.After.After(Transition.Claimed(LaterClaim, At(31)));
        Assert.Equal((1, At(31)), (again.Attempt, again.StartedAt));
        Assert.Single(again.After(Transition.NeverStarted(LaterClaim, "disk full", null, At(32))).Annotations);
    }

    [Fact]
    [Trait("Requirement", "C17")]
    public void What_never_started_while_a_stop_was_asked_ends_by_the_stop()
    {
        var ended = Stopping().After(Transition.NeverStarted(null, "the lock is free and there is no pid", null, At(9)));
        Assert.Equal((TaskState.Stopped, EndCause.User, 0, null), (ended.State, ended.End!.Cause, ended.Attempt, ended.StartedAt));
        Assert.Contains("the lock is free and there is no pid", ended.End.Evidence);
    }

    [Fact]
    public void A_wrapper_that_never_began_is_forgotten_although_its_pid_was_known()
    {
        var back = Launched().After(Transition.NeverStarted(null, "the lock is free and there is no pid file", null, At(9)));
        Assert.Equal((TaskState.Queued, 0, null), (back.State, back.Attempt, back.Process));
    }

    [Fact]
    public void An_adoption_keeps_state_and_attempt_and_is_told_with_its_evidence()
    {
        foreach (var record in (TaskRecord[])[Launched(), Launched().After(Transition.StopAsked(Stop())), Waiting()])
        {
            var adopted = record.Change(Transition.Adopted(LaterClaim, true, record.Process, "the lock is held", At(9)));
            Assert.Equal((record.State, record.Attempt, LaterClaim, 1), (adopted.After.State, adopted.After.Attempt, adopted.After.Claim, adopted.After.Adoptions));
            var told = Assert.Single(adopted.Events);
            Assert.Equal((TaskEventType.Adopted, "the lock is held"), (told.Type, told.Data["evidence"].GetString()));
        }
    }

    [Fact]
    public void An_adopter_that_learns_the_process_announces_its_start_first()
    {
        var adopted = Running().Change(Transition.Adopted(LaterClaim, true, Process, "the lock is held", At(9)));
        Assert.Equal([TaskEventType.Started, TaskEventType.Adopted], adopted.Events.Select(e => e.Type));
        Assert.Equal(Process, adopted.After.Process);

        var ended = Running().Change(Transition.Adopted(LaterClaim, false, Process, "an exit record is there", At(9)));
        Assert.Equal([TaskEventType.Started, TaskEventType.Annotated], ended.Events.Select(e => e.Type));
        Assert.Equal((0, "an exit record is there"), (ended.After.Adoptions, Assert.Single(ended.After.Annotations).Text));
    }

    [Fact]
    [Trait("Requirement", "S2293-13")]
    public void A_former_owner_is_told_to_stop()
    {
        var adopted = Launched().After(Transition.Adopted(LaterClaim, true, null, "the lock is held", At(9)));
        Assert.Equal(RefusalReason.WrongToken, adopted.Refusal(Transition.Settled(Claim, Exited(0), null, At(10))));
        Assert.Equal(RefusalReason.WrongToken, adopted.Refusal(Transition.OwnerGone(Claim, "gone", false, At(10))));
        Assert.Equal(RefusalReason.WrongToken, adopted.Refusal(Transition.Adopted(Claim, true, null, "the lock is held", At(10))));
        Assert.Equal(TaskState.Completed, adopted.After(Transition.Settled(LaterClaim, Exited(0), null, At(10))).State);
    }

    [Fact]
    public void Gone_without_a_trace_is_lost_unless_it_may_be_repeated()
    {
        var lost = Launched().After(Transition.OwnerGone(Claim, "another boot of the machine", false, At(9)));
        Assert.Equal((TaskState.Lost, EndCause.HostLost), (lost.State, lost.End!.Cause));
        Assert.Equal(["another boot of the machine"], lost.End.Evidence.AsEnumerable());

        var repeated = Launched(ProcessSpec() with { Repeatable = true }).Change(Transition.OwnerGone(Claim, "another boot of the machine", false, At(9)));
        Assert.Equal((TaskState.Queued, null), (repeated.After.State, repeated.After.Process));
        Assert.Equal(TaskEventType.Requeued, Assert.Single(repeated.Events).Type);
        Assert.Equal(2, repeated.After.After(Transition.Claimed(LaterClaim, At(10))).Attempt);
    }

    [Fact]
    [Trait("Requirement", "C16")]
    public void Gone_while_stopping_ends_by_the_stop()
    {
        foreach (var spec in (TaskSpec[])[ProcessSpec(), HandlerSpec(), ProcessSpec() with { Repeatable = true }])
        {
            var ended = Stopping(spec).After(Transition.OwnerGone(Claim, "another boot of the machine", true, At(9)));
            Assert.Equal((TaskState.Stopped, EndCause.User), (ended.State, ended.End!.Cause));
        }
    }

    [Fact]
    public void A_suspended_handler_goes_on_as_the_same_attempt()
    {
        var suspended = Running(HandlerSpec()).Change(Transition.Settled(Claim, Outcome(OutcomeKind.Suspended), null, At(9)));
        Assert.Equal(TaskEventType.Requeued, Assert.Single(suspended.Events).Type);
        Assert.Equal((TaskState.Queued, true, true), (suspended.After.State, suspended.After.FirstInLine, suspended.After.Resumes));
        var resumed = suspended.After.After(Transition.Claimed(LaterClaim, At(10)));
        Assert.Equal((1, At(1), true), (resumed.Attempt, resumed.StartedAt, resumed.Resumes));
        var again = resumed.After(Transition.NeverStarted(LaterClaim, "host full", null, At(11)));
        Assert.Equal((1, At(1), true), (again.Attempt, again.StartedAt, again.Resumes));
    }

    [Fact]
    public void A_question_outlives_its_owner_and_its_answer_comes_first_in_line()
    {
        var alone = WaitingAlone();
        Assert.Equal((TaskState.Waiting, null), (alone.State, alone.Claim));
        var answered = alone.After(Transition.Answered("yes", User, At(9)));
        Assert.Equal((TaskState.Queued, true, true, "yes"), (answered.State, answered.FirstInLine, answered.Resumes, answered.Question!.Answer!.Text));
        Assert.Equal(("yes", 1), answered.After(Transition.Claimed(LaterClaim, At(10))) is var r ? (r.Question!.Answer!.Text, r.Attempt) : default);
        Assert.Equal(RefusalReason.WrongState, answered.Refusal(Transition.QuestionExpired(At(70))));
        Assert.Equal((TaskState.Waiting, null), Waiting().After(Transition.Settled(Claim, Outcome(OutcomeKind.Suspended), null, At(9))) is var s ? (s.State, s.Claim) : default);
    }

    [Fact]
    public void A_question_expires_at_its_time_with_its_default()
    {
        Assert.Equal(RefusalReason.WrongState, Waiting().Refusal(Transition.QuestionExpired(At(62))));
        var expired = Waiting().Change(Transition.QuestionExpired(At(63)));
        Assert.Equal((TaskState.Running, "no"), (expired.After.State, expired.After.Question!.Answer!.Text));
        Assert.True(expired.Events.Single().Data["expired"].GetBoolean());
        Assert.Equal(RefusalReason.WrongState, expired.After.Refusal(Transition.Answered("yes", User, At(64))));
    }

    [Fact]
    public void Retries_wait_twice_as_long_each_time_less_a_share_of_their_own_and_end()
    {
        var record = Queued(ProcessSpec() with { Retry = new(3, TimeSpan.FromSeconds(10), RetryOn.Failed) });
        var others = Queued(ProcessSpec() with { Retry = new(3, TimeSpan.FromSeconds(10), RetryOn.Failed) }) with { Id = TaskId.New(Noon.AddHours(1)) };
        Assert.NotEqual(Failed(record).NotBefore, Failed(others).NotBefore);
        Assert.Equal(Failed(record).NotBefore, Failed(record).NotBefore);

        static TaskRecord Failed(TaskRecord task) => task.After(Transition.Claimed(Claim, At(1))).After(Transition.Settled(Claim, Exited(1), null, At(2)));
        foreach (var wait in (int[])[10, 20, 40])
        {
            var at = (record.NotBefore ?? Noon).AddSeconds(1);
            var again = record.After(Transition.Claimed(Claim, at)).Change(Transition.Settled(Claim, Exited(1), null, at));
            record = again.After;
            Assert.Equal(TaskState.Queued, record.State);
            Assert.InRange(record.NotBefore!.Value - at, TimeSpan.FromSeconds(wait / 2.0), TimeSpan.FromSeconds(wait));
            Assert.Equal(("retry", 1), (again.Events.Single().Data["why"].GetString(), again.Events.Single().Data["exitCode"].GetInt32()));
        }
        var last = record.After(Transition.Claimed(Claim, record.NotBefore!.Value)).After(Transition.Settled(Claim, Exited(1), null, record.NotBefore!.Value));
        Assert.Equal((TaskState.Failed, 4), (last.State, last.Attempt));
    }

    [Fact]
    [Trait("Requirement", "V-31")]
    public void No_retry_follows_that_could_not_begin_before_the_wall_clock_limit()
    {
        var spec = ProcessSpec() with { Retry = new(9, TimeSpan.FromSeconds(100), RetryOn.Failed), Timeout = TimeSpan.FromSeconds(40) };
        var failed = Queued(spec).After(Transition.Claimed(Claim, At(1))).After(Transition.Settled(Claim, Exited(7), null, At(2)));
        Assert.Equal((TaskState.Failed, EndCause.Exit, 7), (failed.State, failed.End!.Cause, failed.End.Exit!.Code));
        Assert.Contains(failed.Annotations, a => a.Text.Contains("no retry follows", StringComparison.Ordinal));

        var longer = Queued(spec with { Timeout = TimeSpan.FromSeconds(400) }).After(Transition.Claimed(Claim, At(1))).After(Transition.Settled(Claim, Exited(7), null, At(2)));
        Assert.Equal(TaskState.Queued, longer.State);
    }

    [Fact]
    [Trait("Requirement", "U-19")]
    public void What_the_host_lost_counts_as_no_attempt_and_is_retried_only_where_that_was_asked_for()
    {
        var spec = ProcessSpec() with { Retry = new(1, TimeSpan.Zero, RetryOn.Failed) };
        var record = Queued(spec);
        for (var time = 1; time <= 5; time++)
            record = record.After(Transition.Claimed(Claim, At(time))).After(Transition.NeverStarted(Claim, "the lock is free and there is no pid", null, At(time)));
        Assert.Equal((TaskState.Queued, 0), (record.State, record.Attempt));
        var lost = record.After(Transition.Claimed(Claim, At(9))).After(Transition.Launched(Claim, Process, At(9))).After(Transition.OwnerGone(Claim, "another boot of the machine", false, At(10)));
        Assert.Equal((TaskState.Lost, EndCause.HostLost, 1), (lost.State, lost.End!.Cause, lost.Attempt));

        var also = Queued(spec with { Retry = spec.Retry with { On = RetryOn.Lost } }).After(Transition.Claimed(Claim, At(9)));
        Assert.Equal(TaskState.Queued, also.After(Transition.OwnerGone(Claim, "another boot of the machine", false, At(10))).State);
        Assert.Equal(TaskState.Failed, also.After(Transition.Settled(Claim, Exited(1), null, At(10))).State);
    }

    [Fact]
    public void What_was_to_start_by_a_moment_is_not_claimed_after_it()
    {
        var queued = Queued(ProcessSpec() with { StartBy = At(10) });
        Assert.Equal(RefusalReason.WrongState, queued.Refusal(Transition.Claimed(Claim, At(11))));
        var retried = queued.After(Transition.Claimed(Claim, At(9))).After(Transition.OwnerGone(Claim, "gone", false, At(20)));
        Assert.True(retried.State.IsTerminal());
        var again = (queued with { Spec = queued.Spec with { Repeatable = true } }).After(Transition.Claimed(Claim, At(9))).After(Transition.OwnerGone(Claim, "gone", false, At(20)));
        // It has started once, in time.
        Assert.Equal(TaskState.Running, again.After(Transition.Claimed(LaterClaim, At(21))).State);
    }

    [Fact]
    public void A_retry_follows_silence_but_nobody_s_wish()
    {
        var spec = ProcessSpec() with { Retry = new(3, TimeSpan.FromSeconds(10), RetryOn.Failed | RetryOn.TimedOut) };
        var silent = Stopping(spec, Stop(EndCause.Inactivity));
        var killed = Transition.Settled(Claim, Exited(143, null, "TERM"), null, At(9));
        Assert.Equal((TaskState.Queued, null), silent.After(killed) is var r ? (r.State, r.Stop) : default);

        var wished = silent.After(Transition.StopAsked(Stop(EndCause.User, at: 6)));
        Assert.Equal(EndCause.Inactivity, wished.Stop!.Cause);
        Assert.Equal(TaskState.TimedOut, wished.After(killed).State);
        wished.StaysSame(Transition.StopAsked(Stop(EndCause.User, at: 7)));

        foreach (var cause in (EndCause[])[EndCause.User, EndCause.Deadline, EndCause.Shutdown])
            Assert.True(Stopping(spec, Stop(cause)).After(killed).State.IsTerminal());
    }

    [Fact]
    public void A_new_attempt_starts_with_no_output_and_no_question()
    {
        var spec = HandlerSpec() with { Retry = new(1, TimeSpan.Zero, RetryOn.Failed) };
        var answered = Waiting(spec).After(Transition.Answered("yes", User, At(5)));
        var failed = answered.After(Transition.Settled(Claim, Outcome(OutcomeKind.Failed) with { Output = new(100, 0, 0, 0) }, null, At(6)));
        Assert.Equal((TaskState.Queued, 100, null), (failed.State, failed.Output.Bytes, failed.Question));
        Assert.Equal(0, failed.After(Transition.Claimed(LaterClaim, At(7))).Output.Bytes);
    }
}
