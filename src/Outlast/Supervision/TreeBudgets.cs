using System.Collections.Immutable;
using Outlast.Storage;

namespace Outlast.Supervision;

/// <summary>What trees with a budget have used: the time since the first start, and the output of all of it, whether it lives or has ended. How many tasks, the ledger counts.</summary>
/// <remarks>Knows only trees that have such a budget; of all others it costs a look at a number. What has ended is added up in the records, from child to parent.</remarks>
internal sealed class TreeBudgets(ITaskStore store, LiveAttempts attempts, TimeProvider time)
{
    /// <summary>How long no budget is enforced that a host found already started: what passed unobserved gets its warning first.</summary>
    private static readonly TimeSpan AfterRestart = TimeSpan.FromSeconds(60);
    private const double WarnAt = 0.9;

    private readonly Lock _lock = new();
    // Guarded by _lock: every open task that has a budget of time or output, or is an attached descendant of one that has.
    private readonly Dictionary<TaskId, Node> _nodes = [];
    private int _known;

    /// <summary>A record was committed, or found.</summary>
    public void Look(TaskRecord record)
    {
        if (Volatile.Read(ref _known) == 0 && !HasBudget(record)) return;
        lock (_lock)
        {
            if (record.State.IsTerminal()) _nodes.Remove(record.Id);
            else if (_nodes.TryGetValue(record.Id, out var node)) node.Update(record);
            else if (HasBudget(record) || ParentOf(record) is { } parent && _nodes.ContainsKey(parent)) _nodes.Add(record.Id, new(record, time));
            Volatile.Write(ref _known, _nodes.Count);
        }
    }

    /// <summary>Finds the trees that were there before this host. A task that stands alone is found when its attempt is.</summary>
    public async Task TakeStockAsync(CancellationToken cancel)
    {
        var open = await store.ListOpenAsync(cancel);
        var parents = open.Select(t => t.Parent).OfType<TaskId>().ToHashSet();
        foreach (var task in open.Where(t => t.Parent is not null || parents.Contains(t.Id) || t.Token is null && t.State != TaskState.Queued))
            if (await store.FindAsync(task.Id, cancel) is { } record) Look(record);
    }

    /// <summary>What is used up, or nearly: the hardest thing of each.</summary>
    public ImmutableArray<BudgetFinding> Judge()
    {
        if (Volatile.Read(ref _known) == 0) return [];
        lock (_lock)
        {
            var printed = AddUpNeedsLock();
            return [.. _nodes.Values.Select(node => Judge(node, printed[node.Id])).OfType<BudgetFinding>()];
        }
    }

    /// <summary>In how long something may be due; none when no budget runs.</summary>
    /// <param name="poll">How often output is looked at.</param>
    public TimeSpan? NextLook(TimeSpan poll)
    {
        if (Volatile.Read(ref _known) == 0) return null;
        lock (_lock)
        {
            TimeSpan? next = null;
            foreach (var node in _nodes.Values.Where(n => n.IsRunning && n.Budget is not null))
            {
                Consider(poll);
                if (node.Budget!.WallTime is not { } wall) continue;
                Consider(wall - Elapsed(node));
                Consider(wall * WarnAt - Elapsed(node));
            }
            return next;

            void Consider(TimeSpan due)
            {
                if (due > TimeSpan.Zero && (next is null || due < next)) next = due;
            }
        }
    }

    private BudgetFinding? Judge(Node node, long printed)
    {
        if (!node.IsRunning || node.Stopped || node.Budget is not { } budget) return null;
        var elapsed = Elapsed(node);
        var isOver = budget.WallTime is { } wall && elapsed >= wall;
        if (node.IsEnforced && isOver)
            return Stop(node, $"it has taken {Duration.Format(elapsed)} since its first start; its budget is {Duration.Format(budget.WallTime!.Value)} (--budget wall=)", ("elapsedMs", Ms(elapsed)), ("limitMs", Ms(budget.WallTime.Value)));
        if (node.IsEnforced && budget.OutputBytes is { } most && printed >= most)
            return Stop(node, $"it printed {ByteSize.Describe(printed)}, with what is below it; its budget is {ByteSize.Describe(most)} (--budget output=)", ("outputBytes", printed), ("limitBytes", most));
        if (!node.TimeWarned && budget.WallTime is { } time && elapsed >= time * WarnAt)
            return new(node.Id, null, "budget_warning", $"it has taken {Duration.Format(elapsed)} of its budget of {Duration.Format(time)}; at its end it is stopped, with what is below it", Measured(("elapsedMs", Ms(elapsed)), ("limitMs", Ms(time))), () => node.TimeWarned = true);
        if (!node.OutputWarned && budget.OutputBytes is { } bytes && printed >= bytes * WarnAt)
            return new(node.Id, null, "budget_warning", $"it printed {ByteSize.Describe(printed)}, with what is below it, of its budget of {ByteSize.Describe(bytes)}; at its end it is stopped, with what is below it", Measured(("outputBytes", printed), ("limitBytes", bytes)), () => node.OutputWarned = true);
        return null;
    }

