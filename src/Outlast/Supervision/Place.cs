namespace Outlast.Supervision;

/// <summary>One of a host's places, as an attempt holds it: lent to others while it waits for children of its own, given back once.</summary>
internal sealed class Place(Dispatcher dispatcher)
{
    private readonly Lock _lock = new();
    // Guarded by _lock: whether it is held now, and whether it has been given back for good.
    private bool _held = true;
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
            if (_over || _held == needed) return;
            _held = needed;
        }
        if (needed) dispatcher.Occupy();
        else dispatcher.Release();
    }

    /// <summary>Gives it back. Again: nothing.</summary>
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
