using System.Collections.Immutable;
using Outlast.Lifecycle;

namespace Outlast.Tests.Lifecycle;

/// <summary>What a writer does in one step of a walk.</summary>
internal enum Verb
{
    Submit, Claim, Spawn, Settle, NeverStarted, Ask, Suspend, Rescue, OwnerGone, Stop, Extend, Answer, Expire, Warn, Annotate, Pause,
}

/// <summary>One step: which writer does what with which task, and in which variant.</summary>
internal sealed record Step(Verb Verb, int Writer, int Task, int Variant)
{
    private static readonly Verb[] Often = [Verb.Submit, Verb.Claim, Verb.Claim, Verb.Spawn, Verb.Spawn, Verb.Settle, Verb.OwnerGone, Verb.Ask, Verb.Answer];

    public static Step Next(Random random) => new(
        random.Next(2) == 0 ? Often[random.Next(Often.Length)] : (Verb)random.Next((int)Verb.Pause + 1),
        // Most steps are one writer's and meet two tasks, so that these live through much.
        random.Next(3) == 0 ? random.Next(World.Writers) : 0, random.Next(4) == 0 ? random.Next(12) : random.Next(2), random.Next(1 << 16));

    public static IEnumerable<Step> Simpler(Step step)
    {
        if (step.Task > 0) yield return step with { Task = step.Task - 1 };
        if (step.Writer > 0) yield return step with { Writer = 0 };
        if (step.Variant > 0) yield return step with { Variant = 0 };
        if (step.Variant > 1) yield return step with { Variant = step.Variant / 2 };
    }
}

/// <summary>One committed step: every record it changed, before and after.</summary>
internal sealed record Commit(Transition? Transition, TaskId Target, ImmutableArray<Change> Changes);

/// <summary>One record's part of a commit. Nothing before: it is new.</summary>
internal sealed record Change(TaskRecord? Before, TaskRecord After, ImmutableArray<TaskEventDraft> Events, bool Asked);

/// <summary>Several writers over one small store that compares and sets, as a ledger does: read, decide, commit; when another was faster, read and decide again.</summary>
/// <remarks>Between a writer's decision and its commit others take steps. Which processes really exist is known here, whatever the records say.</remarks>
internal sealed class World(Func<TaskRecord, Transition, Decision> decide, Rule rule)
{
    public const int Writers = 3;

    private readonly Action?[] _pending = new Action?[Writers];
    private readonly HashSet<FencingToken> _revoked = [];
    private readonly Dictionary<TaskId, TaskClaim>[] _claims = [.. Enumerable.Range(0, Writers).Select(_ => new Dictionary<TaskId, TaskClaim>())];
    private readonly List<TaskId> _ids = [];
    private uint _tokens;
    private DateTimeOffset _now = Sample.Noon;

    public Dictionary<TaskId, TaskRecord> Stored { get; } = [];
    public List<TaskEventDraft> EventsOf(TaskId id) => _events[id];
    /// <summary>Processes that were really started, with the attempt's number and the folder they were started in.</summary>
    public List<(TaskId Task, int Attempt, ProcessFacts Process)> Spawned { get; } = [];
    /// <summary>Causes that somebody really asked for, by task.</summary>
    public HashSet<(TaskId Task, EndCause Cause)> Asked { get; } = [];

    private readonly Dictionary<TaskId, List<TaskEventDraft>> _events = [];

    public IEnumerable<TaskRecord> Below(TaskId above) => Stored.Values.Where(r =>
    {
        while (r.Parent is { } parent && parent != above) r = Stored[parent];
        return r.Parent == above;
    });

    public IEnumerable<TaskRecord> OpenChildrenOf(TaskId parent) => Stored.Values.Where(r => r.Parent == parent && !r.Spec.Detached && !r.State.IsTerminal());

    public static void Walk(IReadOnlyList<Step> steps, Func<TaskRecord, Transition, Decision> decide, Rule rule)
    {
        var world = new World(decide, rule);
        foreach (var step in steps) world.Take(step);
    }

