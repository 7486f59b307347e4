using Outlast.Storage;

namespace Outlast.Tests.Lifecycle;

/// <summary>What the lifecycle promises of every record, beyond what a store checks.</summary>
internal static class RecordInvariants
{
    /// <summary>What is wrong with a record, in words; nothing when all is well.</summary>
    public static IEnumerable<string> Violations(TaskRecord record)
    {
        if (RecordRules.FindBreach(record) is { } breach) yield return $"a store refuses it: {breach.Field} {breach.Problem}";
        var terminal = record.State.IsTerminal();
        if (terminal != record.End is not null) yield return "an end is there if and only if the task has ended";
        if (terminal != record.EndedAt is not null) yield return "a time of the end is there if and only if the task has ended";
        if (record.End is { } end && end.State != record.State) yield return "the end names the state";
        if (terminal && record.OpenChildren != 0) yield return "an ended task has no open children";
        if (terminal && record.Outcome is not null) yield return "an ended task holds no outcome back";
        if (record.OpenChildren < 0) yield return "children are counted from 0";
        if (record.IsFinishing && record.OpenChildren == 0) yield return "a finishing task has open children";
        if (record.IsFinishing && record.State is not (TaskState.Running or TaskState.Stopping)) yield return "a finishing task is running or stopping";
        if (record.Claim is not null && (terminal || record.IsFinishing || record.State == TaskState.Queued)) yield return "nobody owns a queued, finishing or ended task";
        if (record is { State: TaskState.Running or TaskState.Stopping, Claim: null, Outcome: null }) yield return "somebody owns a running or stopping task";
        if (record.State == TaskState.Stopping && record.Stop is null) yield return "a stopping task knows who asked";
        if (record.State is TaskState.Queued or TaskState.Running or TaskState.Waiting && record.Stop is not null) yield return "only a stopping or ended task was asked to stop";
        if ((record.State == TaskState.Waiting) != (record.Question is { Answer: null })) yield return "a task waits if and only if its question is open";
        if (record.State == TaskState.Queued && record.Process is not null) yield return "a queued task has no process";
        if (record.State != TaskState.Queued && (record.FirstInLine || record.NotBefore is not null)) yield return "only a queued task has a place in line";
        if (record.State is TaskState.Running or TaskState.Waiting && record.Attempt < 1) yield return "a running or waiting task has an attempt";
        if (record.Attempt > 0 && record.StartedAt is null) yield return "an attempt has a start";
        if (record.Version < 1 || record.Events < 1) yield return "version and events count from 1";
        if (record.Depth == 0 != record.Parent is null || (record.Parent is null && record.Root != record.Id)) yield return "the top of a tree has depth 0, no parent, and is its own root";
        if (record.Resumes && record.Attempt < 1) yield return "only an attempt can go on";
        if (record.Stop is { } stop && string.IsNullOrWhiteSpace(stop.Reason) && stop.Reason is not null) yield return "a blank reason is absent";
    }
}