    private BudgetFinding Stop(Node node, string reason, params ReadOnlySpan<(string, long)> measured)
    {
        var facts = Measured(measured);
        return new(node.Id, new() { Cause = EndCause.Budget, Actor = Actor.Rule("budget"), Reason = reason, RequestedAt = time.GetUtcNow(), Measured = facts }, "budget", reason, facts, () => node.Stopped = true);
    }

    /// <summary>What each and all attached ones below it have printed.</summary>
    private Dictionary<TaskId, long> AddUpNeedsLock()
    {
        var sums = _nodes.Keys.ToDictionary(id => id, _ => 0L);
        foreach (var node in _nodes.Values)
        {
            // A former attempt that is on its way out still is counted as that already.
            var live = attempts.Find(node.Id) is { } attempt && attempt.Record.Attempt == node.Attempt ? attempt.Clock.Output : null;
            var bytes = node.BytesBelow + (live is { } now ? now.Bytes + now.ErrorBytes : node.OwnBytes);
            for (var above = node; above is not null; above = above.Parent is { } parent ? _nodes.GetValueOrDefault(parent) : null) sums[above.Id] += bytes;
        }
        return sums;
    }

    private TimeSpan Elapsed(Node node) => attempts.Find(node.Id)?.Clock.Elapsed ?? time.GetUtcNow() - node.StartedAt!.Value - node.Paused;

    private static bool HasBudget(TaskRecord record) => record.Spec.Budget is { WallTime: not null } or { OutputBytes: not null };

    private static TaskId? ParentOf(TaskRecord record) => record.Spec.Detached ? null : record.Parent;

    private static long Ms(TimeSpan span) => (long)span.TotalMilliseconds;

    private static ImmutableSortedDictionary<string, long> Measured(params ReadOnlySpan<(string Name, long Value)> facts)
    {
        var measured = ImmutableSortedDictionary.CreateBuilder<string, long>(StringComparer.Ordinal);
        foreach (var (name, value) in facts) measured.Add(name, value);
        return measured.ToImmutable();
    }

    /// <summary>What is kept of an open task: not the whole of it, for environments are large.</summary>
    private sealed class Node
    {
        private readonly TimeProvider _time;
        private readonly long _since;
        private readonly bool _wasFound;
        private long _version;

        public Node(TaskRecord record, TimeProvider time)
        {
            (_time, _since, _wasFound) = (time, time.GetTimestamp(), record.StartedAt is not null);
            (Id, Parent, Budget) = (record.Id, ParentOf(record), HasBudget(record) ? record.Spec.Budget : null);
            Update(record);
        }

        public TaskId Id { get; }
        public TaskId? Parent { get; }
        public TreeBudget? Budget { get; }
        public DateTimeOffset? StartedAt { get; private set; }
        public TimeSpan Paused { get; private set; }
        public int Attempt { get; private set; }
        public long OwnBytes { get; private set; }
        public long BytesBelow { get; private set; }
        public bool IsStopping { get; private set; }
        public bool TimeWarned { get; set; }
        public bool OutputWarned { get; set; }
        public bool Stopped { get; set; }

        public bool IsRunning => StartedAt is not null && !IsStopping;
        public bool IsEnforced => !_wasFound || _time.GetElapsedTime(_since) >= AfterRestart;

        public void Update(TaskRecord record)
        {
            if (record.Version <= _version) return;
            (_version, StartedAt, Paused, IsStopping, Attempt) = (record.Version, record.StartedAt, record.Paused, record.State == TaskState.Stopping, record.Attempt);
            var own = record.Outcome?.Output ?? record.Output;
            (OwnBytes, BytesBelow) = (own.Bytes + own.ErrorBytes, record.Below?.OutputBytes ?? 0);
        }
    }
}

/// <summary>That a budget is used up, or nearly.</summary>
/// <param name="Task">Whose.</param>
/// <param name="Stop">What is to be asked; none: it is only warned of.</param>
/// <param name="Rule">Which rule says so.</param>
/// <param name="Text">For people.</param>
/// <param name="Measured">With the unit in the name.</param>
/// <param name="Said">To be called when it has been told.</param>
internal sealed record BudgetFinding(TaskId Task, StopRequest? Stop, string Rule, string Text, ImmutableSortedDictionary<string, long> Measured, Action Said);
