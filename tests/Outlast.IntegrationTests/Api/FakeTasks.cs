using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Text.Json;
using Outlast.Storage;
using Outlast.TestKit;

namespace Outlast.IntegrationTests.Api;

/// <summary>A runtime of which a test decides everything: what there is, how it ends, and what fails.</summary>
internal sealed class FakeTasks(DataFolder folder) : ITaskClient, IHostStatus, IHostDeparture
{
    private readonly ConcurrentDictionary<TaskId, TaskSnapshot> _tasks = new();
    private readonly ConcurrentDictionary<TaskId, TaskCompletionSource> _ends = new();
    private readonly List<TaskEvent> _events = [];
    private TaskCompletionSource _next = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _numbers;

    /// <summary>Thrown by every call from now on.</summary>
    public Exception? Fault { get; set; }
    public List<TaskSubmission> Submissions { get; } = [];
    public List<TaskBatch> Batches { get; } = [];
    public List<StopCommand> Stops { get; } = [];
    public List<DepartureOrder> Departures { get; } = [];
    public int CalledOff { get; private set; }
    /// <summary>Awaited before the host may go.</summary>
    public Task ReadyToGo { get; set; } = Task.CompletedTask;
    public List<ExtendCommand> Extends { get; } = [];
    /// <summary>Several wait at once.</summary>
    public ConcurrentQueue<WaitCommand> Waits { get; } = new();
    public List<TaskQuery> Queries { get; } = [];
    public Func<TaskId, TaskTree>? Tree { get; set; }
    public long? FirstKept { get; set; }

    public async Task<HostRemainder> PrepareAsync(DepartureOrder order, CancellationToken cancel = default)
    {
        Departures.Add(order);
        try
        {
            await ReadyToGo.WaitAsync(cancel);
        }
        catch (OperationCanceledException)
        {
            CalledOff++;
            throw;
        }
        return new(Load.Running, Load.Queued, 0, [Add()]);
    }

    public DateTimeOffset? NextDue { get; set; }

    public HostFacts Facts { get; set; } = new(
        "0.1.0", HostId.OfEpoch(3), "boot-1", 3, StoredTasks.Start, folder.Path, new StoreDescription("sqlite", "3.40.1 (system)", "full"), ["process"],
        [new SettingValue("concurrency.processes", "8", "default"), new SettingValue("retention", "30d", "outlast.json")]);
    public (int Running, int Queued) Load { get; set; } = (3, 1);
    public ImmutableArray<string> NotReady { get; set; } = [];
    public ImmutableArray<HostCheck> Checks { get; set; } = [];
    public Task<ImmutableArray<HostCheck>> ExamineAsync(CancellationToken cancel = default) => Task.FromResult(Checks);

    /// <summary>Puts a task there, running unless the record says otherwise.</summary>
    public TaskRecord Add(TaskSpec? spec = null, TaskState state = TaskState.Running, Func<TaskRecord, TaskRecord>? with = null)
    {
        var record = StoredTasks.Queued(spec) with { Number = Interlocked.Increment(ref _numbers), State = state, Attempt = state == TaskState.Queued ? 0 : 1 };
        record = with?.Invoke(record) ?? record;
        Set(new(record));
        return record;
    }

    public void Set(TaskSnapshot snapshot) => _tasks[snapshot.Record.Id] = snapshot;

    /// <summary>Ends a task; its output is what is in its log.</summary>
    public void End(TaskId id, TaskState state = TaskState.Completed, int? exitCode = 0, long? printed = null)
    {
        var record = _tasks[id].Record;
        Set(new(record with
        {
            State = state,
            EndedAt = StoredTasks.Start.AddSeconds(5),
            Output = OutputFacts.Empty with { Bytes = printed ?? Length(LogOf(id)), ErrorBytes = Length(LogOf(id, "error.log")) },
            End = new TaskEnd { State = state, Cause = EndCause.Exit, Exit = exitCode is { } code ? new ExitFacts(code, null, []) : null },
        }));
        Signal(id).TrySetResult();
    }

    /// <summary>A further attempt runs, with a log of its own.</summary>
    public void NextAttempt(TaskId id) => Set(new(_tasks[id].Record with { Attempt = _tasks[id].Record.Attempt + 1 }));

    public string LogOf(TaskId id, string name = "output.log", int? attempt = null) => Path.Combine(folder.Attempt(id, attempt ?? Math.Max(1, _tasks[id].Record.Attempt)), name);