    private void Take(Step step)
    {
        _now += TimeSpan.FromSeconds(step.Variant % 97 == 96 ? -30 : 1 + step.Variant % 40);
        _pending[step.Writer]?.Invoke();
        _pending[step.Writer] = null;
        if (step.Verb == Verb.Submit)
        {
            Submit(step);
            return;
        }
        if (_ids.Count == 0) return;
        var id = _ids[step.Task % _ids.Count];
        var claims = _claims[step.Writer];
        var mine = claims.GetValueOrDefault(id);
        switch (step.Verb)
        {
            case Verb.Claim:
                var claim = NewClaim(step.Writer);
                Act(step, id, _ => Transition.Claimed(claim, _now), () => claims[id] = claim);
                break;
            case Verb.Spawn when mine is not null && Spawn(id, mine) is { } process && step.Variant % 4 != 0:
                Act(step, id, _ => Transition.Launched(mine, process, _now));
                break;
            case Verb.Settle when mine is not null:
                Act(step, id, _ => Transition.Settled(mine, Outcomes(step.Variant), step.Variant % 3 == 0 ? new([], ["verified gone at 0.1 s"]) : null, _now));
                break;
            case Verb.Suspend when mine is not null:
                Act(step, id, _ => Transition.Settled(mine, Sample.Outcome(OutcomeKind.Suspended), null, _now));
                break;
            case Verb.Ask when mine is not null:
                Act(step, id, _ => Transition.Asked(mine, new("Go on?", _now, step.Variant % 2 == 0 ? _now.AddSeconds(30) : null, "yes"), _now));
                break;
            case Verb.NeverStarted:
                Act(step, id, r => r.Claim is { } owner && ProcessOf(r) is null && _revoked.Add(owner.Token) ? Transition.NeverStarted(owner, "the lock is free and there is no pid", null, _now) : null);
                break;
            case Verb.Rescue:
                var next = NewClaim(step.Writer);
                Act(step, id, r => r.Claim is not null && ProcessOf(r) is { } found ? Transition.Adopted(next, step.Variant % 2 == 0, found, "the lock is held", _now) : null, () => claims[id] = next);
                break;
            case Verb.OwnerGone:
                Act(step, id, r => r.Claim is { } gone ? Transition.OwnerGone(gone, "another boot of the machine", step.Variant % 2 == 0 && r.Spec.Process is null, _now) : null);
                break;
            case Verb.Stop:
                Act(step, id, _ => Transition.StopAsked(Stops(step.Variant)));
                break;
            case Verb.Extend:
                Act(step, id, _ => Transition.Extended(new(TimeSpan.FromSeconds(step.Variant), null, null), Sample.User, _now));
                break;
            case Verb.Answer:
                Act(step, id, _ => Transition.Answered($"answer {step.Variant}", Sample.User, _now));
                break;
            case Verb.Expire:
                Act(step, id, _ => Transition.QuestionExpired(_now));
                break;
            case Verb.Warn:
                Act(step, id, _ => Transition.Warned("idle_warning", "it is silent", ImmutableSortedDictionary<string, long>.Empty.Add("idleMs", step.Variant), _now));
                break;
            // No verb of its own: each one more makes the walks of the others thinner.
            case Verb.Annotate when step.Variant % 4 == 0:
                Retry(step, id);
                break;
            case Verb.Annotate:
                Act(step, id, _ => Transition.Annotated($"fact {step.Variant}", _now));
                break;
            case Verb.Pause:
                Act(step, id, _ => Transition.Paused(TimeSpan.FromSeconds(step.Variant % 100 - 50), _now));
                break;
            case Verb.Submit or Verb.Spawn or Verb.Settle or Verb.Suspend or Verb.Ask:
                break;
        }
    }

    // -- a ledger in small ---------------------------------------------------------------------------------------------

    private void Submit(Step step)
    {
        var spec = Specs(step.Variant);
        var parentId = _ids.Count > 0 && step.Variant % 3 != 0 ? _ids[step.Task % _ids.Count] : (TaskId?)null;
        var id = TaskId.New(_now);
        Commit(step, () =>
        {
            var draft = new Draft(this, null, id);
            var parent = parentId is { } p ? Stored[p] : null;
            var taken = parent is null ? null : spec.Detached ? Decide(parent, Transition.ChildAdded(id, _now)) : draft.Apply(parent, Transition.ChildAdded(id, _now));
            if (taken is Decision.Refused) return null;
            draft.Count(parent, Transition.BelowAdded(id, _now));
            draft.Add(TaskLifecycle.Submit(id, spec, parent, Sample.User, _now));
            return draft;
        }, () => _ids.Add(id));
    }

