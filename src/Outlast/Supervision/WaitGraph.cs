using System.Collections.Immutable;
using Outlast.Storage;

namespace Outlast.Supervision;

/// <summary>Who waits for whom at this moment: a wait that could never end is refused, with the path on which it comes back.</summary>
/// <remarks>
/// A wait counts as long as it lasts. Beside those, a parent waits for its attached children whatever it does, for it is not over before they are; a child's end
/// needs nothing of its parent. Of two waits that close a circle together only the later one is refused. Held in memory: a wait ends with its host, and is begun again with the next.
/// </remarks>
internal sealed class WaitGraph(ITaskStore store)
{
    private readonly Lock _lock = new();
    // Guarded by _lock: the waits that last, by each task that is awaited; and how many there ever were.
    private readonly Dictionary<TaskId, List<Wait>> _awaited = [];
    private long _count;

    /// <summary>Begins a wait; it lasts until the result is disposed.</summary>
    /// <param name="waiter">The task that waits.</param>
    /// <param name="awaited">The open tasks that it waits for.</param>
    /// <param name="any">Whether the end of one is enough.</param>
    /// <param name="cancel">Gives up.</param>
    /// <exception cref="WaitCycleException">It would never end.</exception>
    public async Task<IDisposable> BeginAsync(TaskId waiter, ImmutableArray<TaskId> awaited, bool any, CancellationToken cancel)
    {
        var wait = Add(waiter, awaited, any);
        try
        {
            return await FindCycleAsync(wait, cancel) is { } path ? throw new WaitCycleException(path) : wait;
        }
        catch
        {
            wait.Dispose();
            throw;
        }
    }

    /// <summary>From the waiter outwards to all that might need its end; then all go that could end without it. If what it waits for is left, it waits for itself.</summary>
    private async Task<ImmutableArray<TaskId>?> FindCycleAsync(Wait wait, CancellationToken cancel)
    {
        // Each with the next on the way to the waiter.
        var towards = new Dictionary<TaskId, TaskId> { [wait.Waiter] = wait.Waiter };
        var parents = new List<(TaskId Parent, TaskId Child)>();
        var waits = new HashSet<Wait>();
        var next = new Queue<TaskId>([wait.Waiter]);
        while (next.TryDequeue(out var one))
        {
            if (await ParentThatWaitsForAsync(one, cancel) is { } parent)
            {
                parents.Add((parent, one));
                if (towards.TryAdd(parent, one)) next.Enqueue(parent);
            }
            foreach (var other in WaitsFor(one, wait.Number))
            {
                waits.Add(other);
                if (towards.TryAdd(other.Waiter, one)) next.Enqueue(other.Waiter);
            }
        }
        var stuck = towards.Keys.ToHashSet();
        while (stuck.RemoveWhere(one => one != wait.Waiter && !parents.Any(p => p.Parent == one && stuck.Contains(p.Child)) && !waits.Any(w => w.Waiter == one && w.NeedsOneOf(stuck))) > 0) { }
        return wait.NeedsOneOf(stuck) ? PathFrom(wait, wait.Awaited.First(stuck.Contains), towards) : null;
    }

    private static ImmutableArray<TaskId> PathFrom(Wait wait, TaskId awaited, Dictionary<TaskId, TaskId> towards)
    {
        var path = ImmutableArray.CreateBuilder<TaskId>();
        path.Add(wait.Waiter);
        for (var at = awaited; at != wait.Waiter; at = towards[at]) path.Add(at);
        path.Add(wait.Waiter);
        return path.ToImmutable();
    }

    private async Task<TaskId?> ParentThatWaitsForAsync(TaskId child, CancellationToken cancel) =>
        await store.FindAsync(child, cancel) is { Parent: { } parent, Spec.Detached: false, State: var state } && !state.IsTerminal()
        && await store.FindAsync(parent, cancel) is { Spec.Children: ChildPolicy.Wait, State: var its } && !its.IsTerminal() ? parent : null;

    /// <summary>Only those that were begun before: of two that meet, the later one gives way.</summary>
    private List<Wait> WaitsFor(TaskId task, long before)
    {
        lock (_lock) return [.. _awaited.GetValueOrDefault(task, []).Where(w => w.Number < before)];
    }

    private Wait Add(TaskId waiter, ImmutableArray<TaskId> awaited, bool any)
    {
        lock (_lock)
        {
            var wait = new Wait(this, ++_count, waiter, awaited, any);
            foreach (var task in awaited)
            {
                if (!_awaited.TryGetValue(task, out var waits)) _awaited.Add(task, waits = []);
                waits.Add(wait);
            }
            return wait;
        }
    }

    private void Remove(Wait wait)
    {
        lock (_lock)
        {
            foreach (var task in wait.Awaited)
                if (_awaited.TryGetValue(task, out var waits) && waits.Remove(wait) && waits.Count == 0) _awaited.Remove(task);
        }
    }

    private sealed class Wait(WaitGraph graph, long number, TaskId waiter, ImmutableArray<TaskId> awaited, bool any) : IDisposable
    {
        public long Number => number;
        public TaskId Waiter => waiter;
        public ImmutableArray<TaskId> Awaited => awaited;

        /// <summary>Whether it cannot end while these do not: one of them is enough, unless any of several may end it.</summary>
        public bool NeedsOneOf(HashSet<TaskId> tasks) => any ? awaited.All(tasks.Contains) : awaited.Any(tasks.Contains);

        public void Dispose() => graph.Remove(this);
    }
}
