using System.Collections.Immutable;
using Outlast.Lifecycle;
using Outlast.Runners;
using Outlast.Storage;

namespace Outlast.Supervision;

/// <summary>The one door of a host: what people, programs and routes ask of it.</summary>
internal sealed class TaskDesk(
    ITaskStore store, TaskLedger ledger, TaskFeed feed, Dispatcher dispatcher, LiveAttempts attempts, RunnerSet runners, Executor executor, Stopper stopper, InputSender input, OutputDropping dropping, TimeProvider time) : ITaskClient
{
    private const string OutputFile = "output.log", ErrorFile = "error.log";
    private static readonly TimeSpan LongestWait = TimeSpan.FromDays(1);
    private volatile bool _closed;

    /// <summary>Takes no new work from now on.</summary>
    public void Close() => _closed = true;

    /// <summary>Takes new work again.</summary>
    public void Reopen() => _closed = false;

    public async Task<TaskSnapshot> SubmitAsync(TaskSubmission submission, CancellationToken cancel = default)
    {
        if (_closed) throw new DrainingException();
        if (!runners.Has(submission.Spec.Kind))
            throw new InvalidTaskException(new Dictionary<string, string[]> { ["kind"] = [$"this host runs no tasks of kind {submission.Spec.Kind.ToString().ToLowerInvariant()}"] });
        if (submission.IdempotencyKey is { } key && await store.FindKeyAsync(key, cancel) is { } known)
        {
            if (known.BodyHash != submission.BodyHash) throw new IdempotencyMismatchException(key, known.Task);
            return Snap(await ledger.ReadAsync(known.Task, cancel)) with { Repeated = true };
        }
        dropping.Check(submission.Spec);
        using var reservation = submission.Spec.RefuseWhenFull ? dispatcher.Reserve() : null;
        var (record, repeated) = await ledger.SubmitAsync(submission, cancel);
        if (reservation is not null && !repeated) dispatcher.Assign(reservation, record.Id);
        return Snap(record) with { Repeated = repeated };
    }

    public async Task<TaskSnapshot> GetAsync(TaskId id, CancellationToken cancel = default) => SnapWithLeftovers(await ledger.ReadAsync(id, cancel));

    public async Task<ImmutableArray<TaskId>> ResolveAsync(string name, CancellationToken cancel = default)
    {
        var ids = await store.ResolveAsync(name, cancel);
        return ids.IsEmpty ? throw new TaskNotFoundException(name) : ids;
    }

    public async Task<TaskSnapshot> WaitAsync(TaskId id, TimeSpan wait, CancellationToken cancel = default)
    {
        using var end = feed.WatchEnd(id);
        var record = await ledger.ReadAsync(id, cancel);
        if (record.State.IsTerminal() || wait <= TimeSpan.Zero) return SnapWithLeftovers(record);
        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        await Task.WhenAny(end.Ended, Task.Delay(wait < LongestWait ? wait : LongestWait, time, over.Token));
        await over.CancelAsync();
        cancel.ThrowIfCancellationRequested();
        return await GetAsync(id, cancel);
    }

    public async Task<TaskPage> ListAsync(TaskQuery query, CancellationToken cancel = default)
    {
        var records = await store.ListAsync(query with { Limit = query.Limit + 1 }, cancel);
        var more = records.Length > query.Limit;
        if (more) records = records[..query.Limit];
        return new([.. records.Select(Snap)], more ? records[^1].Number : null);
    }

    public async Task<TaskTree> TreeAsync(TaskId id, CancellationToken cancel = default)
    {
        var top = await ledger.ReadAsync(id, cancel);
        var tree = new List<TaskRecord>();
        for (long? before = null; ;)
        {
            var page = await store.ListAsync(new TaskQuery { Root = top.Root, Before = before, Limit = 1000 }, cancel);
            tree.AddRange(page);
            if (page.Length < 1000) break;
            before = page[^1].Number;
        }
        var children = tree.Where(r => r.Parent is not null).OrderBy(r => r.Number).ToLookup(r => r.Parent!.Value);
        return Below(top);

        TaskTree Below(TaskRecord record) => new(Snap(record), [.. children[record.Id].Select(Below)]);
    }

    public async Task<TaskSnapshot> StopAsync(TaskId id, StopCommand command, CancellationToken cancel = default)
    {
        var answer = await ledger.StopTreeAsync(id, RequestOf(command), cancel);
        return answer.Refusal is null ? Snap(answer.Record) : throw new TaskEndedException(answer.Record);
    }

    public async Task<LeftoverSnapshot> StopLeftoversAsync(TaskId id, StopCommand command, CancellationToken cancel = default)
    {
        var record = await ledger.ReadAsync(id, cancel);
        if (!record.State.IsTerminal()) throw new TaskNotEndedException(record);
        if (record.Attempt == 0 || !runners.Has(record.Spec.Kind)) return new(Snap(record), [], []);
        var report = await stopper.StopLeftoversAsync(runners.For(record.Spec.Kind), executor.ContextOf(record), record.End!.Leftovers, RequestOf(command));
        if (report.Ended.IsEmpty && report.Survivors.IsEmpty) return new(Snap(record), [], []);
        var answer = await ledger.ApplyAsync(id, _ => Transition.Annotated(Describe(report, command), time.GetUtcNow()), CancellationToken.None);
        return new(SnapWithLeftovers(answer.Record), report.Ended, report.Survivors);
    }

    public async Task<TaskSnapshot> ExtendAsync(TaskId id, ExtendCommand command, CancellationToken cancel = default)
    {
        var answer = await ledger.ApplyAsync(id, record =>
        {
            var limits = record.Limits with
            {
                Timeout = Move(record.Limits.Timeout, command.Timeout, Elapsed(record)),
                IdleTimeout = Move(record.Limits.IdleTimeout, command.IdleTimeout, attempts.Find(id)?.Clock.Idle ?? TimeSpan.Zero),
            };
            limits = limits with { IdleWarning = TaskDefaults.MoveWarning(limits.IdleWarning, warningWasSet: false, limits.IdleTimeout) };
            return Transition.Extended(limits, command.Actor, time.GetUtcNow());
        }, cancel);
        return answer.Refusal is null ? Snap(answer.Record) : throw new TaskEndedException(answer.Record);
    }

    public Task SendAsync(TaskId id, ReadOnlyMemory<byte> bytes, bool end, CancellationToken cancel = default) => input.SendAsync(id, bytes, end, cancel);

    public Task<EventPage> EventsAsync(EventQuery query, CancellationToken cancel = default) => store.EventsAsync(query, cancel);

    public Task WaitForEventAsync(long after, CancellationToken cancel = default) => feed.WaitForEventAsync(after, cancel);

    public async Task<OutputLocation> LocateOutputAsync(TaskId id, bool errorStream, CancellationToken cancel = default)
    {
        var record = await ledger.ReadAsync(id, cancel);
        return new(Path.Combine(runners.Folder.Attempt(id, Math.Max(1, record.Attempt)), errorStream ? ErrorFile : OutputFile), record);
    }

    /// <summary>The limit as it shall be, measured from where the clock started.</summary>
    private static TimeSpan? Move(TimeSpan? limit, LimitChange? change, TimeSpan spent) => change switch
    {
        null => limit,
        { By: null } => null,
        { By: { } by, FromNow: true } => spent + by,
        { By: { } by } => limit + by,
    };

    private TimeSpan Elapsed(TaskRecord record) =>
        attempts.Find(record.Id)?.Clock.Elapsed ?? (record.StartedAt is { } started ? time.GetUtcNow() - started - record.Paused : TimeSpan.Zero);

    private StopRequest RequestOf(StopCommand command) => new()
    {
        Cause = command.Cause,
        Actor = command.Actor,
        RequestedAt = time.GetUtcNow(),
        Now = command.Now,
        Reason = string.IsNullOrWhiteSpace(command.Reason) ? null : command.Reason.Trim(),
    };

    private static string Describe(LeftoverReport report, StopCommand command)
    {
        var by = command.Actor.Via is { } via ? $"{command.Actor.Id} via {via}" : command.Actor.Id;
        var ended = report.Ended.IsEmpty ? "" : $" ended: {string.Join(", ", report.Ended.Select(p => $"{p.Pid} {p.Command}"))};";
        return $"what it had left behind was stopped by {by}{(string.IsNullOrWhiteSpace(command.Reason) ? "" : $" ({command.Reason.Trim()})")};{ended} {string.Join(", ", report.Evidence)}";
    }

    /// <summary>Of an ended task it is looked which of the processes that its end named are alive: for one that is read by itself, not for lists.</summary>
    private TaskSnapshot SnapWithLeftovers(TaskRecord record)
    {
        var snapshot = Snap(record);
        return record.End is { Leftovers: { IsEmpty: false } named } && runners.Has(record.Spec.Kind)
            ? snapshot with { Survivors = runners.For(record.Spec.Kind).FindLeftovers(executor.ContextOf(record), named) }
            : snapshot;
    }

    private TaskSnapshot Snap(TaskRecord record)
    {
        var snapshot = new TaskSnapshot(record);
        if (record.State.IsTerminal()) return snapshot;
        if (record.State == TaskState.Queued) return snapshot with { Queue = dispatcher.PlaceOf(record.Id) };
        if (record.Attempt > 0 && runners.Has(record.Spec.Kind)) snapshot = snapshot with { Output = OutputOf(record) };
        if (attempts.Find(record.Id) is not { } live) return snapshot;
        snapshot = snapshot with { Process = live.Context.Process ?? record.Process };
        // The watchdog looks now and then; a log that has grown since is activity all the same.
        DateTimeOffset?[] signs = [live.Clock.LastActivityAt, ChangedAt(live, OutputFile), ChangedAt(live, ErrorFile)];
        var seen = signs.Max()!.Value;
        return snapshot with { LastActivityAt = seen, Idle = time.GetUtcNow() - seen };
    }

    private OutputFacts OutputOf(TaskRecord record)
    {
        try
        {
            return runners.For(record.Spec.Kind).MeasureOutput(executor.ContextOf(record));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // A log that cannot be looked at hides neither its task nor the others; reading it says what is wrong.
            return record.Output;
        }
    }

    private static DateTimeOffset? ChangedAt(LiveAttempt live, string log) =>
        new FileInfo(Path.Combine(live.Context.Folder, log)) is { Exists: true } file ? file.LastWriteTimeUtc : null;
}
