namespace Outlast.Runners.Handlers;

/// <summary>Threads that handlers keep from the pool are made up for: as many more as they hold may begin without delay, so that code which never comes back starves nobody.</summary>
internal sealed class ThreadReserve : IDisposable
{
    // The pool is the process's; so is its least number of threads.
    private static readonly Lock Gate = new();
    private readonly int _most = Environment.ProcessorCount;
    private int _entering, _added;

    public ThreadReserve() => Raise(_most);

    /// <summary>Runs what may block: on the pool as long as few do, on a thread of its own beyond that. Returns at once; <paramref name="enter"/> returns when the code first waits without a thread.</summary>
    public void Run(Action enter) => ThreadPool.UnsafeQueueUserWorkItem(static state => state.Reserve.Enter(state.Enter), (Reserve: this, Enter: enter), preferLocal: false);

    /// <summary>So many threads are held by code that was given up.</summary>
    public void Raise(int threads)
    {
        lock (Gate)
        {
            _added += threads;
            ThreadPool.GetMinThreads(out var workers, out var io);
            ThreadPool.SetMinThreads(Math.Max(1, workers + threads), io);
        }
    }

    /// <summary>The pool is as it was.</summary>
    public void Dispose() => Raise(-_added);

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