    private void Retry(Step step, TaskId formerId)
    {
        var id = TaskId.New(_now);
        Commit(step, () =>
        {
            var (former, retried) = (Stored[formerId], Transition.Retried(id, Sample.User, _now));
            var draft = new Draft(this, retried, id);
            if (draft.Apply(former, retried) is not Decision.Changed) return null;
            var parent = former.Parent is { } p && TaskLifecycle.Apply(Stored[p], Transition.ChildAdded(id, _now)) is Decision.Changed ? Stored[p] : null;
            if (parent is not null && !former.Spec.Detached) draft.Apply(parent, Transition.ChildAdded(id, _now));
            draft.Count(parent, Transition.BelowAdded(id, _now));
            draft.Add(TaskLifecycle.Submit(id, former.Spec, parent, Sample.User, _now, formerId));
            return draft;
        }, () => _ids.Add(id));
    }

    private void Act(Step step, TaskId id, Func<TaskRecord, Transition?> choose, Action? committed = null) => Commit(step, () =>
    {
        if (choose(Stored[id]) is not { } transition) return null;
        var draft = new Draft(this, transition, id);
        if (draft.Apply(Stored[id], transition) is not Decision.Changed) return null;
        draft.Spread(_now);
        return draft;
    }, committed);

    /// <summary>Decides now; commits now or, in some variants, only when this writer has its next turn.</summary>
    private void Commit(Step step, Func<Draft?> decideNow, Action? committed)
    {
        if (decideNow() is not { } draft) return;
        if (step.Variant / 4 % 3 == 0) _pending[step.Writer] = Finish;
        else Finish();

        void Finish()
        {
            var last = Commits(draft) ? draft : decideNow() is { } again && Commits(again) ? again : null;
            if (last is not null) committed?.Invoke();
        }
    }

    private bool Commits(Draft draft)
    {
        var changes = draft.Changes();
        if (changes.Any(c => c.Before is { } before && Stored[before.Id].Version != before.Version)) return false;
        foreach (var change in changes)
        {
            Stored[change.After.Id] = change.After;
            if (!_events.TryGetValue(change.After.Id, out var events)) _events.Add(change.After.Id, events = []);
            events.AddRange(change.Events);
        }
        foreach (var asked in draft.Stops) Asked.Add(asked);
        rule.Committed(this, new Commit(draft.Transition, draft.Target, changes));
        return true;
    }

    private Decision Decide(TaskRecord record, Transition transition)
    {
        var decision = decide(record, transition);
        rule.Decided(record, transition, decision);
        return decision;
    }

    private TaskClaim NewClaim(int writer) => new(HostId.OfEpoch(writer + 1), FencingToken.Of(1, ++_tokens));

    // -- the world outside the records ---------------------------------------------------------------------------------

    /// <summary>Starts a process if the claim is still the one that holds the attempt's lock, and the attempt has none.</summary>
    private ProcessFacts? Spawn(TaskId id, TaskClaim claim)
    {
        var record = Stored[id];
        if (record.Claim != claim || _revoked.Contains(claim.Token) || record.Spec.Process is null || record.State is not (TaskState.Running or TaskState.Stopping) || ProcessOf(record) is not null) return null;
        var process = new ProcessFacts(1000 + Spawned.Count, null, "boot-1", 5000 + Spawned.Count);
        Spawned.Add((id, record.Attempt, process));
        return process;
    }

    private ProcessFacts? ProcessOf(TaskRecord record) => Spawned.Where(s => s.Task == record.Id && s.Attempt == record.Attempt).Select(s => s.Process).LastOrDefault();

    // -- variants ------------------------------------------------------------------------------------------------------

    private static TaskSpec Specs(int variant) => (variant % 2 == 0 ? Sample.ProcessSpec() : Sample.HandlerSpec()) with
    {
        Repeatable = variant % 5 == 0,
        Detached = variant % 7 == 0,
        Children = (ChildPolicy)(variant % 3),
        Retry = variant % 4 == 0 ? new(1, TimeSpan.FromSeconds(1), RetryOn.Failed | RetryOn.Lost | RetryOn.TimedOut) : null,
        NotBefore = variant % 11 == 0 ? Sample.At(200) : null,
        Budget = variant % 5 == 1 ? new(Tasks: 100) : null,
    };

