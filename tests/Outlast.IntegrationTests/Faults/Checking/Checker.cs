using System.Collections.Immutable;

namespace Outlast.IntegrationTests.Faults.Checking;

/// <summary>Judges a run from the outside. Pure.</summary>
internal static class Checker
{
    // The witness reads the clock before its last write; the host's and the kernel's clocks differ by less than this.
    private static readonly TimeSpan ClockTolerance = TimeSpan.FromMilliseconds(100);

    public static ImmutableArray<Violation> Judge(Evidence evidence) =>
    [
        .. EveryAcknowledgedTaskIsThere(evidence),
        .. EverySubmissionIsOneTask(evidence),
        .. EveryProcessIsKnown(evidence),
        .. EveryAttemptStartsOnce(evidence),
        .. NothingIsRepeatedUnasked(evidence),
        .. NothingIsRepeatedWithoutNeed(evidence),
        .. EverythingIsOver(evidence),
        .. NothingOverIsAlive(evidence),
        .. EveryEndIsTrue(evidence),
        .. EveryEndIsToldOnce(evidence),
        .. JudgeNotices(evidence),
        .. OutputIsWhole(evidence),
        .. FollowersSawTheTruth(evidence),
    ];

    /// <summary>What sessions were told, of tasks of whatever kind.</summary>
    public static ImmutableArray<Violation> JudgeNotices(Evidence evidence) =>
    [
        .. EveryEndReachesItsSession(evidence),
        .. NothingComesAfterItsAcknowledgement(evidence),
        .. NoticesComeInOrder(evidence),
        .. NoticesAreTheSessionsOwn(evidence),
    ];

    private static IEnumerable<Violation> EveryAcknowledgedTaskIsThere(Evidence e) =>
        from a in e.Acknowledged
        where !e.Answers.ContainsKey(a.Id)
        select new Violation(ViolationKind.Missing, a.Id, $"acknowledged to '{a.Key}', and the host does not know it");

    private static IEnumerable<Violation> EverySubmissionIsOneTask(Evidence e) =>
        from byKey in e.Acknowledged.Select(a => (a.Key, a.Id)).Concat(e.Answers.Values.Select(a => (Key: a.Name, a.Id))).Distinct().GroupBy(p => p.Key)
        where byKey.Count() > 1
        select new Violation(ViolationKind.AcceptedTwice, byKey.First().Id, $"'{byKey.Key}' became {string.Join(" and ", byKey.Select(p => p.Id))}");

    private static IEnumerable<Violation> EveryProcessIsKnown(Evidence e)
    {
        foreach (var id in e.Starts.Select(s => s.Id).Concat(e.MarksSeen).Concat(e.Alive.Select(p => p.TaskId)).Distinct())
            if (!e.Answers.ContainsKey(id))
                yield return new(ViolationKind.UnknownProcess, id, "a process of it ran, and no record knows it");
        foreach (var start in e.Starts)
            if (e.Answers.TryGetValue(start.Id, out var answer) && start.Attempt > answer.Attempt)
                yield return new(ViolationKind.UnknownProcess, start.Id, $"attempt {start.Attempt} ran as pid {start.Pid}, the record knows {answer.Attempt}");
    }

    private static IEnumerable<Violation> EveryAttemptStartsOnce(Evidence e) =>
        from attempt in e.Starts.GroupBy(s => (s.Id, s.Attempt))
        where attempt.Count() > 1
        select new Violation(ViolationKind.StartedTwice, attempt.Key.Id, $"attempt {attempt.Key.Attempt} started as pids {Join(attempt.Select(s => s.Pid))}");

    private static IEnumerable<Violation> NothingIsRepeatedUnasked(Evidence e) =>
        from task in e.Starts.GroupBy(s => s.Id)
        where PlanOf(e, task.Key) is { Repeatable: false } && task.Select(s => s.Attempt).Distinct().Count() > 1
        select new Violation(ViolationKind.RepeatedUnasked, task.Key, $"attempts {Join(task.Select(s => s.Attempt))} ran");

    private static IEnumerable<Violation> NothingIsRepeatedWithoutNeed(Evidence e) =>
        from a in e.Answers.Values
        where e.NoAttemptCanBeLost && a.Attempt > 1
        select new Violation(ViolationKind.RepeatedUnasked, a.Id, $"attempt {a.Attempt}, and nothing had happened to the one before");

    private static IEnumerable<Violation> EverythingIsOver(Evidence e) =>
        from a in e.Answers.Values
        where !a.IsTerminal
        select new Violation(ViolationKind.NotTerminal, a.Id, $"still {a.State}");

    private static IEnumerable<Violation> NothingOverIsAlive(Evidence e) =>
        from p in e.Alive
        where e.Answers.TryGetValue(p.TaskId, out var a) && a.IsTerminal
        select new Violation(ViolationKind.EndedAlive, p.TaskId, $"{e.Answers[p.TaskId].State}, and pid {p.Pid} (start {p.StartTicks}) lives: {p.Command}");

    private static IEnumerable<Violation> EveryEndIsTrue(Evidence e) =>
        e.Answers.Values.Where(a => a.IsTerminal).SelectMany(a => EndIsTrue(e, a));

