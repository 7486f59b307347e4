using System.Collections.Immutable;
using Outlast.Lifecycle;
using static Outlast.Tests.Lifecycle.Sample;

namespace Outlast.Tests.Lifecycle;

/// <summary>Submission, limits, warnings, notes and pauses.</summary>
public sealed class SmallStepTests
{
    [Fact]
    public void A_submission_is_queued_under_its_parent()
    {
        var parent = Queued(ProcessSpec() with { Timeout = TimeSpan.FromHours(1) });
        var child = TaskLifecycle.Submit(TaskId.New(Noon), HandlerSpec() with { NotBefore = At(60) }, parent, User, At(1));
        Assert.Equal((TaskState.Queued, 1, 0, parent.Id, parent.Id, 1), (child.After.State, child.After.Version, child.After.Attempt, child.After.Parent, child.After.Root, child.After.Depth));
        Assert.Equal((At(60), At(1), 1), (child.After.NotBefore, child.After.CreatedAt, child.After.Events));
        Assert.Equal(TaskEventType.Submitted, Assert.Single(child.Events).Type);
        Assert.Equal((parent.Id, 0, TimeSpan.FromHours(1)), (parent.Root, parent.Depth, parent.Limits.Timeout));
    }

    [Fact]
    public void Limits_are_moved_while_it_runs()
    {
        var limits = new TaskLimits(TimeSpan.FromMinutes(90), null, null);
        var extended = Running().Change(Transition.Extended(limits, User, At(5)));
        Assert.Equal(limits, extended.After.Limits);
        Assert.Equal(5_400_000, extended.Events.Single().Data["timeoutMs"].GetInt64());
        Assert.DoesNotContain("idleTimeoutMs", extended.Events.Single().Data.Keys);
        extended.After.StaysSame(Transition.Extended(limits, User, At(6)));
    }

    [Fact]
    [Trait("Requirement", "U-20")]
    public void A_warning_is_an_event_with_what_was_measured()
    {
        var warned = Running().Change(Transition.Warned("idle_warning", "silent for 15m", ImmutableSortedDictionary<string, long>.Empty.Add("idleMs", 900_000), At(5)));
        var warning = Assert.Single(warned.Events);
        Assert.Equal((TaskEventType.Warning, "idle_warning", 900_000), (warning.Type, warning.Data["rule"].GetString(), warning.Data["measured"].GetProperty("idleMs").GetInt64()));
    }

    [Fact]
    public void Blank_notes_are_none_and_ended_tasks_take_notes()
    {
        Running().StaysSame(Transition.Annotated(" ", At(5)));
        var ended = Queued().After(Transition.StopAsked(Stop()));
        var noted = ended.Change(Transition.Annotated(" leftover 99 ended ", At(9)));
        Assert.Equal("leftover 99 ended", Assert.Single(noted.After.Annotations).Text);
        Assert.Equal(TaskEventType.Annotated, Assert.Single(noted.Events).Type);
    }

    [Fact]
    public void Pauses_add_up_and_a_clock_set_back_takes_them_off()
    {
        var paused = Running().After(Transition.Paused(TimeSpan.FromHours(8), At(5))).After(Transition.Paused(TimeSpan.FromHours(-1), At(6)));
        Assert.Equal(TimeSpan.FromHours(7), paused.Paused);
        Running().StaysSame(Transition.Paused(TimeSpan.Zero, At(5)));
        Queued().StaysSame(Transition.Paused(TimeSpan.FromHours(8), At(5)));
    }
}
