namespace Outlast.Runners.Handlers;

/// <summary>Code of a program that runs as a task. Made anew for each attempt, from a service scope that is disposed before the task's end is written.</summary>
/// <typeparam name="TInput">What it is given, read from JSON.</typeparam>
/// <typeparam name="TResult">What it gives, written as JSON into the task's end.</typeparam>
public interface ITaskHandler<in TInput, TResult>
{
    /// <summary>Does the work. After a host's death or departure it is called again, by the next host: whatever must not happen twice belongs into <see cref="TaskContext.StepAsync{T}(string, Func{CancellationToken, Task{T}})"/>.</summary>
    /// <param name="input">What the task was given.</param>
    /// <param name="task">The task's hands: steps, children, questions, output, tokens.</param>
    Task<TResult> RunAsync(TInput input, TaskContext task);
}