    private static TaskOutcome Outcomes(int variant) => (variant % 12) switch
    {
        0 => Sample.Exited(0),
        1 => Sample.Exited(7),
        2 => Sample.Exited(143, null, "TERM"),
        3 => Sample.Exited(137, "KILL"),
        4 => Sample.Exited(0, null, "USR1"),
        5 => Sample.Outcome(OutcomeKind.Lost, EndCause.HostLost),
        6 => Sample.Outcome(OutcomeKind.Interrupted),
        7 => Sample.Outcome(OutcomeKind.Failed, EndCause.NeverStarted),
        8 => Sample.Outcome(OutcomeKind.Succeeded, EndCause.Exit),
        9 => Sample.Outcome(OutcomeKind.Failed) with { Error = new("IOException", "disk full", null), Reason = "  " },
        // A runner may not speak for others.
        10 => Sample.Outcome(OutcomeKind.Failed, EndCause.User),
        _ => Sample.Outcome(OutcomeKind.Succeeded, EndCause.Deadline),
    };

    private StopRequest Stops(int variant)
    {
        EndCause[] causes = [.. Enum.GetValues<EndCause>().Where(Ending.CanBeAsked)];
        string?[] reasons = [null, "", " \t", "wrong branch"];
        return Sample.Stop(causes[variant % causes.Length], reasons[variant / 16 % reasons.Length], variant / 64 % 4 == 0) with { RequestedAt = _now };
    }

    /// <summary>What one commit is going to change.</summary>
    private sealed class Draft(World world, Transition? transition, TaskId target)
    {
        private readonly Dictionary<TaskId, Change> _changes = [];
        private readonly Queue<(TaskRecord Parent, StopRequest Stop)> _stopChildren = new();
        private readonly Queue<TaskRecord> _ended = new();

        public Transition? Transition => transition;
        public TaskId Target => target;
        public List<(TaskId, EndCause)> Stops { get; } = [];

        public void Add(Decision.Changed submitted) => _changes.Add(submitted.After.Id, new(null, submitted.After, submitted.Events, false));

        public Decision Apply(TaskRecord read, Transition step)
        {
            var known = _changes.GetValueOrDefault(read.Id);
            var before = known?.After ?? read;
            var decision = world.Decide(before, step);
            if (decision is not Decision.Changed changed) return decision;
            if (step is Transition.Stop stop) Stops.Add((read.Id, stop.Request.Cause));
            _changes[read.Id] = new(known is null ? read : known.Before, changed.After, [.. known?.Events ?? [], .. changed.Events], step is Transition.Stop || known is { Asked: true });
            if (changed.StopChildren is { } request) _stopChildren.Enqueue((changed.After, request));
            if (changed.After.State.IsTerminal() && !before.State.IsTerminal() && changed.After is { Parent: not null }) _ended.Enqueue(changed.After);
            return decision;
        }

        /// <summary>Whoever is above a new task counts it.</summary>
        public void Count(TaskRecord? parent, Transition added)
        {
            for (var above = parent; above is not null; above = above.Parent is { } next ? world.Stored[next] : null) Apply(above, added);
        }

        /// <summary>Down to the children that are to stop, up to the parents of those that ended.</summary>
        public void Spread(DateTimeOffset at)
        {
            while (true)
            {
                if (_stopChildren.TryDequeue(out var down))
                {
                    foreach (var child in world.OpenChildrenOf(down.Parent.Id).ToList()) Apply(child, Transition.StopAsked(down.Stop));
                }
                else if (_ended.TryDequeue(out var ended))
                {
                    Apply(world.Stored[ended.Root], Transition.BelowEnded(ended.Id, at));
                    if (!ended.Spec.Detached) Apply(world.Stored[ended.Parent!.Value], Transition.ChildEnded(ended.Id, at, TaskLifecycle.TallyOf(ended)));
                }
                else return;
            }
        }

        /// <summary>Several steps of one record are one change with one new version.</summary>
        public ImmutableArray<Change> Changes() => [.. _changes.Values.Select(c => c with { After = c.Before is null ? c.After : c.After with { Version = c.After.Version - Steps(c) + 1 } })];

        private static long Steps(Change change) => change.After.Version - change.Before!.Version;
    }
}
