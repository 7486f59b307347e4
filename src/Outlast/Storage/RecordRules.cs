using System.Collections.Immutable;

namespace Outlast.Storage;

/// <summary>What holds for every record at rest, whichever way it came there. Stores refuse to write, and to read, a record that breaks one.</summary>
/// <remarks>What may follow what is the lifecycle's business; these are only the rules that one record can break by itself.</remarks>
public static class RecordRules
{
    private const int MostPriority = 100;

    /// <summary>The first rule that <paramref name="record"/> breaks, as the field's JSON path and what is wrong with it; none when it is sound.</summary>
    public static (string Field, string Problem)? FindBreach(TaskRecord record)
    {
        ArgumentNullException.ThrowIfNull(record);
        return FindBreach(record.Spec) ?? FindBreachBesideSpec(record);
    }

    internal static (string Field, string Problem)? FindBreachBesideSpec(TaskRecord record) => FindCountBreach(record) ?? FindTimeBreach(record) ?? FindTreeBreach(record) ?? FindStateBreach(record);

    /// <summary>The first rule that <paramref name="spec"/> breaks; none when it is sound.</summary>
    public static (string Field, string Problem)? FindBreach(TaskSpec spec)
    {
        ArgumentNullException.ThrowIfNull(spec);
        if (string.IsNullOrWhiteSpace(spec.Name)) return ("spec.name", "is blank");
        var kinds = (spec.Process is null ? 0 : 1) + (spec.Agent is null ? 0 : 1) + (spec.Handler is null ? 0 : 1);
        if (kinds != 1) return ("spec", $"needs exactly one of process, agent and handler, and has {kinds}");
        if (spec.Timeout < TimeSpan.Zero) return ("spec.timeout", "is negative");
        if (spec.IdleTimeout < TimeSpan.Zero) return ("spec.idleTimeout", "is negative");
        if (spec.IdleWarning < TimeSpan.Zero) return ("spec.idleWarning", "is negative");
        if (spec.StopGrace < TimeSpan.Zero) return ("spec.stopGrace", "is negative");
        if (spec.Priority is < -MostPriority or > MostPriority) return ("spec.priority", $"is not from -{MostPriority} to {MostPriority}");
        if (spec.StartBy <= spec.NotBefore) return ("spec.startBy", "is not later than the moment before which it is not started");
        if (spec.Retry is { } retry && (retry.Max < 1 || retry.Backoff < TimeSpan.Zero)) return ("spec.retry", "needs at least one further attempt, and a wait that is not negative");
        if (FindNull(spec.Labels) is { } label) return ($"spec.labels.{label}", "is null");
        return spec.Process is { } process ? FindBreach(process) : null;
    }

    private static (string, string)? FindBreach(ProcessSpec process)
    {
        if (process.Argv.IsDefaultOrEmpty) return ("spec.process.argv", "needs at least a program");
        if (process.Argv.Contains(null!)) return ("spec.process.argv", "contains null");
        if (!Path.IsPathFullyQualified(process.Cwd)) return ("spec.process.cwd", "is not absolute");
        if (process.OutputCap < 0) return ("spec.process.outputCap", "is negative");
        if (KnownEnvironments.FindNull(process.Environment) is { } name) return ($"spec.process.environment.{name}", "is null");
        return null;
    }

    private static (string, string)? FindCountBreach(TaskRecord record)
    {
        if (record.Version < 1) return ("version", "is below 1");
        if (record.Attempt < 0) return ("attempt", "is negative");
        if (record.OpenChildren < 0) return ("openChildren", "is negative");
        if (record.OpenBelow < 0) return ("openBelow", "is negative");
        if (record.EverBelow < 0) return ("everBelow", "is negative");
        if (record.Adoptions < 0) return ("adoptions", "is negative");
        if (record.Events < 0) return ("events", "is negative");
        var (bytes, errorBytes, dropped, lost) = record.Output;
        return bytes < 0 || errorBytes < 0 || dropped < 0 || lost < 0 ? ("output", "has a negative size") : null;
    }

    private static (string, string)? FindTimeBreach(TaskRecord record)
    {
        if (record.CreatedAt < DateTimeOffset.UnixEpoch) return ("createdAt", "is before 1970");
        if (record.StartedAt < DateTimeOffset.UnixEpoch) return ("startedAt", "is before 1970");
        if (record.EndedAt < DateTimeOffset.UnixEpoch) return ("endedAt", "is before 1970");
        if (record.EndedAt < record.CreatedAt) return ("endedAt", "is before createdAt");
        if (record.EndedAt < record.StartedAt) return ("endedAt", "is before startedAt");
        return null;
    }

    private static (string, string)? FindTreeBreach(TaskRecord record)
    {
        if (record.Depth < 0) return ("depth", "is negative");
        if (record.Parent is null && record.Root != record.Id) return ("root", "is another task, though there is no parent");
        if (record.Parent is null && record.Depth != 0) return ("depth", "is not 0, though there is no parent");
        if (record.Parent == record.Id || (record.Parent is not null && record.Root == record.Id)) return ("parent", "makes the task its own ancestor");
        if (record.Parent is not null && record.Depth == 0) return ("depth", "is 0, though there is a parent");
        return null;
    }

    private static (string, string)? FindStateBreach(TaskRecord record)
    {
        var ended = record.State.IsTerminal();
        if (ended && record.EndedAt is null) return ("endedAt", $"is missing in state {record.State}");
        if (ended && record.End is null) return ("end", $"is missing in state {record.State}");
        if (!ended && record.EndedAt is not null) return ("endedAt", $"is set in state {record.State}");
        if (!ended && record.End is not null) return ("end", $"is set in state {record.State}");
        if (ended && record.End!.State != record.State) return ("end.state", $"is {record.End.State} in state {record.State}");
        if (record.Claim is not null && (ended || record.State == TaskState.Queued)) return ("claim", $"is set in state {record.State}");
        // What never ran may be stopping: it awaits its children.
        if (record.State is TaskState.Running or TaskState.Waiting && record.Attempt == 0) return ("attempt", $"is 0 in state {record.State}");
        if (record.State == TaskState.Running && record.Claim is null && record.Outcome is null) return ("claim", "is missing in state Running");
        if (record.State == TaskState.Stopping && record.Stop is null) return ("stop", "is missing in state Stopping");
        if (record.State == TaskState.Waiting && record.Question is null) return ("question", "is missing in state Waiting");
        return null;
    }

    private static string? FindNull(ImmutableSortedDictionary<string, string> map)
    {
        foreach (var (key, value) in map)
            if (value is null) return key;
        return null;
    }
}
