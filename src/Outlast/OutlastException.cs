using System.Collections.Immutable;

namespace Outlast;

/// <summary>A promise or a request that cannot be kept, with the data that says why.</summary>
public abstract class OutlastException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>The spec is not acceptable.</summary>
public sealed class InvalidTaskException(IReadOnlyDictionary<string, string[]> errors)
    : OutlastException("The task cannot be accepted: " + string.Join("; ", errors.SelectMany(e => e.Value.Select(v => $"{e.Key}: {v}"))))
{
    /// <summary>Every bad field, by its JSON path, with what is wrong.</summary>
    public IReadOnlyDictionary<string, string[]> Errors { get; } = errors;
}

/// <summary>No task of that name was ever known here.</summary>
public sealed class TaskNotFoundException(string name) : OutlastException($"No task is known as '{name}'.")
{
    /// <summary>What was asked for.</summary>
    public string Name { get; } = name;
}

/// <summary>The task was known, and its record has been removed.</summary>
public sealed class TaskRemovedException(Tombstone tombstone)
    : OutlastException($"Task {tombstone.Number} ({tombstone.Id}) ended as {Names.Of(tombstone.State)} and was removed at {tombstone.RemovedAt.UtcDateTime:yyyy-MM-dd'T'HH:mm:ss'Z'}{Why(tombstone.Reason)}.")
{
    /// <summary>What is left of it.</summary>
    public Tombstone Tombstone { get; } = tombstone;

    private const string Removed = "removed ";

    private static string Why(string reason) => reason.StartsWith(Removed, StringComparison.Ordinal) ? reason[(Removed.Length - 1)..] : $": {reason}";
}

/// <summary>What was asked for needs a task that has not ended.</summary>
public sealed class TaskEndedException(TaskRecord record) : OutlastException($"Task {record.Number} has ended: {Names.Of(record.State)}.")
{
    /// <summary>The ended task.</summary>
    public TaskRecord Record { get; } = record;
}

/// <summary>What was asked for needs a task that has ended.</summary>
public sealed class TaskNotEndedException(TaskRecord record) : OutlastException($"Task {record.Number} has not ended: {(record.IsFinishing ? "finishing" : Names.Of(record.State))}.")
{
    /// <summary>The open task.</summary>
    public TaskRecord Record { get; } = record;
}

/// <summary>What was asked for makes no sense for a task that is being stopped.</summary>
public sealed class TaskStoppingException(TaskRecord record) : OutlastException($"Task {record.Number} is being stopped: its limits hold no more.")
{
    /// <summary>The task.</summary>
    public TaskRecord Record { get; } = record;
}

/// <summary>Processes that an ended task left behind are alive: with its record nobody would know of them.</summary>
public sealed class LeftoversAliveException(TaskRecord record, ImmutableArray<Survivor> alive)
    : OutlastException($"Task {record.Number} left processes behind that are alive: {string.Join(", ", alive.Select(p => $"{p.Pid} {p.Command}"))}.")
{
    /// <summary>The ended task.</summary>
    public TaskRecord Record { get; } = record;
    /// <summary>The processes.</summary>
    public ImmutableArray<Survivor> Alive { get; } = alive;
}

/// <summary>What was asked for needs a task that has started.</summary>
public sealed class TaskNotStartedException(TaskRecord record) : OutlastException($"Task {record.Number} has not started yet: {Names.Of(record.State)}.")
{
    /// <summary>The task.</summary>
    public TaskRecord Record { get; } = record;
}

/// <summary>The pipe to the task's standard input has no room for all that was sent: it reads more slowly than that, or not now.</summary>
public sealed class InputFullException(TaskRecord record, int taken) : OutlastException($"The standard input of task {record.Number} is full: it took {taken} bytes. Send the rest when the task has read on.")
{
    /// <summary>The task.</summary>
    public TaskRecord Record { get; } = record;
    /// <summary>How many bytes were taken, the first ones.</summary>
    public int Taken { get; } = taken;
}

/// <summary>Why a task's standard input takes nothing.</summary>
public enum InputClosure
{
    /// <summary>It was submitted with something else to read.</summary>
    NeverOpen,
    /// <summary>Nobody reads it.</summary>
    Unread,
    /// <summary>Its end-of-file was given.</summary>
    Ended,
}

/// <summary>The task's standard input takes nothing, or nothing more.</summary>
public sealed class InputClosedException(TaskRecord record, int taken, InputClosure why) : OutlastException($"Task {record.Number} takes no input{(taken > 0 ? $" after {taken} more bytes" : "")}: {Explain(record, why)}.")
{
    /// <summary>The task.</summary>
    public TaskRecord Record { get; } = record;
    /// <summary>How many bytes were taken all the same, the first ones.</summary>
    public int Taken { get; } = taken;
    /// <summary>Why.</summary>
    public InputClosure Why { get; } = why;

    private static string Explain(TaskRecord record, InputClosure why) => why switch
    {
        InputClosure.NeverOpen => record.Spec.Process is { } process ? $"its standard input is '{Names.Of(process.Stdin.Kind)}', not 'open'" : "it is no process",
        InputClosure.Unread => "nobody reads its standard input",
        InputClosure.Ended => "the end of its standard input was sent",
    };
}

