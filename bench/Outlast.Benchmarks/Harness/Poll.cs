using System.Diagnostics;

namespace Outlast.Benchmarks.Harness;

/// <summary>Waits for what nobody announces.</summary>
internal static class Poll
{
    private static readonly TimeSpan AtMost = TimeSpan.FromMinutes(2);

    /// <exception cref="TimeoutException">It never came.</exception>
    public static async Task UntilAsync(Func<ValueTask<bool>> condition, string what, int everyMs, CancellationToken cancel)
    {
        var start = Stopwatch.GetTimestamp();
        while (!await condition())
        {
            if (Stopwatch.GetElapsedTime(start) > AtMost) throw new TimeoutException($"Waited {AtMost.TotalSeconds} s for this: {what}.");
            await Task.Delay(everyMs, cancel);
        }
    }

    public static Task UntilAsync(Func<bool> condition, string what, int everyMs, CancellationToken cancel) => UntilAsync(() => ValueTask.FromResult(condition()), what, everyMs, cancel);
}
