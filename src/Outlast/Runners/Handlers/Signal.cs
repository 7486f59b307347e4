namespace Outlast.Runners.Handlers;

/// <summary>Something that is asked once. Its token is made when somebody wants it: most attempts end without.</summary>
internal sealed class Signal
{
    private readonly Lock _lock = new();
    // Guarded by _lock.
    private CancellationTokenSource? _source;
    private volatile bool _isRaised;

    public bool IsRaised => _isRaised;

    public CancellationToken Token
    {
        get
        {
            lock (_lock)
            {
                if (_source is null && _isRaised) return new CancellationToken(canceled: true);
                return (_source ??= new()).Token;
            }
        }
    }

    /// <summary>Raises it. What hangs on its token is called on another thread, and what that throws is its own affair.</summary>
    public void Raise()
    {
        CancellationTokenSource? source;
        lock (_lock)
        {
            if (_isRaised) return;
            _isRaised = true;
            source = _source;
        }
        source?.CancelAsync().ContinueWith(static t => _ = t.Exception, CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted, TaskScheduler.Default);
    }
}