    private static IEnumerable<Violation> EndIsTrue(Evidence e, HostAnswer a)
    {
        if (PlanOf(e, a.Id) is not { } plan)
        {
            yield return new(ViolationKind.UnknownProcess, a.Id, $"nobody planned a task named '{a.Name}'");
            yield break;
        }
        if (a.State == "lost")
        {
            yield return new(ViolationKind.LostUnproved, a.Id, "nothing happened to it that could lose it");
            yield break;
        }
        if (a.Cause != "exit")
        {
            if (a.State != "stopped" || a.Cause != "user" || !e.StopsAsked.Contains(a.Id))
                yield return new(ViolationKind.FalseEnd, a.Id, $"{a.State} by '{a.Cause}', and nobody asked for that");
            yield break;
        }
        if (a.ExitCode != plan.ExitCode || a.State != (plan.ExitCode == 0 ? "completed" : "failed"))
            yield return new(ViolationKind.FalseEnd, a.Id, $"{a.State} with code {a.ExitCode}; it exits with {plan.ExitCode}");
        if (e.Ends.FirstOrDefault(end => end.Id == a.Id && end.Attempt == a.Attempt) is not { } witnessed)
            yield return new(ViolationKind.EarlyEnd, a.Id, $"{a.State} by its exit, and it never reached its end");
        else if (a.EndedAt < witnessed.At - ClockTolerance)
            yield return new(ViolationKind.EarlyEnd, a.Id, $"ended at {a.EndedAt:O}, and was running at {witnessed.At:O}");
    }

    private static IEnumerable<Violation> EveryEndIsToldOnce(Evidence e) =>
        from a in e.Answers.Values
        where a.IsTerminal && a.SettledEvents != 1
        select new Violation(ViolationKind.SettledEvents, a.Id, $"{a.SettledEvents} terminal events");

    private static IEnumerable<Violation> EveryEndReachesItsSession(Evidence e)
    {
        var came = e.Inboxes.Where(i => !i.Acknowledged).Select(i => i.Key).Distinct().ToLookup(TaskOf);
        return from a in e.Answers.Values
               where a.IsTerminal && a.Session is not null && e.ReadToTheEnd.Contains(a.Session)
               let ends = came[a.Id].Where(k => k.EndsWith(":ended", StringComparison.Ordinal)).ToList()
               where ends.Count != 1
               select new Violation(ViolationKind.NoticeMissing, a.Id, $"session {a.Session} was told of its end under {ends.Count} keys: {Join(ends)}");
    }

    private static IEnumerable<Violation> NothingComesAfterItsAcknowledgement(Evidence e)
    {
        foreach (var session in e.Inboxes.GroupBy(i => i.Session))
        {
            var acknowledged = new HashSet<string>();
            foreach (var entry in session)
                if (entry.Acknowledged) acknowledged.Add(entry.Key);
                else if (acknowledged.Contains(entry.Key)) yield return new(ViolationKind.NoticeAgain, TaskOf(entry.Key), $"{entry.Key} came to session {entry.Session} after its acknowledgement");
        }
    }

    private static IEnumerable<Violation> NoticesComeInOrder(Evidence e)
    {
        foreach (var session in e.Inboxes.Where(i => !i.Acknowledged).GroupBy(i => i.Session))
        {
            var (seen, last) = (new HashSet<string>(), 0L);
            foreach (var entry in session.Where(i => seen.Add(i.Key)))
                if (entry.Seq < last) yield return new(ViolationKind.NoticeDisordered, TaskOf(entry.Key), $"number {entry.Seq} first came to session {entry.Session} after {last}");
                else last = entry.Seq;
        }
    }

    private static IEnumerable<Violation> NoticesAreTheSessionsOwn(Evidence e) =>
        from entry in e.Inboxes.Where(i => !i.Acknowledged).DistinctBy(i => (i.Session, i.Key))
        let task = e.Answers.GetValueOrDefault(TaskOf(entry.Key))
        where task is null || task.Session != entry.Session || entry.Key.EndsWith(":ended", StringComparison.Ordinal) && !task.IsTerminal
        select new Violation(ViolationKind.NoticeForeign, TaskOf(entry.Key), $"{entry.Key} came to session {entry.Session}; the task is {task?.State ?? "unknown"} and of {task?.Session ?? "no session"}");

    private static string TaskOf(string key) => key.Split(':') is [_, var id, ..] ? id : key;

    private static IEnumerable<Violation> OutputIsWhole(Evidence e) =>
        from a in e.Answers.Values
        where a.IsTerminal && a.State != "lost" && PlanOf(e, a.Id) is not null
        from v in Compare(PlanOf(e, a.Id)!, a.Id, a.Output, mustBeWhole: a.Cause == "exit", "the log")
        select v;

    private static IEnumerable<Violation> FollowersSawTheTruth(Evidence e) =>
        from f in e.Followed
        where PlanOf(e, f.Id) is not null && e.Answers.ContainsKey(f.Id)
        from v in Compare(PlanOf(e, f.Id)!, f.Id, f.Output, mustBeWhole: f.SawEnd && e.Answers[f.Id].Cause == "exit", $"a follower (left out: '{f.Gaps}')")
        select v;

    private static IEnumerable<Violation> Compare(PlannedTask plan, string id, Digest actual, bool mustBeWhole, string who)
    {
        if (plan.Output.Prefix(actual.Length) != actual)
            yield return new(ViolationKind.OutputForeign, id, $"{who} has {actual.Length} bytes, and they are not what it printed");
        else if (mustBeWhole && plan.Output.Whole is var whole && whole.Length != actual.Length)
            yield return new(ViolationKind.OutputCut, id, $"{who} has {actual.Length} of {whole.Length} bytes");
    }

    private static PlannedTask? PlanOf(Evidence e, string id) =>
        e.Answers.TryGetValue(id, out var answer) && e.Plans.TryGetValue(answer.Name, out var plan) ? plan
        : e.Acknowledged.FirstOrDefault(a => a.Id == id) is { } acknowledged ? e.Plans.GetValueOrDefault(acknowledged.Key)
        : null;

    private static string Join<T>(IEnumerable<T> values) => string.Join(", ", values);
}
