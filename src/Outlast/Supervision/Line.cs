namespace Outlast.Supervision;

/// <summary>Tasks in order, each of whose positions is known without counting. Not thread-safe.</summary>
/// <remarks>Kept in blocks: what comes last or leaves first costs next to nothing, and what happens in the middle of a long line costs a block, not the line.</remarks>
internal sealed class Line
{
    private const int MostInBlock = 512;
    private readonly List<List<QueuedTask>> _blocks = [];

    public int Count { get; private set; }

    public QueuedTask? First => Count == 0 ? null : _blocks[0][0];

    public void Add(QueuedTask task)
    {
        Count++;
        if (_blocks.Count == 0) _blocks.Add([]);
        var at = BlockOf(task.Order);
        // New ones mostly belong to the end.
        if (at == _blocks.Count)
        {
            if (_blocks[^1].Count < MostInBlock) at--;
            else _blocks.Add(new(MostInBlock));
        }
        var block = _blocks[at];
        block.Insert(Find(block, task.Order), task);
        if (block.Count <= MostInBlock) return;
        _blocks.Insert(at + 1, block[(MostInBlock / 2)..]);
        block.RemoveRange(MostInBlock / 2, block.Count - MostInBlock / 2);
    }

    public void Remove(QueuedTask task)
    {
        var at = BlockOf(task.Order);
        var block = _blocks[at];
        var index = Find(block, task.Order);
        if (block[index] != task) throw new InvalidOperationException($"Task {task.Id} is not in this line.");
        block.RemoveAt(index);
        Count--;
        if (block.Count == 0 && _blocks.Count > 1) _blocks.RemoveAt(at);
    }

    /// <summary>How many are before it.</summary>
    public int IndexOf(QueuedTask task)
    {
        var at = BlockOf(task.Order);
        var before = 0;
        for (var i = 0; i < at; i++) before += _blocks[i].Count;
        return before + Find(_blocks[at], task.Order);
    }

    /// <summary>The block in which the order is, or belongs; the number of blocks where it belongs behind all.</summary>
    private int BlockOf(QueueOrder order)
    {
        int low = 0, high = _blocks.Count;
        if (high > 0 && IsBefore(_blocks[high - 1], order)) return high;
        while (low < high)
        {
            var middle = (low + high) >>> 1;
            if (IsBefore(_blocks[middle], order)) low = middle + 1;
            else high = middle;
        }
        return low;
    }

    private static bool IsBefore(List<QueuedTask> block, QueueOrder order) => block.Count == 0 || block[^1].Order.CompareTo(order) < 0;

    private static int Find(List<QueuedTask> block, QueueOrder order)
    {
        int low = 0, high = block.Count;
        if (high > 0 && block[high - 1].Order.CompareTo(order) < 0) return high;
        while (low < high)
        {
            var middle = (low + high) >>> 1;
            if (block[middle].Order.CompareTo(order) < 0) low = middle + 1;
            else high = middle;
        }
        return low;
    }
}
