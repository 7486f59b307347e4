namespace Outlast.Supervision;

/// <summary>One of a host's places, as an attempt holds it: lent to others while it waits for children of its own, given back once.</summary>
internal sealed class Place(Dispatcher dispatcher)
{
    private readonly Lock _lock = new();
    // Guarded by _lock: whether it is held now; whether it was given back because the attempt's end is being written; whether it has been given back for good.
    private bool _held = true;
    private bool _handedOver;
    private bool _over;

    /// <summary>Whether it counts among the places that are taken.</summary>
    public bool IsHeld
    {
        get { lock (_lock) return _held; }
    }

    /// <summary>Lends it, or takes it again: then ahead of new work, and beyond the limit if there is no other way.</summary>
    public void Need(bool needed)
    {
        lock (_lock)
        {
            if (_over || _handedOver || _held == needed) return;
            _held = needed;
        }
        if (needed) dispatcher.Occupy();
        else dispatcher.Release();
    }

    /// <summary>Gives it back as the attempt's end is handed to the writer: who waits for it need not wait for the disk as well.</summary>
    public void HandOver()
    {
        lock (_lock)
        {
            if (_over || _handedOver || !_held) return;
            (_handedOver, _held) = (true, false);
        }
        dispatcher.Release();
    }

    /// <summary>Takes it again: the end was not written.</summary>
    public void TakeBack()
    {
        lock (_lock)
        {
            if (!_handedOver) return;
            (_handedOver, _held) = (false, true);
        }
        dispatcher.Occupy();
    }

    /// <summary>Gives it back for good. Again: nothing.</summary>
    public void Free()
    {
        lock (_lock)
        {
            if (_over) return;
            _over = true;
            if (!_held) return;
            _held = false;
        }
        dispatcher.Release();
    }
}
