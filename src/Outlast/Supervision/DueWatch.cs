using System.Collections.Immutable;
using Microsoft.Extensions.Logging;
using Outlast.Diagnostics;
using Outlast.Lifecycle;
using Outlast.Storage;

namespace Outlast.Supervision;

/// <summary>Everything that is to happen at a moment to a task that nobody runs: its time comes, its start deadline passes, its wall-clock limit comes near and passes, its question expires.</summary>
/// <remarks>
/// One sorted set, one timer set to the first moment in it; nothing polls. What is void leaves the set with the commit that makes it void. Moments are of the wall clock:
/// after a jump or a suspend they are looked at again with the rescuer's sweep, at most a minute late, and never twice, for the record decides.
/// </remarks>
internal sealed class DueWatch(ITaskStore store, TaskLedger ledger, Dispatcher dispatcher, TimeProvider time, ILogger<DueWatch> log) : IDisposable
{
    /// <summary>What expired while no host was there stays open for so long, for whoever comes to answer.</summary>
    private static readonly TimeSpan Reprieve = TimeSpan.FromSeconds(60);
    private const double WarnAt = 0.9;
    private static readonly TimeSpan Late = TimeSpan.FromSeconds(30), LongestSleep = TimeSpan.FromDays(1);
    private readonly Lock _lock = new();
    // Guarded by _lock: what is to come, in order and by task; what came and is being done.
    private readonly SortedSet<Moment> _line = [];
    private readonly Dictionary<TaskId, ImmutableArray<Moment>> _of = [];
    private readonly HashSet<Moment> _doing = [];
    private ITimer? _timer;
    private DateTimeOffset _openedAt;
    private CancellationToken _letGo;
    private volatile int _count;

    private enum What
    {
        TimeComes,
        StartDeadline,
        DeadlineNears,
        Deadline,
        QuestionExpires,
    }

    private readonly record struct Moment(DateTimeOffset At, TaskId Task, What What) : IComparable<Moment>
    {
        public int CompareTo(Moment other) => (At, Task, What).CompareTo((other.At, other.Task, other.What));
    }

    /// <summary>How many moments are to come.</summary>
    public int Count => _count;

    /// <summary>The next moment; none if none is to come.</summary>
    public DateTimeOffset? Next
    {
        get { lock (_lock) return _line.Count == 0 ? null : _line.Min.At; }
    }

    /// <summary>The moments that passed a while ago and of which nothing has come yet: the task, and when.</summary>
    public ImmutableArray<(TaskId Task, DateTimeOffset At, string What)> Overdue
    {
        get
        {
            var past = time.GetUtcNow() - Late;
            lock (_lock) return [.. _line.TakeWhile(m => m.At < past).Concat(_doing.Where(m => m.At < past)).Select(m => (m.Task, m.At, Describe(m.What)))];
        }
    }