    /// <summary>Prints.</summary>
    public void Print(TaskId id, ReadOnlySpan<byte> bytes, string name = "output.log")
    {
        var path = LogOf(id, name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        using var log = new FileStream(path, FileMode.Append, FileAccess.Write, FileShare.ReadWrite);
        log.Write(bytes);
    }

    /// <summary>Something happens.</summary>
    public void Happen(TaskEventType type, TaskId? task = null, string? session = null, params (string Name, object Value)[] data)
    {
        TaskCompletionSource next;
        lock (_events)
        {
            var seq = _events.Count + 1;
            var details = data.ToImmutableSortedDictionary(d => d.Name, d => JsonSerializer.SerializeToElement(d.Value), StringComparer.Ordinal);
            _events.Add(new(seq, task, session, task is null ? 0 : _events.Count(e => e.Task == task) + 1, type, StoredTasks.Start.AddSeconds(seq), task is null ? null : TaskState.Running, task is null ? null : 1, details));
            (next, _next) = (_next, new(TaskCreationOptions.RunContinuationsAsynchronously));
        }
        next.SetResult();
    }

    public Task<TaskSnapshot> SubmitAsync(TaskSubmission submission, CancellationToken cancel = default)
    {
        ThrowFault();
        Submissions.Add(submission);
        return Task.FromResult(new TaskSnapshot(Add(submission.Spec, TaskState.Queued)));
    }

    public Task<ImmutableArray<TaskSnapshot>> SubmitManyAsync(TaskBatch batch, CancellationToken cancel = default)
    {
        ThrowFault();
        Batches.Add(batch);
        return Task.FromResult<ImmutableArray<TaskSnapshot>>([.. batch.Tasks.Select(t => new TaskSnapshot(Add(t.Spec, TaskState.Queued)))]);
    }

    public Task<TaskSnapshot> GetAsync(TaskId id, CancellationToken cancel = default) => Task.FromResult(Find(id));

    public Task<ImmutableArray<TaskId>> ResolveAsync(string name, CancellationToken cancel = default)
    {
        ThrowFault();
        return Task.FromResult(_tasks.Values.Where(t => t.Record.Number.ToString() == name || (name.Length >= 4 && t.Record.Id.ToString().EndsWith(name, StringComparison.Ordinal))).Select(t => t.Record.Id).ToImmutableArray());
    }

    public async Task<TaskSnapshot> WaitAsync(TaskId id, TimeSpan wait, CancellationToken cancel = default)
    {
        if (Find(id) is { Record.State: var state } ended && state.IsTerminal()) return ended;
        await Task.WhenAny(Signal(id).Task, Task.Delay(wait, cancel));
        cancel.ThrowIfCancellationRequested();
        return Find(id);
    }

    public async Task<WaitResult> WaitManyAsync(WaitCommand command, CancellationToken cancel = default)
    {
        ThrowFault();
        Waits.Enqueue(command);
        var ends = command.Tasks.Where(id => !Find(id).Record.State.IsTerminal()).Select(id => Signal(id).Task).ToList();
        if (ends.Count > 0) await Task.WhenAny(command.Any ? Task.WhenAny(ends) : Task.WhenAll(ends), Task.Delay(command.Timeout, cancel));
        cancel.ThrowIfCancellationRequested();
        var seen = command.Tasks.ToLookup(id => Find(id).Record.State.IsTerminal());
        return new(command.Any ? seen[true].Any() : !seen[false].Any(), [.. seen[true].Select(Find)], [.. seen[false]], []);
    }

    public Task<TaskPage> ListAsync(TaskQuery query, CancellationToken cancel = default)
    {
        ThrowFault();
        Queries.Add(query);
        var tasks = _tasks.Values.Where(t => query.Before is not { } before || t.Record.Number < before).OrderByDescending(t => t.Record.Number).ToImmutableArray();
        return Task.FromResult(new TaskPage(tasks.Length > query.Limit ? tasks[..query.Limit] : tasks, tasks.Length > query.Limit ? tasks[query.Limit - 1].Record.Number : null));
    }

    public Task<TaskTree> TreeAsync(TaskId id, CancellationToken cancel = default)
    {
        var top = Find(id);
        return Task.FromResult(Tree?.Invoke(id) ?? new TaskTree(top, []));
    }

    public Task<TaskSnapshot> StopAsync(TaskId id, StopCommand command, CancellationToken cancel = default)
    {
        var task = Find(id);
        Stops.Add(command);
        var stop = new StopRequest { Cause = command.Cause, Actor = command.Actor, Reason = command.Reason, Now = command.Now, RequestedAt = StoredTasks.Start };
        Set(task with { Record = task.Record with { State = TaskState.Stopping, Stop = stop } });
        return GetAsync(id, cancel);
    }

    public Task<LeftoverSnapshot> StopLeftoversAsync(TaskId id, StopCommand command, CancellationToken cancel = default)
    {
        var task = Find(id);
        if (!task.Record.State.IsTerminal()) throw new TaskNotEndedException(task.Record);
        Stops.Add(command);
        return Task.FromResult(new LeftoverSnapshot(task, [new Survivor(4711, 8, "sleep 600")], []));
    }

    /// <summary>What was to be run again.</summary>
    public List<(TaskId Task, RetryCommand Command)> Retries { get; } = [];

    /// <summary>What was to be removed.</summary>
    public List<(TaskId Task, RemoveCommand Command)> Removals { get; } = [];

    /// <summary>What was answered.</summary>
    public List<(TaskId Task, AnswerCommand Command)> Answers { get; } = [];

    public Task<TaskSnapshot> AnswerAsync(TaskId id, AnswerCommand command, CancellationToken cancel = default)
    {
        var task = Find(id);
        if (task.Record is not { State: TaskState.Waiting, Question: { } question }) throw new QuestionOverException(task.Record);
        if (question.Choices is { IsDefaultOrEmpty: false } choices && !choices.Contains(command.Text)) throw new InvalidAnswerException(task.Record, command.Text);
        Answers.Add((id, command));
        Set(task with { Record = task.Record with { State = TaskState.Running, Question = question with { Answer = new(command.Text, command.Actor, StoredTasks.Start) } } });
        return GetAsync(id, cancel);
    }

    public Task<TaskSnapshot> RetryAsync(TaskId id, RetryCommand command, CancellationToken cancel = default)
    {
        var former = Ended(id);
        Retries.Add((id, command));
        return Task.FromResult(new TaskSnapshot(Add(former.Spec, TaskState.Queued, r => r with { RetryOf = id })));
    }

    public Task<Tombstone> RemoveAsync(TaskId id, RemoveCommand command, CancellationToken cancel = default)
    {
        var record = Ended(id);
        Removals.Add((id, command));
        return Task.FromResult(new Tombstone(id, record.Number, record.State, record.EndedAt!.Value, StoredTasks.Start.AddSeconds(9), "removed"));
    }

    private TaskRecord Ended(TaskId id) => Find(id).Record is var record && record.State.IsTerminal() ? record : throw new TaskNotEndedException(record);

    public Task<TaskSnapshot> ExtendAsync(TaskId id, ExtendCommand command, CancellationToken cancel = default)
    {
        Extends.Add(command);
        return GetAsync(id, cancel);
    }

    /// <summary>What was sent.</summary>
    public List<(TaskId Task, byte[] Bytes, bool End)> Inputs { get; } = [];

    public Task SendAsync(TaskId id, ReadOnlyMemory<byte> bytes, bool end, CancellationToken cancel = default)
    {
        Find(id);
        Inputs.Add((id, bytes.ToArray(), end));
        return Task.CompletedTask;
    }

    public Task<ImmutableDictionary<TaskId, LiveFacts>> MeasureAsync(IReadOnlyCollection<TaskId> tasks, CancellationToken cancel = default) =>
        throw new InvalidOperationException("Nobody asked for measurements.");

    public Task<EventPage> EventsAsync(EventQuery query, CancellationToken cancel = default)
    {
        ThrowFault();
        lock (_events)
        {
            var first = FirstKept ?? 1;
            var after = Math.Max(query.After, first - 1);
            var rest = _events.Where(e => e.Seq > after).ToList();
            var page = rest.Where(e => (query.Task is null || e.Task == query.Task) && (query.Session is null || e.Session == query.Session)).Take(query.Limit).ToImmutableArray();
            var next = page.Length == query.Limit ? page[^1].Seq : rest.Count > 0 ? rest[^1].Seq : after;
            return Task.FromResult(new EventPage(page, next, query.After < first - 1 ? first : null));
        }
    }

    public Task WaitForEventAsync(long after, CancellationToken cancel = default)
    {
        lock (_events) return _events.Count > after ? Task.CompletedTask : _next.Task.WaitAsync(cancel);
    }

    public Task<OutputLocation> LocateOutputAsync(TaskId id, bool errorStream, CancellationToken cancel = default)
    {
        var record = Find(id).Record;
        return Task.FromResult(new OutputLocation(LogOf(id, errorStream ? "error.log" : "output.log"), record));
    }

    private TaskSnapshot Find(TaskId id)
    {
        ThrowFault();
        return _tasks.TryGetValue(id, out var task) ? task : throw new TaskNotFoundException(id.ToString());
    }

    private TaskCompletionSource Signal(TaskId id) => _ends.GetOrAdd(id, _ => new(TaskCreationOptions.RunContinuationsAsynchronously));

    private void ThrowFault()
    {
        if (Fault is { } fault) throw fault;
    }

    private static long Length(string path) => File.Exists(path) ? new FileInfo(path).Length : 0;
}
