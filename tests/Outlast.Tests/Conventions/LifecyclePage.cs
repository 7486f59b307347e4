using System.Collections.Immutable;
using System.Text;
using Outlast.Lifecycle;
using Outlast.Tests.Lifecycle;

namespace Outlast.Tests.Conventions;

/// <summary>The tables of docs/lifecycle.md, as the code says them.</summary>
internal static class LifecyclePage
{
    public static IReadOnlyDictionary<string, Func<string>> Tables { get; } = new Dictionary<string, Func<string>>
    {
        ["transitions"] = Transitions,
        ["exits"] = Exits,
        ["causes"] = Causes,
        ["events"] = Events,
    };

    private static string Transitions()
    {
        var spec = Sample.HandlerSpec();
        (string Name, TaskRecord Record)[] states =
        [
            ("queued", Sample.Queued(spec)), ("running", Sample.Running(spec)), ("waiting", Sample.Waiting(spec)), ("waiting, no owner", Sample.WaitingAlone(spec)),
            ("stopping", Sample.Stopping(spec)), ("finishing", Sample.Finishing(Sample.Running(spec))), ("ended", Sample.Queued(spec).After(Transition.StopAsked(Sample.Stop()))),
        ];
        var (claim, at, child) = (Sample.Claim, Sample.At(100), TaskId.New(Sample.Noon));
        (string Name, Transition Step)[] steps =
        [
            ("Claimed", Transition.Claimed(Sample.LaterClaim, at)),
            ("Launched", Transition.Launched(claim, Sample.Process, at)),
            ("Settled: succeeded", Settled(OutcomeKind.Succeeded)),
            ("Settled: failed", Settled(OutcomeKind.Failed)),
            ("Settled: interrupted", Settled(OutcomeKind.Interrupted)),
            ("Settled: suspended", Settled(OutcomeKind.Suspended)),
            ("Settled: lost", Settled(OutcomeKind.Lost)),
            ("NeverStarted", Transition.NeverStarted(null, "proved", null, at)),
            ("Asked", Transition.Asked(claim, new("Deploy?", at, null, null), at)),
            ("Adopted", Transition.Adopted(Sample.LaterClaim, true, null, "alive", at)),
            ("OwnerGone, resumable", Transition.OwnerGone(claim, "gone", true, at)),
            ("OwnerGone, not resumable", Transition.OwnerGone(claim, "gone", false, at)),
            ("StopAsked: user", Transition.StopAsked(Sample.Stop())),
            ("StopAsked: user, now", Transition.StopAsked(Sample.Stop(now: true))),
            ("StopAsked: inactivity", Transition.StopAsked(Sample.Stop(EndCause.Inactivity))),
            ("StopAsked: start_deadline", Transition.StopAsked(Sample.Stop(EndCause.StartDeadline))),
            ("Extended", Transition.Extended(new(TimeSpan.FromHours(1), null, null), Sample.User, at)),
            ("Answered", Transition.Answered("yes", Sample.User, at)),
            ("QuestionExpired", Transition.QuestionExpired(at)),
            ("Retried", Transition.Retried(child, Sample.User, at)),
            ("ChildAdded", Transition.ChildAdded(child, at)),
            ("ChildEnded", Transition.ChildEnded(child, at)),
            ("BelowAdded", Transition.BelowAdded(child, at)),
            ("BelowEnded", Transition.BelowEnded(child, at)),
            ("Warned", Transition.Warned("idle_warning", "silent", ImmutableSortedDictionary<string, long>.Empty, at)),
            ("Annotated", Transition.Annotated("a fact", at)),
            ("Paused", Transition.Paused(TimeSpan.FromHours(1), at)),
        ];
        return Table(["", .. states.Select(s => s.Name)], steps.Select(step => (string[])[$"`{step.Name}`", .. states.Select(s => Cell(TaskLifecycle.Apply(s.Record, step.Step)))]));

        Transition Settled(OutcomeKind kind) => Transition.Settled(claim, Sample.Outcome(kind), null, at);
    }

    private static string Exits()
    {
        (string Said, TaskOutcome Outcome)[] rows =
        [
            ("code 0, no signal seen", Sample.Exited(0)),
            ("code 7, no signal seen", Sample.Exited(7)),
            ("code 0, TERM seen", Sample.Exited(0, null, "TERM")),
            ("code 143, TERM seen", Sample.Exited(143, null, "TERM")),
            ("code 0, USR1 seen", Sample.Exited(0, null, "USR1")),
            ("killed by KILL", Sample.Exited(137, "KILL")),
            ("no exit record", Sample.Outcome(OutcomeKind.Lost, EndCause.HostLost)),
        ];
        return Table(["the process", "nobody asked", "a user asked", "the inactivity limit asked"], rows.Select(row => (string[])
        [
            row.Said,
            End(Sample.Launched(), row.Outcome),
            End(Sample.Stopping(), row.Outcome),
            End(Sample.Stopping(stop: Sample.Stop(EndCause.Inactivity)), row.Outcome),
        ]));

        static string End(TaskRecord record, TaskOutcome outcome)
        {
            var end = record.After(Transition.Settled(Sample.Claim, outcome, null, Sample.At(9))).End!;
            return $"`{Names.Of(end.State)}`, `{Names.Of(end.Cause)}`";
        }
    }

    private static string Causes() => Table(["cause", "asked for", "ends as", "in words"], Enum.GetValues<EndCause>().Select(cause => Ending.CanBeAsked(cause)
        ? (string[])[$"`{Names.Of(cause)}`", "yes", $"`{Names.Of(Ending.StateOf(cause))}`", Ending.Describe(Sample.HandlerSpec(), Sample.Stop(cause))]
        : [$"`{Names.Of(cause)}`", "no, found", Found(cause), "the runner's own sentence"]));

    private static string Found(EndCause cause) => string.Join(", ", Enum.GetValues<OutcomeKind>()
        .Select(kind => Sample.Running(Sample.HandlerSpec()).After(Transition.Settled(Sample.Claim, Sample.Outcome(kind, cause), null, Sample.At(9))).End)
        .Where(end => end is not null && end.Cause == cause).Select(end => $"`{Names.Of(end!.State)}`").Distinct());

    private static string Events() => string.Join(' ', Names.All<TaskEventType>().Select(n => $"`{n}`"));

    private static string Cell(Decision decision) => decision switch
    {
        Decision.Changed { After: { IsFinishing: true } after } => $"`{Names.Of(after.State)}`, finishing",
        Decision.Changed { After: var after } => after.State.IsTerminal() && after.Annotations.Length > 0 && after.End!.Cause == EndCause.User && after.Annotations[^1].At > after.EndedAt ? "noted" : $"`{Names.Of(after.State)}`",
        Decision.Unchanged => "–",
        Decision.Refused { Reason: var reason } => $"✗ {Words(reason)}",
        _ => throw new InvalidOperationException(),
    };

    private static string Words(RefusalReason reason) => reason switch
    {
        RefusalReason.Ended => "ended",
        RefusalReason.WrongToken => "wrong token",
        RefusalReason.WrongState => "wrong state",
        RefusalReason.ParentEnded => "parent ended",
        RefusalReason.NotEnded => "not ended",
    };

    private static string Table(IReadOnlyList<string> head, IEnumerable<string[]> rows)
    {
        var text = new StringBuilder();
        Line(head);
        Line([.. head.Select(_ => "---")]);
        foreach (var row in rows) Line(row);
        return text.ToString().TrimEnd('\n');

        void Line(IReadOnlyList<string> cells) => text.Append("| ").AppendJoin(" | ", cells).Append(" |\n");
    }
}