    /// <summary>Acts from now on, until <paramref name="letGo"/>.</summary>
    public void Open(CancellationToken letGo)
    {
        lock (_lock)
        {
            _letGo = letGo;
            _openedAt = time.GetUtcNow();
            _timer ??= time.CreateTimer(_ => LookAtClock(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _timer?.Dispose();

    /// <summary>A record was committed: what it waits for may be another moment, or none.</summary>
    public void Look(TaskRecord record)
    {
        var moments = MomentsOf(record);
        // Most tasks wait for no moment, and nothing is to be taken away of them.
        if (moments.IsEmpty && _count == 0) return;
        if (Replace(record.Id, moments)) LookAtClock();
    }

    /// <summary>Puts right what is to come by what the store lists as open; at a host's start that is all of it.</summary>
    public async Task RestoreAsync(IReadOnlyCollection<OpenTask> open, CancellationToken cancel)
    {
        // Whether a limit on its whole time passes while it waits for its next attempt, an answer or its children is in the record alone; few tasks do.
        foreach (var task in open)
            if (task is { State: TaskState.Queued, Attempt: > 0 } or { State: TaskState.Waiting or TaskState.Running, Token: null })
            {
                if (await store.FindAsync(task.Id, cancel) is { } record) Replace(task.Id, MomentsOf(record));
            }
            else Replace(task.Id, MomentsOf(task));
        List<TaskId> gone;
        lock (_lock) gone = _of.Count == 0 ? [] : [.. _of.Keys.Except(open.Select(t => t.Id))];
        // Not one that was submitted since the list was made.
        foreach (var id in gone)
            if (await store.FindAsync(id, cancel) is not { } record || record.State.IsTerminal()) Replace(id, []);
        LookAtClock();
    }

    private ImmutableArray<Moment> MomentsOf(TaskRecord record) => Moments(record.Id,
        (record.State == TaskState.Queued ? record.NotBefore : null, What.TimeComes),
        (record is { State: TaskState.Queued, StartedAt: null } ? record.Spec.StartBy : null, What.StartDeadline),
        (record.State == TaskState.Waiting ? NotMissed(record.Question?.ExpiresAt) : null, What.QuestionExpires),
        (IsUnwatched(record) ? NearnessOf(record) : null, What.DeadlineNears),
        (IsUnwatched(record) ? DeadlineOf(record) : null, What.Deadline));

    private ImmutableArray<Moment> MomentsOf(OpenTask task)
    {
        if (task.State == TaskState.Queued) return Moments(task.Id, (task.NotBefore, What.TimeComes), (task.StartBy, What.StartDeadline));
        return task.State == TaskState.Waiting ? Moments(task.Id, (NotMissed(task.QuestionExpiresAt), What.QuestionExpires)) : [];
    }

    private static ImmutableArray<Moment> Moments(TaskId task, params ReadOnlySpan<(DateTimeOffset? At, What What)> each)
    {
        ImmutableArray<Moment> moments = [];
        foreach (var (at, what) in each)
            if (at is { } moment) moments = moments.Add(new(moment, task, what));
        return moments;
    }

    /// <summary>Whether there is no attempt by which the watchdog would see its time pass: between attempts, while its question waits without an owner, and while only its children are awaited. Once it is asked to stop, no limit holds any more.</summary>
    private static bool IsUnwatched(TaskRecord record) => record is { State: TaskState.Queued } or { State: TaskState.Waiting, Claim: null } or { State: TaskState.Running, IsFinishing: true };

    /// <summary>The wall-clock limit runs on while nobody runs the task.</summary>
    private DateTimeOffset? DeadlineOf(TaskRecord record) => NotMissed(record.StartedAt + record.Paused + record.Limits.Timeout);

    /// <summary>When it is to be told that the limit comes near; none once that was told. What passed while no host was there is told at once.</summary>
    private static DateTimeOffset? NearnessOf(TaskRecord record) => record.TimeoutWarned == record.Limits.Timeout ? null : record.StartedAt + record.Paused + record.Limits.Timeout * WarnAt;

    private DateTimeOffset? NotMissed(DateTimeOffset? at) => at <= _openedAt ? _openedAt + Reprieve : at;

    /// <returns>Whether the first moment is another one now.</returns>
    private bool Replace(TaskId task, ImmutableArray<Moment> moments)
    {
        lock (_lock)
        {
            var before = _of.GetValueOrDefault(task, []);
            if (before.AsSpan().SequenceEqual(moments.AsSpan())) return false;
            var first = _line.Min;
            foreach (var moment in before) _line.Remove(moment);
            _line.UnionWith(moments);
            if (moments.IsEmpty) _of.Remove(task);
            else _of[task] = moments;
            _count = _line.Count;
            return _line.Min != first;
        }
    }

    /// <summary>Begins with everything whose moment has come, and sets the timer to the next.</summary>
    private void LookAtClock()
    {
        List<Moment> due = [];
        lock (_lock)
        {
            if (_timer is null) return;
            var now = time.GetUtcNow();
            while (_line.Count > 0 && _line.Min is var moment && moment.At <= now)
            {
                _line.Remove(moment);
                if (_of[moment.Task].Remove(moment) is { IsEmpty: false } rest) _of[moment.Task] = rest;
                else _of.Remove(moment.Task);
                // The sweep finds it again while the store cannot write; once is enough.
                if (_doing.Add(moment)) due.Add(moment);
            }
            _count = _line.Count;
            var sleep = _line.Count == 0 ? Timeout.InfiniteTimeSpan : _line.Min.At - now;
            _timer.Change(sleep > LongestSleep ? LongestSleep : sleep, Timeout.InfiniteTimeSpan);
        }
        foreach (var moment in due) _ = ActAsync(moment);
    }

    private async Task ActAsync(Moment moment)
    {
        try
        {
            if (moment.What == What.TimeComes) dispatcher.Due(moment.Task);
            else await ledger.ApplyPersistentlyAsync(moment.Task, record => Decide(record, moment.What), _letGo);
        }
        catch (Exception e) when (e is TaskNotFoundException or TaskRemovedException || e is OperationCanceledException && _letGo.IsCancellationRequested)
        {
            // It is gone, or this host is: the next one takes stock anew.
        }
        catch (Exception e)
        {
            log.ActorFailed(e, nameof(DueWatch), moment.Task);
        }
        finally
        {
            lock (_lock) _doing.Remove(moment);
        }
    }

    /// <summary>What the record, as it is now, still makes of it.</summary>
    private Transition? Decide(TaskRecord record, What what)
    {
        var now = time.GetUtcNow();
        return what switch
        {
            What.StartDeadline when record.State == TaskState.Queued && record.StartedAt is null && record.Spec.StartBy <= now => Transition.StopAsked(new()
            {
                Cause = EndCause.StartDeadline,
                Actor = Actor.Rule("start_deadline"),
                Reason = $"not started by {Write(record.Spec.StartBy.Value)}{(dispatcher.PlaceOf(record.Id) is { } place ? $"; it waited for {place.WaitsFor}" : "")}",
                RequestedAt = now,
            }),
            What.DeadlineNears when IsUnwatched(record) && NearnessOf(record) <= now && DeadlineOf(record) > now => Nears(record, now),
            What.Deadline when IsUnwatched(record) && DeadlineOf(record) <= now => Passed(record, now),
            What.QuestionExpires when record is { State: TaskState.Waiting, Question.ExpiresAt: { } at } && at <= now => Transition.QuestionExpired(now),
            _ => null,
        };
    }

    private Transition Nears(TaskRecord record, DateTimeOffset now)
    {
        var (elapsed, left) = (ElapsedOf(record, now), DeadlineOf(record)!.Value - now);
        var meanwhile = record.IsFinishing ? "only its children are awaited" : record.State == TaskState.Waiting ? "it waits for an answer" : "nobody runs it";
        return Transition.Warned(Transition.DeadlineWarning,
            $"{Duration.Format(elapsed)} have passed since its first start, {meanwhile}, and it has {Duration.Format(left)} left; extend it with: outlast extend {record.Number} --timeout +30m",
            Measured(record, elapsed).Add("leftMs", (long)left.TotalMilliseconds), now);
    }

    private static Transition Passed(TaskRecord record, DateTimeOffset now)
    {
        var (elapsed, limit) = (ElapsedOf(record, now), Duration.Format(record.Limits.Timeout!.Value));
        return Transition.StopAsked(new()
        {
            Cause = EndCause.Deadline,
            Actor = Actor.Rule("deadline"),
            // What only reaches its children is noted once: the same words, whenever it is looked at again.
            Reason = record.IsFinishing
                ? $"{limit}, its limit, have passed since its first start (--timeout, or extend it)"
                : $"{Duration.Format(elapsed)} have passed since its first start; its limit is {limit} (--timeout, or extend it)",
            RequestedAt = now,
            Measured = Measured(record, elapsed),
        });
    }

    private static TimeSpan ElapsedOf(TaskRecord record, DateTimeOffset now) => now - record.StartedAt!.Value - record.Paused;

    private static ImmutableSortedDictionary<string, long> Measured(TaskRecord record, TimeSpan elapsed) =>
        ImmutableSortedDictionary<string, long>.Empty.Add("elapsedMs", (long)elapsed.TotalMilliseconds).Add("limitMs", (long)record.Limits.Timeout!.Value.TotalMilliseconds);

    private static string Describe(What what) => what switch
    {
        What.TimeComes => "its start",
        What.StartDeadline => "its start deadline",
        What.DeadlineNears => "the warning of its wall-clock limit",
        What.Deadline => "its wall-clock limit",
        What.QuestionExpires => "its question's expiry",
    };

    private static string Write(DateTimeOffset at) => at.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", System.Globalization.CultureInfo.InvariantCulture);
}
