namespace Outlast.Supervision;

/// <summary>Tasks that wait for a place, in order: those that go ahead, then by number. Knows each one's position without counting.</summary>
/// <remarks>Not thread-safe. Numbers mostly come in order and leave from the front, so that both cost next to nothing however long the queue is.</remarks>
internal sealed class ReadyQueue
{
    private readonly Dictionary<TaskId, (bool FirstInLine, long Number)> _keys = [];
    private readonly Line _ahead = new(), _rest = new();

    public int Count => _keys.Count;

    public bool Contains(TaskId id) => _keys.ContainsKey(id);

    public void Add(TaskId id, bool firstInLine, long number)
    {
        _keys.Add(id, (firstInLine, number));
        (firstInLine ? _ahead : _rest).Add(number, id);
    }

    public bool Remove(TaskId id)
    {
        if (!_keys.Remove(id, out var key)) return false;
        (key.FirstInLine ? _ahead : _rest).Remove(key.Number);
        return true;
    }

    /// <summary>Takes the first; false if nobody waits.</summary>
    public bool TryTake(out TaskId id)
    {
        if (!_ahead.TryTake(out id) && !_rest.TryTake(out id)) return false;
        _keys.Remove(id);
        return true;
    }

    /// <summary>From 1; 0 if it does not wait.</summary>
    public int PositionOf(TaskId id) => !_keys.TryGetValue(id, out var key) ? 0
        : key.FirstInLine ? _ahead.IndexOf(key.Number) + 1
        : _ahead.Count + _rest.IndexOf(key.Number) + 1;

    /// <summary>A list sorted by number whose front moves on.</summary>
    private sealed class Line
    {
        private readonly List<(long Number, TaskId Id)> _items = [];
        private int _front;

        public int Count => _items.Count - _front;

        public void Add(long number, TaskId id)
        {
            var at = Find(number);
            _items.Insert(at, (number, id));
        }

        public void Remove(long number) => _items.RemoveAt(Find(number));

        public int IndexOf(long number) => Find(number) - _front;

        public bool TryTake(out TaskId id)
        {
            id = default;
            if (Count == 0) return false;
            id = _items[_front++].Id;
            // What is behind the front is given back in large pieces.
            if (_front * 2 > _items.Count)
            {
                _items.RemoveRange(0, _front);
                _front = 0;
            }
            return true;
        }

        /// <summary>Where the number is, or belongs.</summary>
        private int Find(long number)
        {
            int low = _front, high = _items.Count;
            // New ones have the largest numbers.
            if (high > low && _items[high - 1].Number < number) return high;
            while (low < high)
            {
                var middle = (low + high) >>> 1;
                if (_items[middle].Number < number) low = middle + 1;
                else high = middle;
            }
            return low;
        }
    }
}
