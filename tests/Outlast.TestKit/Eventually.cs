using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace Outlast.TestKit;

/// <summary>Bounded waits for what a real process or file shows. For everything of our own, wait on its signal instead.</summary>
public static class Eventually
{
    /// <summary>Far more than anything takes on a loaded machine; a test that needs it is red anyway.</summary>
    public static TimeSpan Patience { get; } = TimeSpan.FromSeconds(60);

    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(5);

    /// <summary>Waits until it holds.</summary>
    /// <param name="holds">Looked at again and again.</param>
    /// <param name="what">In words, for the message.</param>
    /// <param name="within">At most so long.</param>
    public static Task TrueAsync(Func<bool> holds, string what, TimeSpan? within = null) => TrueAsync(() => Task.FromResult(holds()), what, within);

    /// <inheritdoc cref="TrueAsync(Func{bool}, string, TimeSpan?)"/>
    public static async Task TrueAsync(Func<Task<bool>> holds, string what, TimeSpan? within = null)
    {
        var clock = Stopwatch.StartNew();
        while (!await holds())
        {
            if (clock.Elapsed > (within ?? Patience)) throw new TimeoutException($"Not within {Duration.Format(within ?? Patience)}: {what}.");
            await Task.Delay(Look);
        }
    }

    /// <summary>Waits until it gives something.</summary>
    public static async Task<T> ValueAsync<T>(Func<Task<T?>> look, string what, TimeSpan? within = null) where T : class
    {
        T? found = null;
        await TrueAsync(async () => (found = await look()) is not null, what, within);
        return found!;
    }

    /// <summary>Fails instead of hanging when a signal does not come.</summary>
    public static async Task<T> Soon<T>(this Task<T> task, [CallerArgumentExpression(nameof(task))] string what = "")
    {
        await ((Task)task).Soon(what);
        return await task;
    }

    /// <inheritdoc cref="Soon{T}(Task{T}, string)"/>
    public static async Task Soon(this Task task, [CallerArgumentExpression(nameof(task))] string what = "")
    {
        try { await task.WaitAsync(Patience); }
        catch (TimeoutException) when (!task.IsCompleted) { throw new TimeoutException($"Not within {Duration.Format(Patience)}: {what}."); }
    }
}
