using System.Collections.Immutable;

namespace Outlast.Runners;

/// <summary>What work that runs inside this program may ask of the runtime, for the one attempt that it is.</summary>
/// <remarks>
/// Every member is a boundary's business: the runner refuses before it calls one when a stop is asked. All of them write under the attempt's claim and throw
/// <see cref="ClaimLostException"/> when it is the attempt's no more: then the work must end, for another host may be doing it.
/// </remarks>
public interface IAttemptServices
{
    /// <summary>The finished steps of the task, of earlier attempts too, in order.</summary>
    Task<ImmutableArray<TaskStep>> ReadStepsAsync(CancellationToken cancel);

    /// <summary>Makes a finished step durable. Its name must be new within the task.</summary>
    Task WriteStepAsync(TaskStep step, CancellationToken cancel);

    /// <summary>Asks a person or a client, and waits for the answer: the task is <see cref="TaskState.Waiting"/> meanwhile and holds no place. A question of that name that is open, or was answered last, is not asked again.</summary>
    /// <param name="question">What; its <see cref="Question.Name"/> is given.</param>
    /// <param name="cancel">Gives up waiting: the question stays open, so that the next attempt finds its answer.</param>
    Task<QuestionAnswer> AskAsync(Question question, CancellationToken cancel);

    /// <summary>Submits a child under a name that is the attempt's own for it: the same name again, also after a restart, is the same child. Where the host is about to go it waits: until that is called off, or for good.</summary>
    /// <param name="name">The name.</param>
    /// <param name="spec">What to run.</param>
    /// <param name="cancel">Gives up: cancelled at the latest when the attempt is suspended or stopped.</param>
    /// <exception cref="OutlastException">As <see cref="ITaskClient.SubmitAsync"/>.</exception>
    Task<TaskRecord> StartChildAsync(string name, TaskSpec spec, CancellationToken cancel);

    /// <summary>Asks a child to stop, with everything below it; one that has ended is left as it is.</summary>
    /// <exception cref="TaskNotFoundException">It is no child of this task.</exception>
    Task StopChildAsync(TaskId child, string? reason, CancellationToken cancel);

    /// <summary>Waits for ends; the task holds no place meanwhile, and its silence does not count.</summary>
    /// <param name="tasks">Whose.</param>
    /// <param name="any">Whether one is enough; otherwise all.</param>
    /// <param name="timeout">How long at most; none: no bound.</param>
    /// <param name="cancel">Gives up.</param>
    /// <returns>All of them as they are then, in the order that was asked for.</returns>
    /// <exception cref="WaitCycleException">One of them waits for this task.</exception>
    Task<ImmutableArray<TaskRecord>> WaitAsync(ImmutableArray<TaskId> tasks, bool any, TimeSpan? timeout, CancellationToken cancel);

    /// <summary>Tells how far it is. Cheap; not durable at once.</summary>
    void Report(TaskProgress progress);
}
