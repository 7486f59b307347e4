using System.Collections.Immutable;

namespace Outlast.Supervision;

/// <summary>Tasks that wait for places, and the places: the first task in order whose keys all have room is next. Not thread-safe.</summary>
/// <remarks>
/// Tasks that need the same keys stand in one lane, of which only the first can be next; a lane whose first task finds a key full waits at that key's gate. So nobody holds
/// up others, nobody is passed by one that comes later and needs the same, and an event costs what it changes, however many wait and for whatever keys. Who needs two keys
/// that are hardly ever free at once is passed by those who need one of them, but not for ever: after a while their next places are kept for it, for one lane at a time.
/// </remarks>
internal sealed class ReadyQueue
{
    /// <summary>So often one waits while each of its keys comes free in turn, before they are kept for it.</summary>
    private const int Patience = 8;

    private readonly LimitTable _limits;
    private readonly int _patience;
    private readonly Dictionary<LaneKey, Lane> _lanes = [];
    private readonly Dictionary<LimitKey, Gate> _gates = [];
    private readonly ImmutableArray<Lane> _ofKind;
    // Lanes that nothing is known to hold up; those that are held back while only what is admitted is claimed; and gates that hold lanes up no longer.
    private readonly SortedSet<Lane> _free = new(Lane.ByFirst), _back = new(Lane.ByFirst);
    private readonly HashSet<Gate> _opened = [];
    private Lane? _favoured;

    public ReadyQueue(LimitTable limits, int patience = Patience)
    {
        (_limits, _patience) = (limits, patience);
        // Those of tasks that have nothing but their kind stay, for they come and go all the time.
        _ofKind = [.. Enum.GetValues<TaskKind>().Select(kind => EnterAnew(limits.Of(new(kind, null, null, ImmutableSortedDictionary<string, string>.Empty, null)), kind, admitted: false))];
    }

    /// <summary>How many wait.</summary>
    public int Count { get; private set; }

    /// <summary>Whether somebody may be next without anything else happening.</summary>
    public bool HasCandidates => _free.Count > 0 || _opened.Count > 0;

    /// <summary>The gates of every key that has something to count, for a look.</summary>
    public IEnumerable<Gate> Gates => _gates.Values;

    /// <summary>The lane of a task, referred to until it is left again.</summary>
    public Lane Enter(in LimitedTask task)
    {
        if (!_limits.IsByKindAlone) return EnterAnew(_limits.Of(task), task.Kind, admitted: false);
        var lane = _ofKind[(int)task.Kind];
        lane.Users++;
        return lane;
    }

    /// <summary>A lane is referred to once more.</summary>
    public static void Enter(Lane lane) => lane.Users++;

    /// <summary>A lane is referred to no more by one who did: what nobody refers to costs nothing.</summary>
    public void Leave(Lane lane)
    {
        if (--lane.Users > 0) return;
        _lanes.Remove(lane.Key);
        foreach (var gate in lane.Gates)
            if (--gate.Lanes == 0) _gates.Remove(gate.Key);
    }

    /// <summary>A task waits from now on.</summary>
    public void Add(QueuedTask task)
    {
        var (lane, stand) = (task.Lane, task.Lane.Stand ?? _free);
        var leads = lane.Line.First is not { } first || task.Order.CompareTo(first.Order) < 0;
        if (leads) Withdraw(lane);
        lane.Line.Add(task);
        foreach (var gate in lane.Gates) gate.Waiting.Add(task);
        Count++;
        if (leads) Stand(lane, stand);
    }

    /// <summary>A task waits no longer.</summary>
    public void Remove(QueuedTask task)
    {
        var (lane, stand) = (task.Lane, task.Lane.Stand ?? _free);
        var led = lane.Line.First == task;
        if (led) Withdraw(lane);
        lane.Line.Remove(task);
        foreach (var gate in lane.Gates) gate.Waiting.Remove(task);
        Count--;
        if (!led) return;
        lane.Passed = 0;
        if (_favoured == lane) Favour(null);
        Stand(lane, stand);
    }

    /// <summary>It is claimed although nothing else is.</summary>
    public void Admit(QueuedTask task)
    {
        if (task.Lane.Key.Admitted) return;
        var (key, before) = (task.Lane.Key, task.Lane);
        Remove(task);
        task.Lane = EnterAnew(key.Limits, key.Kind, admitted: true);
        Leave(before);
        Add(task);
    }

