namespace Outlast.Runners.Handlers;

/// <summary>A child that a handler has started.</summary>
public sealed class ChildTask
{
    private readonly TaskContext _parent;

    internal ChildTask(TaskContext parent, string name, TaskId id, long number) => (_parent, Name, Id, Number) = (parent, name, id, number);

    /// <summary>Its name for the task that started it.</summary>
    public string Name { get; }

    /// <summary>The child.</summary>
    public TaskId Id { get; }

    /// <summary>Its number.</summary>
    public long Number { get; }

    /// <summary>Waits until it has ended, or the time is over.</summary>
    /// <param name="timeout">How long at most; none: no bound.</param>
    /// <exception cref="TaskStoppedException">The waiting task is asked to stop.</exception>
    public async Task<TaskRecord> WaitAsync(TimeSpan? timeout = null) => (await _parent.WaitAllAsync([Id], timeout).ConfigureAwait(false))[0];

    /// <summary>Waits until it has ended, and gives what it gave.</summary>
    /// <exception cref="ChildFailedException">It has not completed.</exception>
    /// <exception cref="TaskStoppedException">The waiting task is asked to stop.</exception>
    public async Task<T> ResultAsync<T>() => _parent.ResultOf<T>(await WaitAsync().ConfigureAwait(false));

    /// <summary>Asks it to stop, with everything below it. One that has ended is left as it is.</summary>
    /// <param name="reason">For people.</param>
    /// <exception cref="TaskStoppedException">The task that asks is asked to stop itself: its children are asked with it.</exception>
    public Task StopAsync(string? reason = null) => _parent.StopAsync(Id, reason);
}
