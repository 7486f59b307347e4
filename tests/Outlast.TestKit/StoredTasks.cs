using System.Collections.Immutable;
using System.Text.Json;
using Outlast.Storage;

namespace Outlast.TestKit;

/// <summary>Records and changes as the tests of stores need them; sound by the record rules, beside every lifecycle.</summary>
public static class StoredTasks
{
    /// <summary>The instant at which the records of tests were made.</summary>
    public static DateTimeOffset Start { get; } = new(2026, 11, 20, 10, 0, 0, 123, TimeSpan.Zero);

    private static long _births;

    /// <summary>A new id, later than those before.</summary>
    public static TaskId NewId() => TaskId.New(Start.AddMilliseconds(Interlocked.Increment(ref _births)));

    /// <summary>The spec of a small process.</summary>
    public static TaskSpec Spec(string name = "build", string? session = null, params string[] argv) => new()
    {
        Name = name,
        Session = session,
        Timeout = TimeSpan.FromMinutes(10),
        Process = new ProcessSpec
        {
            Argv = argv.Length > 0 ? [.. argv] : ["/bin/true"],
            Cwd = "/",
            Environment = ImmutableSortedDictionary<string, string>.Empty.Add("PATH", "/bin").Add("EMPTY", ""),
        },
    };

    /// <summary>A queued record.</summary>
    public static TaskRecord Queued(TaskSpec? spec = null, TaskRecord? parent = null)
    {
        var id = NewId();
        spec ??= Spec();
        return new()
        {
            Id = id,
            Spec = spec,
            State = TaskState.Queued,
            Version = 1,
            Parent = parent?.Id,
            Root = parent?.Root ?? id,
            Depth = parent is null ? 0 : parent.Depth + 1,
            Limits = TaskLimits.Of(spec),
            CreatedAt = Start,
            Events = 1,
        };
    }

    /// <summary>The commit that brings a new record.</summary>
    public static RecordChange Submit(TaskRecord record, IdempotencyKey? key = null) => new(record, 0, null, [Event(TaskEventType.Submitted)]) { Key = key };

    /// <summary>That record, claimed.</summary>
    public static TaskRecord Running(TaskRecord before, FencingToken token) => Next(before) with
    {
        State = TaskState.Running,
        Attempt = before.Attempt + 1,
        Claim = new TaskClaim(HostId.OfEpoch(token.Epoch), token),
        StartedAt = before.StartedAt ?? Start.AddSeconds(1),
        Events = before.Events + 1,
    };

    /// <summary>That record, ended.</summary>
    public static TaskRecord Ended(TaskRecord before, TaskState state = TaskState.Completed, DateTimeOffset? at = null) => Next(before) with
    {
        State = state,
        Claim = null,
        EndedAt = at ?? Start.AddSeconds(5),
        End = new TaskEnd { State = state, Cause = EndCause.Exit, Reason = "exit code 0", Exit = new ExitFacts(0, null, []) },
        Events = before.Events + 1,
    };

    /// <summary>The next version of a record.</summary>
    public static TaskRecord Next(TaskRecord before) => before with { Version = before.Version + 1 };

    /// <summary>The change from one record to the next, with one event for each that it counts.</summary>
    public static RecordChange Change(TaskRecord before, TaskRecord after, FencingToken? token = null, TaskEventType type = TaskEventType.Annotated) =>
        new(after, before.Version, token, [.. Enumerable.Range(0, (int)(after.Events - before.Events)).Select(_ => Event(type))]);

    /// <summary>An event.</summary>
    public static TaskEventDraft Event(TaskEventType type, DateTimeOffset? at = null) =>
        new(type, at ?? Start, ImmutableSortedDictionary<string, JsonElement>.Empty.Add("note", JsonElement.Parse("\"é \\\" \\u0000\"")));

    /// <summary>A record as text, so that two can be compared to the last field.</summary>
    public static string Text(TaskRecord record) =>
        record.Number + System.Text.Encoding.UTF8.GetString(RecordSerializer.WriteSpec(record.Spec)) + System.Text.Encoding.UTF8.GetString(RecordSerializer.WriteState(record));
}
