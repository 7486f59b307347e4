using System.Collections.Immutable;
using System.Text.Json;
using Outlast.Lifecycle;
using static Outlast.Tests.Lifecycle.Sample;

namespace Outlast.Tests.Lifecycle;

/// <summary>How an outcome becomes an end: rules 1 and 2, and what every end says.</summary>
public sealed class SettlingTests
{
    [Theory]
    [InlineData(0, null, TaskState.Completed, "exit code 0")]
    [InlineData(7, null, TaskState.Failed, "exit code 7")]
    [InlineData(137, "KILL", TaskState.Failed, "killed by signal KILL")]
    public void A_process_that_nobody_stopped_ends_by_its_exit(int code, string? signal, TaskState state, string reason)
    {
        var end = Launched().After(Transition.Settled(Claim, Exited(code, signal), null, At(9))).End!;
        Assert.Equal((state, EndCause.Exit, reason), (end.State, end.Cause, end.Reason));
        Assert.Equal((code, signal), (end.Exit!.Code, end.Exit.Signal));
        Assert.Null(end.Actor);
    }

    [Theory]
    [InlineData("TERM", null, "TERM", true)]
    [InlineData("TERM", null, "USR1", false)]
    [InlineData("TERM", null, "", false)]
    [InlineData("INT", null, "TERM", false)]
    [InlineData("INT", null, "INT", true)]
    [InlineData("SIGINT", null, "USR1 INT", true)]
    [InlineData("TERM", "KILL", "", true)]
    [InlineData("TERM", "SEGV", "", false)]
    [Trait("Requirement", "C15")]
    [Trait("Requirement", "U-21")]
    public void A_process_ended_by_the_stop_only_if_it_saw_the_stop(string stopSignal, string? diedBy, string seen, bool byStop)
    {
        foreach (var code in (int[])[0, 7, 143])
        {
            var stopping = Stopping(ProcessSpec(stopSignal), Stop(EndCause.User, "wrong branch"));
            var ended = stopping.After(Transition.Settled(Claim, Exited(code, diedBy, [.. seen.Split(' ', StringSplitOptions.RemoveEmptyEntries)]), null, At(9)));
            Assert.Equal(code, ended.End!.Exit!.Code);
            if (byStop)
            {
                Assert.Equal((TaskState.Stopped, EndCause.User, "stopped by user: wrong branch"), (ended.State, ended.End.Cause, ended.End.Reason));
                Assert.Equal(User, ended.End.Actor);
            }
            else
            {
                Assert.Equal((code == 0 && diedBy is null ? TaskState.Completed : TaskState.Failed, EndCause.Exit), (ended.State, ended.End.Cause));
                Assert.Contains(ended.Annotations, a => a.Text.Contains("stopped by user: wrong branch", StringComparison.Ordinal));
            }
        }
    }

    [Theory]
    [InlineData(EndCause.Deadline, TaskState.TimedOut)]
    [InlineData(EndCause.Inactivity, TaskState.TimedOut)]
    [InlineData(EndCause.Budget, TaskState.Failed)]
    [InlineData(EndCause.OutputLimit, TaskState.Failed)]
    [InlineData(EndCause.User, TaskState.Stopped)]
    [InlineData(EndCause.Model, TaskState.Stopped)]
    [InlineData(EndCause.Parent, TaskState.Stopped)]
    [InlineData(EndCause.Operator, TaskState.Stopped)]
    [InlineData(EndCause.Reload, TaskState.Stopped)]
    [InlineData(EndCause.Shutdown, TaskState.Stopped)]
    [Trait("Requirement", "U-15")]
    public void What_fails_after_a_stop_ends_by_the_stop(EndCause cause, TaskState state)
    {
        foreach (var kind in (OutcomeKind[])[OutcomeKind.Failed, OutcomeKind.Interrupted, OutcomeKind.Suspended, OutcomeKind.Lost])
            foreach (var spec in (TaskSpec[])[ProcessSpec(), HandlerSpec()])
            {
                var ended = Stopping(spec, Stop(cause)).After(Transition.Settled(Claim, Outcome(kind) with { Reason = "it broke" }, null, At(9)));
                Assert.Equal((state, cause, ActorFor(cause)), (ended.State, ended.End!.Cause, ended.End.Actor));
                Assert.Contains("the attempt itself: it broke", ended.End.Evidence);
            }
    }