    /// <summary>Takes the first task that can go out of its lane, which the caller then leaves. Its places are the caller's to take.</summary>
    /// <param name="onlyAdmitted">Only of those that were admitted.</param>
    public QueuedTask? TryTake(bool onlyAdmitted)
    {
        while (Next() is { } lane)
        {
            if (onlyAdmitted && !lane.Key.Admitted) Move(lane, _back);
            else if (lane.FirstFull is { } gate)
            {
                if (lane.Stand != _free && ++lane.Passed >= _patience && _favoured is null) Favour(lane);
                Move(lane, gate.HeldUp);
            }
            else
            {
                var task = lane.Line.First!;
                Remove(task);
                return task;
            }
        }
        return null;
    }

    /// <summary>What was held back is not held back any more.</summary>
    public void BringBack()
    {
        while (_back.Min is { } lane) Move(lane, _free);
    }

    /// <summary>A place of each of the lane's keys is taken, whether there is one or not.</summary>
    public void Take(Lane lane)
    {
        foreach (var gate in lane.Gates)
        {
            gate.Taken++;
            Review(gate);
        }
    }

    /// <summary>A place of each of the lane's keys is free again.</summary>
    public void Free(Lane lane)
    {
        foreach (var gate in lane.Gates)
        {
            gate.Taken--;
            Review(gate);
        }
    }

    /// <summary>Says how many places of a key are taken, where that was counted wrongly.</summary>
    public void Correct(Gate gate, int taken)
    {
        gate.Taken = taken;
        Review(gate);
    }

    /// <summary>Its place among those that need the key that holds it up, from 1, and that key; none: nothing holds it up.</summary>
    public static (int Position, Gate? HeldUpBy) PositionOf(QueuedTask task)
    {
        var gate = task.Lane.FirstFull;
        return ((gate?.Waiting ?? (task.Lane.Gates is [.., var widest] ? widest.Waiting : task.Lane.Line)).IndexOf(task) + 1, gate);
    }

    private Lane EnterAnew(ImmutableArray<KeyLimit> limits, TaskKind kind, bool admitted)
    {
        var key = new LaneKey(limits, kind, admitted);
        if (!_lanes.TryGetValue(key, out var lane))
        {
            lane = new([.. limits.Select(GateOf)], key);
            foreach (var gate in lane.Gates) gate.Lanes++;
            _lanes.Add(key, lane);
        }
        lane.Users++;
        return lane;
    }

    private Gate GateOf(KeyLimit limit)
    {
        if (!_gates.TryGetValue(limit.Key, out var gate)) _gates.Add(limit.Key, gate = new(limit));
        return gate;
    }

    /// <summary>The lane whose first task is the first of all that may be next.</summary>
    private Lane? Next()
    {
        var next = _free.Min;
        foreach (var gate in _opened)
            if (gate.Next is { } lane && (next is null || Lane.ByFirst.Compare(lane, next) < 0)) next = lane;
        return next;
    }

    /// <summary>The next place of each of the lane's keys is kept for it; none: for nobody.</summary>
    private void Favour(Lane? lane)
    {
        var before = _favoured;
        _favoured = lane;
        foreach (var gate in (before ?? lane)?.Gates ?? [])
        {
            gate.KeptFor = lane;
            Review(gate);
        }
    }

    private void Move(Lane lane, SortedSet<Lane> stand)
    {
        Withdraw(lane);
        Stand(lane, stand);
    }

    private void Withdraw(Lane lane)
    {
        if (lane.Stand is not { } stand) return;
        stand.Remove(lane);
        lane.Stand = null;
        if (stand == _free || stand == _back) return;
        foreach (var gate in lane.Gates)
            if (gate.HeldUp == stand) Review(gate);
    }

    private void Stand(Lane lane, SortedSet<Lane> stand)
    {
        if (lane.Line.Count == 0) return;
        stand.Add(lane);
        lane.Stand = stand;
        if (stand == _free || stand == _back) return;
        foreach (var gate in lane.Gates)
            if (gate.HeldUp == stand) Review(gate);
    }

    private void Review(Gate gate)
    {
        if (gate.Next is not null) _opened.Add(gate);
        else if (_opened.Count > 0) _opened.Remove(gate);
    }
}
