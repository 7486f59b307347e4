using System.Collections.Immutable;
using Outlast.Diagnostics;
using Outlast.Lifecycle;
using Outlast.Output;
using Outlast.Runners;
using Outlast.Storage;

namespace Outlast.Supervision;

/// <summary>The one door of a host: what people, programs and routes ask of it.</summary>
internal sealed class TaskDesk(
    ITaskStore store, TaskLedger ledger, TaskFeed feed, Dispatcher dispatcher, LiveAttempts attempts, RunnerSet runners, Executor executor, Stopper stopper, InputSender input, Pruner pruner, OutputDropping dropping, LiveGauge gauge, TaskWaits waits, TimeProvider time) : ITaskClient
{
    private const int MostNotices = 1_000;
    private const string OutputFile = "output.log", ErrorFile = "error.log";
    private static readonly TimeSpan LongestWait = TimeSpan.FromDays(1);
    private volatile Door _door;
    private int _accepting;
    private TaskCompletionSource _reopened = NewSignal();

    private enum Door
    {
        Open,
        ForChildren,
        Closed,
    }

    /// <summary>Takes no new work from now on.</summary>
    /// <param name="exceptChildren">But children of what runs here: whoever waits for a task waits for them as well.</param>
    public void Close(bool exceptChildren = false) => _door = exceptChildren ? Door.ForChildren : Door.Closed;

    /// <summary>Takes new work again.</summary>
    public void Reopen()
    {
        _door = Door.Open;
        Interlocked.Exchange(ref _reopened, NewSignal()).SetResult();
    }

    /// <summary>Completes when it is reopened. Taken before the door is found shut.</summary>
    public Task Reopened => Volatile.Read(ref _reopened).Task;

    /// <summary>Whether something that came through the door, while it was open, is on its way to the store.</summary>
    public bool IsAccepting => Interlocked.CompareExchange(ref _accepting, 0, 0) > 0;

    public async Task<TaskSnapshot> SubmitAsync(TaskSubmission submission, CancellationToken cancel = default) =>
        (await AcceptAsync([submission], isBatch: false, KeyOf(submission.IdempotencyKey, submission.BodyHash), cancel))[0];

    public Task<ImmutableArray<TaskSnapshot>> SubmitManyAsync(TaskBatch batch, CancellationToken cancel = default)
    {
        ArgumentNullException.ThrowIfNull(batch);
        if (batch.Tasks.IsDefaultOrEmpty || batch.Tasks.Length > TaskBatch.MostTasks) throw new ArgumentException($"A batch has 1 to {TaskBatch.MostTasks} tasks.", nameof(batch));
        if (batch.Tasks.Any(t => t.IdempotencyKey is not null)) throw new ArgumentException("A batch has one key for all of its tasks; none of them has its own.", nameof(batch));
        return AcceptAsync(batch.Tasks, isBatch: true, KeyOf(batch.IdempotencyKey, batch.BodyHash), cancel);
    }

    public async Task<TaskSnapshot> GetAsync(TaskId id, CancellationToken cancel = default) => await WithNoticesAsync(SnapWithLeftovers(await ledger.ReadAsync(id, cancel)), cancel);

    public async Task<ImmutableArray<TaskId>> ResolveAsync(string name, CancellationToken cancel = default)
    {
        var ids = await store.ResolveAsync(name, cancel);
        return ids.IsEmpty ? throw new TaskNotFoundException(name) : ids;
    }

    public async Task<TaskSnapshot> WaitAsync(TaskId id, TimeSpan wait, CancellationToken cancel = default)
    {
        using var end = feed.WatchEnd(id);
        var record = await ledger.ReadAsync(id, cancel);
        if (record.State.IsTerminal() || wait <= TimeSpan.Zero) return await WithNoticesAsync(SnapWithLeftovers(record), cancel);
        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        await Task.WhenAny(end.Ended, Task.Delay(wait < LongestWait ? wait : LongestWait, time, over.Token));
        await over.CancelAsync();
        cancel.ThrowIfCancellationRequested();
        return end.Ended.IsCompletedSuccessfully ? await WithNoticesAsync(SnapWithLeftovers(await end.Ended), cancel) : await GetAsync(id, cancel);
    }

    public async Task<WaitResult> WaitManyAsync(WaitCommand command, CancellationToken cancel = default)
    {
        ArgumentNullException.ThrowIfNull(command);
        if (command.Group is null == command.Tasks.IsDefaultOrEmpty) throw new ArgumentException("A wait is for tasks or for a group: one of both is needed.", nameof(command));
        if (command.Group is null && command.Tasks.Length > WaitCommand.MostTasks) throw new ArgumentException($"A wait is for at most {WaitCommand.MostTasks} tasks.", nameof(command));
        var (done, ended, open, removed) = await waits.WaitAsync(command, cancel);
        return new(done, [.. ended.Select(SnapWithLeftovers)], open, removed);
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
        // One whose own parent was removed hangs from the top.
        var known = tree.Select(r => r.Id).ToHashSet();
        var children = tree.Where(r => r.Parent is not null).OrderBy(r => r.Number).ToLookup(r => known.Contains(r.Parent!.Value) ? r.Parent.Value : top.Root);
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
        var record = await ReadEndedAsync(id, cancel);
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
        return answer.Refusal switch
        {
            null => Snap(answer.Record),
            RefusalReason.WrongState => throw new TaskStoppingException(answer.Record),
            _ => throw new TaskEndedException(answer.Record),
        };
    }

    public async Task<TaskSnapshot> AnswerAsync(TaskId id, AnswerCommand command, CancellationToken cancel = default)
    {
        if (string.IsNullOrWhiteSpace(command.Text)) throw new ArgumentException("An answer needs a text.", nameof(command));
        var answer = await ledger.ApplyAsync(id, record =>
        {
            if (record is { State: TaskState.Waiting, Question.Choices: { IsDefaultOrEmpty: false } choices } && !choices.Contains(command.Text)) throw new InvalidAnswerException(record, command.Text);
            return Transition.Answered(command.Text, command.Actor, time.GetUtcNow());
        }, cancel);
        return answer.Refusal is null ? Snap(answer.Record) : throw new QuestionOverException(answer.Record);
    }

    public async Task<TaskSnapshot> RetryAsync(TaskId id, RetryCommand command, CancellationToken cancel = default)
    {
        var former = await ReadEndedAsync(id, cancel);
        var key = command.IdempotencyKey;
        return await SubmitAsync(new(former.Spec with { NotBefore = null, StartBy = null }, command.Actor, former.Parent, key, key is null ? null : $"retry of {id}") { RetryOf = id }, cancel);
    }

    public async Task<Tombstone> RemoveAsync(TaskId id, RemoveCommand command, CancellationToken cancel = default)
    {
        var record = await ReadEndedAsync(id, cancel);
        var alive = SnapWithLeftovers(record).Survivors;
        if (!alive.IsEmpty && !command.Force) throw new LeftoversAliveException(record, alive);
        // The last that is ever known of them.
        var left = alive.IsEmpty ? "" : $", although processes that it left behind are alive: {string.Join(", ", alive.Select(p => $"{p.Pid} {p.Command}"))}";
        var told = record.Spec.Session is { } session && !(await store.NoticesAsync(new() { Session = session, Task = id, Limit = 1 }, cancel)).IsEmpty ? $"; session {session} is still to be told of it" : "";
        if (await pruner.RemoveAsync(id, $"removed by {Describe(command.Actor)}{left}{told}", cancel) is { } tombstone) return tombstone;
        // Somebody else was faster: the tombstone answers.
        await ledger.ReadAsync(id, cancel);
        throw new TaskNotFoundException(id.ToString());
    }

    public Task SendAsync(TaskId id, ReadOnlyMemory<byte> bytes, bool end, CancellationToken cancel = default) => input.SendAsync(id, bytes, end, cancel);

    public Task<ImmutableDictionary<TaskId, LiveFacts>> MeasureAsync(IReadOnlyCollection<TaskId> tasks, CancellationToken cancel = default) =>
        Task.Run(() => gauge.Measure([.. tasks.Distinct().Select(attempts.Find).OfType<LiveAttempt>()]), cancel);

    public Task<EventPage> EventsAsync(EventQuery query, CancellationToken cancel = default) => store.EventsAsync(query, cancel);

    public Task WaitForEventAsync(long after, CancellationToken cancel = default) => feed.WaitForEventAsync(after, cancel);

    public async Task<OutputLocation> LocateOutputAsync(TaskId id, bool errorStream, CancellationToken cancel = default)
    {
        var record = await ledger.ReadAsync(id, cancel);
        return new(Path.Combine(runners.Folder.Attempt(id, Math.Max(1, record.Attempt)), errorStream ? ErrorFile : OutputFile), record);
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private static IdempotencyKey? KeyOf(string? key, string? bodyHash) =>
        key is null ? null : new(key, bodyHash ?? throw new ArgumentException("An idempotency key needs the hash of the body that it stands for.", nameof(bodyHash)));

    private async Task<ImmutableArray<TaskSnapshot>> AcceptAsync(ImmutableArray<TaskSubmission> submissions, bool isBatch, IdempotencyKey? key, CancellationToken cancel)
    {
        // Counted before the door is looked at: who closes it sees everything that came through.
        Interlocked.Increment(ref _accepting);
        try
        {
            return await AcceptCountedAsync(submissions, isBatch, key, cancel);
        }
        finally
        {
            Interlocked.Decrement(ref _accepting);
        }
    }

    private async Task<ImmutableArray<TaskSnapshot>> AcceptCountedAsync(ImmutableArray<TaskSubmission> submissions, bool isBatch, IdempotencyKey? key, CancellationToken cancel)
    {
        if (_door is Door.Closed || _door is Door.ForChildren && !submissions.All(s => RunsHere(s.Parent))) throw new DrainingException();
        if (key is not null && await store.FindKeyAsync(key.Key, cancel) is { } owner) return SnapRepeated(await ledger.ReadSubmittedAsync(key, owner, submissions.Length, cancel));
        Check(submissions, isBatch);
        using var asked = SubmitTrace.Begin(ref submissions);
        using var reserved = new Reservations();
        foreach (var submission in submissions) reserved.Add(submission.Spec.RefuseWhenFull ? dispatcher.Reserve(LimitedTask.Of(await WithSessionAsync(submission, cancel), submission.Parent)) : null);
        var (records, repeated) = await ledger.SubmitAsync(submissions, key, cancel);
        if (repeated) return SnapRepeated(records);
        asked.Accept(records);
        reserved.Assign(dispatcher, records);
        return [.. records.Select(Snap)];
    }

    /// <summary>The spec with the session that it will have: a child's may be its parent's, and so may be the limit that it falls under.</summary>
    private async Task<TaskSpec> WithSessionAsync(TaskSubmission submission, CancellationToken cancel) =>
        submission is { Spec.Session: null, Parent: { } parent } && await store.FindAsync(parent, cancel) is { } above ? TaskLedger.Inherited(submission.Spec, above) : submission.Spec;

    private bool RunsHere(TaskId? parent) => parent is { } id && attempts.Find(id) is not null;

    /// <summary>Refuses what this host cannot do, each with its place in the batch.</summary>
    private void Check(ImmutableArray<TaskSubmission> submissions, bool isBatch)
    {
        var errors = new Dictionary<string, string[]>();
        for (var i = 0; i < submissions.Length; i++)
            if (FindBreach(submissions[i].Spec) is var (field, problem)) errors[isBatch ? $"tasks[{i}].{field}" : field] = [problem];
        if (errors.Count > 0) throw new InvalidTaskException(errors);
    }

    private (string Field, string Problem)? FindBreach(TaskSpec spec) =>
        // Not when it is read: a submission that is repeated under its key is the one that came in time.
        spec.StartBy <= time.GetUtcNow() ? ("startBy", "has passed")
        : spec.Session is { } session && string.IsNullOrWhiteSpace(session) ? ("session", "is blank")
        : spec.Group is { } group && string.IsNullOrWhiteSpace(group) ? ("group", "is blank")
        : spec.Labels.Keys.Any(string.IsNullOrWhiteSpace) ? ("labels", "has a key that is blank")
        : spec is { Notify: NotifyPolicy.Last, Group: null } ? ("notify", "'last' needs a group, whose last end it is")
        : runners.Has(spec.Kind) ? dropping.FindBreach(spec) ?? runners.For(spec.Kind).FindBreach(spec) : ("kind", $"this host runs no tasks of kind {Names.Of(spec.Kind)}");

    private ImmutableArray<TaskSnapshot> SnapRepeated(ImmutableArray<TaskRecord> records) => [.. records.Select(r => Snap(r) with { Repeated = true })];

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

    private async Task<TaskRecord> ReadEndedAsync(TaskId id, CancellationToken cancel) =>
        await ledger.ReadAsync(id, cancel) is var record && record.State.IsTerminal() ? record : throw new TaskNotEndedException(record);

    private static string Describe(Actor actor) => actor.Via is { } via ? $"{actor.Id} via {via}" : actor.Id;

    private static string Describe(LeftoverReport report, StopCommand command)
    {
        var ended = report.Ended.IsEmpty ? "" : $" ended: {string.Join(", ", report.Ended.Select(p => $"{p.Pid} {p.Command}"))};";
        return $"what it had left behind was stopped by {Describe(command.Actor)}{(string.IsNullOrWhiteSpace(command.Reason) ? "" : $" ({command.Reason.Trim()})")};{ended} {string.Join(", ", report.Evidence)}";
    }

    /// <summary>Of an ended task it is looked which of the processes that its end named are alive: for one that is read by itself, not for lists.</summary>
    private TaskSnapshot SnapWithLeftovers(TaskRecord record)
    {
        var snapshot = Snap(record);
        return record.End is { Leftovers: { IsEmpty: false } named } && runners.Has(record.Spec.Kind)
            ? snapshot with { Survivors = runners.For(record.Spec.Kind).FindLeftovers(executor.ContextOf(record), named) }
            : snapshot;
    }

    private async Task<TaskSnapshot> WithNoticesAsync(TaskSnapshot snapshot, CancellationToken cancel)
    {
        if (snapshot.Record.Spec.Session is not { } session) return snapshot;
        var notices = await store.NoticesAsync(new() { Session = session, Task = snapshot.Record.Id, OpenOnly = false, Limit = MostNotices }, cancel);
        return snapshot with { Notices = notices.GroupBy(n => n.Delivery).ToImmutableSortedDictionary(n => n.Key, n => n.Count()) };
    }

    private TaskSnapshot Snap(TaskRecord record)
    {
        var snapshot = new TaskSnapshot(record);
        if (record.State.IsTerminal()) return snapshot;
        if (record.State == TaskState.Queued) return snapshot with { Queue = runners.Has(record.Spec.Kind) ? dispatcher.PlaceOf(record.Id) : new(1, $"a host that runs tasks of kind {Names.Of(record.Spec.Kind)}") };
        if (record.Attempt > 0 && runners.Has(record.Spec.Kind)) snapshot = snapshot with { Output = OutputOf(record) };
        if (attempts.Find(record.Id) is not { } live) return snapshot;
        snapshot = snapshot with { Process = live.Context.Process ?? record.Process, Progress = live.Progress };
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
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or OutputUnreadableException)
        {
            // A log that cannot be looked at hides neither its task nor the others; reading it says what is wrong.
            return record.Output;
        }
    }

    private static DateTimeOffset? ChangedAt(LiveAttempt live, string log) =>
        new FileInfo(Path.Combine(live.Context.Folder, log)) is { Exists: true } file ? file.LastWriteTimeUtc : null;

    /// <summary>The places of tasks that are refused when there is none.</summary>
    private sealed class Reservations : IDisposable
    {
        private readonly List<Dispatcher.Reservation?> _each = [];

        public void Add(Dispatcher.Reservation? place) => _each.Add(place);

        public void Assign(Dispatcher dispatcher, ImmutableArray<TaskRecord> records)
        {
            for (var i = 0; i < records.Length; i++)
                if (_each[i] is { } place) dispatcher.Assign(place, records[i].Id);
        }

        public void Dispose() => _each.ForEach(place => place?.Dispose());
    }
}
