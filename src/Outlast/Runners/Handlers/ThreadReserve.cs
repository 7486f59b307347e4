namespace Outlast.Runners.Handlers;

/// <summary>Threads that handlers keep from the pool are made up for: as many more as they hold may begin without delay, so that code which blocks, or never comes back, starves nobody.</summary>
/// <remarks>
/// Code that blocks before it first waits gets a thread of its own beyond a few. Code that blocks later holds one of the pool's, which makes up for that by one or two in a second: too slow for stops, ends and
/// routes that wait meanwhile. So while handlers run it is looked, ten times in a second and on a thread of its own, whether work waits and hardly any was done since the last look; then the pool may have twice
/// as many more as before, up to two for each handler: one that it holds, and one for what it waits for. Where nobody blocks it has as many as ever.
/// </remarks>
internal sealed class ThreadReserve : IDisposable
{
    // A pool that is stuck fires no timer either.
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(100);
    // The pool is the process's; so is its least number of threads.
    private static readonly Lock Gate = new();
    private readonly int _most = Environment.ProcessorCount;
    private readonly Func<int> _running;
    private readonly ManualResetEventSlim _begun = new();
    private int _entering;
    // Guarded by Gate.
    private int _added;
    private volatile bool _isOver;

    /// <param name="running">How many handlers run.</param>
    public ThreadReserve(Func<int> running)
    {
        _running = running;
        Raise(_most);
        new Thread(Watch, maxStackSize: 256 << 10) { IsBackground = true, Name = "outlast thread reserve" }.Start();
    }

    /// <summary>Runs what may block: on the pool as long as few do, on a thread of its own beyond that. Returns at once; <paramref name="enter"/> returns when the code first waits without a thread.</summary>
    public void Run(Action enter)
    {
        ThreadPool.UnsafeQueueUserWorkItem(static state => state.Reserve.Enter(state.Enter), (Reserve: this, Enter: enter), preferLocal: false);
        _begun.Set();
    }

    /// <summary>So many threads are held by code that was given up.</summary>
    public void Raise(int threads)
    {
        lock (Gate)
        {
            // It has given everything back: code that returns later finds nothing of its own.
            if (_isOver) return;
            RaiseNeedsLock(threads);
        }
    }

    /// <summary>The pool is as it was.</summary>
    public void Dispose()
    {
        lock (Gate)
        {
            if (_isOver) return;
            RaiseNeedsLock(-_added);
            _isOver = true;
        }
        _begun.Set();
    }

    private void RaiseNeedsLock(int threads)
    {
        _added += threads;
        ThreadPool.GetMinThreads(out var workers, out var io);
        ThreadPool.SetMinThreads(Math.Max(1, workers + threads), io);
    }

    private void Watch()
    {
        var (blocked, waited, done) = (0, false, 0L);
        while (!_isOver)
        {
            _begun.Reset();
            var running = _running();
            // Who has ended holds none.
            if (blocked > 2 * running) MakeUpFor(2 * running);
            if (running == 0)
            {
                waited = false;
                _begun.Wait();
                continue;
            }
            Thread.Sleep(Look);
            var (waits, doneBefore) = (ThreadPool.PendingWorkItemCount > 0, done);
            done = ThreadPool.CompletedWorkItemCount;
            // A pool that works does thousands in that time.
            if (waits && waited && done - doneBefore <= _most && blocked < 2 * running) MakeUpFor(Math.Min(2 * running, Math.Max(_most, 2 * blocked)));
            waited = waits;
        }

        void MakeUpFor(int handlers)
        {
            Raise(handlers - blocked);
            blocked = handlers;
        }
    }

    private void Enter(Action enter)
    {
        if (Interlocked.Increment(ref _entering) > _most)
        {
            Interlocked.Decrement(ref _entering);
            new Thread(() => enter()) { IsBackground = true, Name = "outlast handler" }.Start();
            return;
        }
        try
        {
            enter();
        }
        finally
        {
            Interlocked.Decrement(ref _entering);
        }
    }
}