    [Fact]
    [Trait("Requirement", "C15")]
    public void A_result_that_was_delivered_although_a_stop_was_asked_is_kept()
    {
        var result = JsonSerializer.SerializeToElement(new { answer = 42 });
        var ended = Stopping(HandlerSpec()).After(Transition.Settled(Claim, Outcome(OutcomeKind.Succeeded) with { Result = result }, null, At(9)));
        Assert.Equal((TaskState.Completed, EndCause.Exit), (ended.State, ended.End!.Cause));
        Assert.Equal(42, ended.End.Result!.Value.GetProperty("answer").GetInt32());
        Assert.Contains(ended.Annotations, a => a.Text.Contains("the stop came too late", StringComparison.Ordinal));
    }

    [Fact]
    [Trait("Requirement", "U-14")]
    public void What_a_budget_cut_off_failed_and_keeps_its_part()
    {
        var part = JsonSerializer.SerializeToElement("half a review");
        var asked = Stopping(HandlerSpec(), Stop(EndCause.Budget)).After(Transition.Settled(Claim, Outcome(OutcomeKind.Interrupted) with { Result = part }, null, At(9)));
        var told = Running(HandlerSpec()).After(Transition.Settled(Claim, Outcome(OutcomeKind.Failed, EndCause.Budget) with { Result = part }, null, At(9)));
        foreach (var ended in (TaskRecord[])[asked, told])
        {
            Assert.Equal((TaskState.Failed, EndCause.Budget), (ended.State, ended.End!.Cause));
            Assert.Equal("half a review", ended.End.Result!.Value.GetString());
        }
    }

