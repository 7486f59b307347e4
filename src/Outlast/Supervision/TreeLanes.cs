namespace Outlast.Supervision;

/// <summary>Work that touches more than one record of a tree, written one commit after the other: what comes while one is written goes into the next together, so that a parent is written once for all of its children that end meanwhile.</summary>
/// <remarks>Nobody waits for a timer. Two trees do not wait for each other. That a record is changed elsewhere too is no harm: its version tells, and all is decided anew.</remarks>
/// <param name="write">Writes some and answers each.</param>
/// <param name="fail">Answers one that could not be written for a reason that was not foreseen.</param>
internal sealed class TreeLanes<TWork>(Func<IReadOnlyList<TWork>, Task> write, Action<TWork, Exception> fail)
{
    private const int MostTogether = 1_000;
    private readonly Lock _lock = new();
    // Guarded by _lock: of each tree that has a commit under way, what waits for the next.
    private readonly Dictionary<TaskId, Queue<TWork>> _waiting = [];

    /// <summary>Hands work over; its own answer says what became of it.</summary>
    public void Add(TaskId root, TWork work)
    {
        lock (_lock)
        {
            if (_waiting.TryGetValue(root, out var waiting))
            {
                waiting.Enqueue(work);
                return;
            }
            _waiting.Add(root, new());
        }
        _ = WriteAsync(root, work);
    }

    private async Task WriteAsync(TaskId root, TWork first)
    {
        List<TWork> works = [first];
        while (works.Count > 0)
        {
            try
            {
                await write(works);
            }
            catch (Exception e)
            {
                // The tree goes on whatever became of these.
                works.ForEach(work => fail(work, e));
            }
            works = TakeNext(root);
        }
    }

    private List<TWork> TakeNext(TaskId root)
    {
        lock (_lock)
        {
            var waiting = _waiting[root];
            var next = new List<TWork>(Math.Min(waiting.Count, MostTogether));
            while (next.Count < MostTogether && waiting.TryDequeue(out var work)) next.Add(work);
            if (next.Count == 0) _waiting.Remove(root);
            return next;
        }
    }
}
