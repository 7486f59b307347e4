using System.Collections.Immutable;
using System.Diagnostics;
using System.Text.Json;
using Outlast.Sqlite;
using Outlast.Storage;

namespace Outlast.Benchmarks.Hosts;

/// <summary>Tasks that ended during the last days, written into a store without having run: as many events and fields each as a real one leaves.</summary>
internal static class History
{
    private const int AtOnce = 250, Writers = 4;
    private static readonly TimeSpan Span = TimeSpan.FromDays(20);
    private static readonly TaskSpec Spec = Commands.Submission(Commands.Shell("make --directory=/srv/project test REPORT=verbose")).Spec;

    public static async Task WriteAsync(DataFolder folder, int tasks, CancellationToken cancel)
    {
        var start = Stopwatch.GetTimestamp();
        await using var store = new SqliteTaskStore(folder, new(), TimeProvider.System);
        await store.OpenAsync(cancel);
        var from = DateTimeOffset.UtcNow - Span;
        var every = Span / (tasks + 1);
        await Harness.Callers.ShareAsync((tasks + AtOnce - 1) / AtOnce, Writers, async batch =>
        {
            var first = batch * AtOnce;
            var changes = Enumerable.Range(first, Math.Min(AtOnce, tasks - first)).Select(i => Ended(from + i * every, i)).ToImmutableArray();
            await store.CommitAsync(new StoreCommit(changes), cancel);
        });
        Console.Error.WriteLine($"# {tasks} ended tasks written in {Stopwatch.GetElapsedTime(start).TotalSeconds:0.0} s");
    }

    private static RecordChange Ended(DateTimeOffset at, int index)
    {
        var id = TaskId.New(at);
        var (startedAt, endedAt) = (at.AddMilliseconds(2), at.AddSeconds(1));
        var failed = index % 10 == 0;
        var state = failed ? TaskState.Failed : TaskState.Completed;
        var code = failed ? 2 : 0;
        var record = new TaskRecord
        {
            Id = id,
            Spec = Spec with { Session = $"s{index % 50}", Labels = Spec.Labels.Add("nth", $"{index % 10}") },
            State = state,
            Version = 1,
            Attempt = 1,
            Root = id,
            Limits = TaskLimits.Of(Spec),
            Process = new(4711, null, "00000000-0000-0000-0000-000000000000", 123_456),
            CreatedAt = at,
            StartedAt = startedAt,
            EndedAt = endedAt,
            Output = new(2048, 0, 0, 0),
            Events = 3,
            End = new TaskEnd
            {
                State = state,
                Cause = EndCause.Exit,
                Reason = $"exit code {code}",
                Exit = new(code, null, []),
                Resources = new(TimeSpan.FromSeconds(1), TimeSpan.FromMilliseconds(40), 3_100_000),
            },
        };
        return new(record, 0, null, [Event(TaskEventType.Submitted, at), Event(TaskEventType.Started, startedAt), Event(TaskEventType.Ended, endedAt)]);
    }

    private static TaskEventDraft Event(TaskEventType type, DateTimeOffset at) => new(type, at, ImmutableSortedDictionary<string, JsonElement>.Empty);
}