    [Theory]
    [InlineData(OutcomeKind.Interrupted, EndCause.Exit, TaskState.Failed, EndCause.Error)]
    [InlineData(OutcomeKind.Failed, EndCause.NeverStarted, TaskState.Failed, EndCause.NeverStarted)]
    [InlineData(OutcomeKind.Failed, EndCause.User, TaskState.Failed, EndCause.Error)]
    [InlineData(OutcomeKind.Failed, EndCause.Shutdown, TaskState.Failed, EndCause.Error)]
    [InlineData(OutcomeKind.Succeeded, EndCause.User, TaskState.Completed, EndCause.Exit)]
    [InlineData(OutcomeKind.Lost, EndCause.User, TaskState.Lost, EndCause.HostLost)]
    [Trait("Requirement", "A10")]
    public void A_runner_cannot_claim_that_somebody_asked(OutcomeKind kind, EndCause said, TaskState state, EndCause cause)
    {
        var ended = Running(HandlerSpec()).After(Transition.Settled(Claim, Outcome(kind, said), null, At(9)));
        Assert.Equal((state, cause, null), (ended.State, ended.End!.Cause, ended.End.Actor));
        Assert.DoesNotContain("user", ended.End.Reason, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public void A_refused_launch_is_no_exit_of_the_command()
    {
        var ended = Launched().After(Transition.Settled(Claim, Exited(126) with { Kind = OutcomeKind.Failed, Cause = EndCause.NeverStarted, Reason = "cannot start 'foo': permission denied" }, null, At(9)));
        Assert.Equal((TaskState.Failed, EndCause.NeverStarted, "cannot start 'foo': permission denied"), (ended.State, ended.End!.Cause, ended.End.Reason));
    }

    [Fact]
    [Trait("Requirement", "U-30")]
    public void Survivors_and_the_steps_of_a_stop_are_named_in_the_end()
    {
        var survivor = new Survivor(99, 7, "sleep 1000");
        var verification = new StopVerification([survivor], ["TERM to group 4711 at 0.0 s", "KILL at 10.0 s"]);
        var end = Stopping().After(Transition.Settled(Claim, Exited(137, "KILL") with { Evidence = ["exit record"] }, verification, At(15))).End!;
        Assert.Equal([survivor], end.Leftovers.AsEnumerable());
        Assert.Equal(["exit record", "TERM to group 4711 at 0.0 s", "KILL at 10.0 s"], end.Evidence.AsEnumerable());
    }

    [Theory]
    [InlineData(EndCause.Inactivity, "idleMs", 1_800_321, "timed out: no activity for 30m (limit 30m)")]
    [InlineData(EndCause.Deadline, "elapsedMs", 3_661_000, "timed out: ran 1h 1m (limit 30m)")]
    [Trait("Requirement", "U-20")]
    public void A_limit_names_its_rule_and_what_it_measured(EndCause cause, string key, long measured, string reason)
    {
        var stop = Stop(cause) with { Measured = ImmutableSortedDictionary<string, long>.Empty.Add(key, measured).Add("limitMs", 1_800_000) };
        var decision = Stopping(ProcessSpec(), stop).Change(Transition.Settled(Claim, Exited(143, null, "TERM"), null, At(9)));
        var end = decision.After.End!;
        Assert.Equal((reason, stop.Actor), (end.Reason, end.Actor));
        Assert.Equal(measured, end.Measured[key]);
        var settled = Assert.Single(decision.Events);
        Assert.Equal(TaskEventType.Ended, settled.Type);
        Assert.Equal(["actor", "cause", "exitCode", "kind", "measured", "reason", "state"], settled.Data.Keys);
        Assert.Equal(measured, settled.Data["measured"].GetProperty(key).GetInt64());
        Assert.Equal("timed_out", settled.Data["state"].GetString());
    }

    [Theory]
    [InlineData(EndCause.User, "stopped by user")]
    [InlineData(EndCause.Model, "stopped by the model")]
    [InlineData(EndCause.Parent, "stopped with its parent")]
    [InlineData(EndCause.Operator, "stopped by an operator")]
    [InlineData(EndCause.Reload, "stopped by a reload")]
    [InlineData(EndCause.Shutdown, "stopped by the host's shutdown")]
    [InlineData(EndCause.Deadline, "timed out: the wall-clock limit was reached")]
    [InlineData(EndCause.Inactivity, "timed out: no activity")]
    [InlineData(EndCause.OutputLimit, "cut off at its output limit")]
    [InlineData(EndCause.Budget, "cut off when its budget was used up")]
    [Trait("Requirement", "S285-9")]
    public void A_blank_reason_is_absent_and_a_sentence_stands_in(EndCause cause, string sentence)
    {
        foreach (var blank in (string?[])[null, "", "  ", "\t\n"])
        {
            var stopping = Running(HandlerSpec()).Change(Transition.StopAsked(Stop(cause, blank)));
            Assert.Null(stopping.After.Stop!.Reason);
            Assert.DoesNotContain("reason", stopping.Events.Single().Data.Keys);
            Assert.Equal(sentence, stopping.After.After(Transition.Settled(Claim, Outcome(OutcomeKind.Interrupted) with { Reason = blank }, null, At(9))).End!.Reason);
        }
    }

    [Fact]
    public void Every_outcome_has_a_sentence()
    {
        Assert.Equal("IOException: disk full", Ending.Describe(Outcome(OutcomeKind.Failed) with { Error = new("IOException", "disk full", null) }));
        Assert.Equal("could not be started", Ending.Describe(Outcome(OutcomeKind.Failed, EndCause.NeverStarted)));
        Assert.Equal("failed", Ending.Describe(Outcome(OutcomeKind.Failed) with { Reason = " " }));
        Assert.Equal("finished", Ending.Describe(Outcome(OutcomeKind.Succeeded)));
        Assert.Equal("broken off, and nobody asked for it", Ending.Describe(Outcome(OutcomeKind.Interrupted)));
        Assert.Equal("nobody can know how it ended", Ending.Describe(Outcome(OutcomeKind.Lost)));
    }

    [Fact]
    public void An_end_does_not_precede_its_start_although_the_clock_was_set_back()
    {
        var ended = Running().After(Transition.Settled(Claim, Exited(0), null, At(-3600)));
        Assert.Equal(ended.StartedAt, ended.EndedAt);
    }

    [Fact]
    [Trait("Requirement", "S285-7")]
    [Trait("Requirement", "D9")]
    public void A_late_failure_after_a_deadline_is_a_note()
    {
        var ended = Stopping(ProcessSpec(), Stop(EndCause.Deadline)).After(Transition.Settled(Claim, Outcome(OutcomeKind.Lost, EndCause.HostLost), null, At(9)));
        var late = ended.Change(Transition.Settled(Claim, Exited(1) with { Reason = "fatal: no space" }, null, At(12)));
        Assert.Equal(TaskState.TimedOut, late.After.State);
        Assert.Equal((ended.End, ended.EndedAt), (late.After.End, late.After.EndedAt));
        Assert.Contains("fatal: no space", Assert.Single(late.After.Annotations).Text, StringComparison.Ordinal);
        Assert.Equal(TaskEventType.Annotated, Assert.Single(late.Events).Type);
        late.After.StaysSame(Transition.Settled(Claim, Exited(1) with { Reason = "fatal: no space" }, null, At(13)));
    }

    [Fact]
    public void The_same_outcome_told_twice_is_no_news()
    {
        var settle = Transition.Settled(Claim, Exited(7), null, At(9));
        Launched().After(settle).StaysSame(settle);
        var result = Transition.Settled(Claim, Outcome(OutcomeKind.Succeeded) with { Result = JsonSerializer.SerializeToElement(1) }, null, At(9));
        Running(HandlerSpec()).After(result).StaysSame(result);
    }
}
