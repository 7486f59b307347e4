namespace Outlast;

/// <summary>What answers for a task whose record has been removed.</summary>
public sealed record Tombstone(TaskId Id, long Number, TaskState State, DateTimeOffset EndedAt, DateTimeOffset RemovedAt, string Reason);
