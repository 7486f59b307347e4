namespace Outlast.Supervision;

/// <summary>A place under each key of a task, as an attempt holds them: lent to others while it waits for somebody or for children of its own, given back once.</summary>
internal sealed class Place(Dispatcher dispatcher, Lane lane, TaskId? task)
{
    // Written under the dispatcher's lock: whether it is held now; whether it was given back because the attempt's end is being written; whether it has been given back for good. And, without the lock, whether somebody has it in hand.
    private volatile bool _held;
    private volatile bool _handedOver;
    private volatile bool _over;
    private volatile bool _entrusted;

    /// <summary>The keys of its task.</summary>
    public Lane Lane => lane;

    /// <summary>Whose it is. None while the task that it is reserved for does not exist.</summary>
    public TaskId? Task { get; set; } = task;

    /// <summary>Whether it counts among the places that are taken.</summary>
    public bool IsHeld => _held;

    /// <summary>Whether it was given back for good.</summary>
    public bool IsOver => _over;

    /// <summary>Whether the executor or the rescuer has it, who gives it back for good when done with its attempt: also after the task's next attempt has begun.</summary>
    public bool IsEntrusted => _entrusted;

    /// <summary>From now on whoever has the attempt sees to it.</summary>
    public void Entrust() => _entrusted = true;

    /// <summary>Whether an attempt that needs it should have it: not while its end is being written, nor afterwards.</summary>
    public bool IsOwed => !_held && !_handedOver && !_over;

    /// <summary>Lends it, or takes it again: then ahead of new work, and beyond the limit if there is no other way.</summary>
    public void Need(bool needed)
    {
        if (_held != needed) dispatcher.Change(this, needed ? Step.Take : Step.Lend);
    }

    /// <summary>Gives it back as the attempt's end is handed to the writer: who waits for it need not wait for the disk as well.</summary>
    public void HandOver() => dispatcher.Change(this, Step.HandOver);

    /// <summary>Takes it again: the end was not written.</summary>
    public void TakeBack() => dispatcher.Change(this, Step.TakeBack);

    /// <summary>Gives it back for good. Again: nothing.</summary>
    public void Free() => dispatcher.Change(this, Step.Free);

    /// <summary>Decides, under the dispatcher's lock, whether it is held from now on.</summary>
    internal void ApplyNeedsLock(Step step)
    {
        if (_over) return;
        switch (step)
        {
            case Step.Take or Step.Lend when _handedOver: break;
            case Step.Take: _held = true; break;
            case Step.Lend: _held = false; break;
            case Step.HandOver when _held: (_handedOver, _held) = (true, false); break;
            case Step.TakeBack when _handedOver: (_handedOver, _held) = (false, true); break;
            case Step.Free: (_over, _held) = (true, false); break;
        }
    }

    internal enum Step
    {
        Take,
        Lend,
        HandOver,
        TakeBack,
        Free,
    }
}
