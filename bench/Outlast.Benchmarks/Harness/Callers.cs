namespace Outlast.Benchmarks.Harness;

/// <summary>Many callers that each await one thing before they ask for the next.</summary>
internal static class Callers
{
    /// <summary>Does something for each of 0 to <paramref name="count"/> - 1, with at most so many under way.</summary>
    public static Task ShareAsync(int count, int callers, Func<int, Task> act)
    {
        var next = -1;
        return Task.WhenAll(Enumerable.Range(0, Math.Min(count, callers)).Select(_ => Task.Run(async () =>
        {
            for (int i; (i = Interlocked.Increment(ref next)) < count;) await act(i);
        })));
    }

    /// <summary>The same on threads of their own, for what blocks.</summary>
    public static Task ShareBlockingAsync(int count, int callers, Action<int> act)
    {
        var next = -1;
        return Task.WhenAll(Enumerable.Range(0, Math.Min(count, callers)).Select(_ => Task.Factory.StartNew(() =>
        {
            for (int i; (i = Interlocked.Increment(ref next)) < count;) act(i);
        }, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default)));
    }
}