/// <summary>The parent is over, or asked to stop: it can start no child.</summary>
public sealed class ParentEndedException(TaskRecord parent) : OutlastException($"Task {parent.Number} can start no child any more: it is {(parent.IsFinishing ? "finishing" : Names.Of(parent.State))}.")
{
    /// <summary>The parent.</summary>
    public TaskRecord Parent { get; } = parent;
}

/// <summary>The host is full and the task asked to be refused then.</summary>
public sealed class FullException(string limit, int running, int max, string? reason = null) : OutlastException($"No room: {reason ?? $"{limit} has {running} of {max}"}.")
{
    /// <summary>Which limit: <c>kind process</c>, <c>host</c>, <c>session s1</c>, <c>label gpu</c>, <c>disk</c>.</summary>
    public string Limit { get; } = limit;
    /// <summary>How many places are taken.</summary>
    public int Running { get; } = running;
    /// <summary>How many there are.</summary>
    public int Max { get; } = max;
}

/// <summary>The idempotency key was used before, for something else.</summary>
public sealed class IdempotencyMismatchException(string key, TaskId id) : OutlastException($"The idempotency key '{key}' belongs to task {id}, which was submitted with another body.")
{
    /// <summary>The key.</summary>
    public string Key { get; } = key;
    /// <summary>The task that has it.</summary>
    public TaskId Id { get; } = id;
}

/// <summary>The store cannot be read or written; nothing was accepted.</summary>
public sealed class StoreUnavailableException(string message, Exception? inner = null) : OutlastException(message, inner)
{
    /// <summary>Whether it will never be usable again for this host: another one has opened it.</summary>
    public bool IsForGood { get; init; }
}

/// <summary>The store cannot be opened: another host has it, or it is of a newer schema.</summary>
public sealed class StoreRefusedException(string message) : OutlastException(message);

/// <summary>A host that goes away takes no new work.</summary>
public sealed class DrainingException() : OutlastException("This host is going away and takes no new work.");

/// <summary>The attempt is its host's no more: another one has it, or the task has ended.</summary>
public sealed class ClaimLostException(TaskId task) : OutlastException($"The claim on task {task} is lost: another host has it, or it has ended.")
{
    /// <summary>The task.</summary>
    public TaskId Task { get; } = task;
}

/// <summary>The wait would never end: who is waited for waits for the one that asks.</summary>
public sealed class WaitCycleException(ImmutableArray<TaskId> path) : OutlastException($"That wait would never end, for they wait for each other: {string.Join(" waits for ", path)}.")
{
    /// <summary>From the task that asks, each waiting for the next, back to it.</summary>
    public ImmutableArray<TaskId> Path { get; } = path;
}

/// <summary>The tree has no room for another task.</summary>
public sealed class TreeFullException(TaskRecord above, string limit, int has, int max) : OutlastException(Describe(above, limit, has, max))
{
    /// <summary>The setting that bounds how deep a tree may be.</summary>
    public const string DepthLimit = "tree.depth";
    /// <summary>The setting that bounds how many tasks may be open below one top.</summary>
    public const string ChildrenLimit = "tree.children";
    /// <summary>The budget of a task that bounds how many may ever be submitted below it.</summary>
    public const string BudgetLimit = "budget.tasks";

    /// <summary>The task that can have no more below it: the parent, the top of the tree, or whose budget it is.</summary>
    public TaskRecord Above { get; } = above;
    /// <summary>Which limit: <see cref="DepthLimit"/>, <see cref="ChildrenLimit"/> or <see cref="BudgetLimit"/>.</summary>
    public string Limit { get; } = limit;
    /// <summary>How many there are; of the depth, the one that the new task would have.</summary>
    public int Has { get; } = has;
    /// <summary>How many there may be.</summary>
    public int Max { get; } = max;

    private static string Describe(TaskRecord above, string limit, int has, int max) => limit switch
    {
        DepthLimit => $"Task {above.Number} can start no child: it would be at depth {has}, and {limit} is {max}.",
        ChildrenLimit => $"No more tasks can be below task {above.Number} now: {has} are open, and {limit} is {max}.",
        _ => $"No more tasks can be below task {above.Number}: {has} were submitted, and its budget ({limit}) is {max}.",
    };
}

/// <summary>The question was answered or has expired before: the first wins.</summary>
public sealed class QuestionOverException(TaskRecord record) : OutlastException(Describe(record))
{
    /// <summary>The task, with the answer that won, if its question was ever asked.</summary>
    public TaskRecord Record { get; } = record;

    private static string Describe(TaskRecord record) => record.Question switch
    {
        null => $"Task {record.Number} asks nothing: it is {Names.Of(record.State)}.",
        { Answer: { Text: { } text } answer } => $"The question of task {record.Number} was answered before, by {answer.Actor.Id}: '{text}'.",
        { Answer: not null } => $"The question of task {record.Number} has expired.",
        _ => $"Task {record.Number} waits no longer: it is {Names.Of(record.State)}.",
    };
}
