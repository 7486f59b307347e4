using System.Collections.Immutable;

namespace Outlast.Storage;

/// <summary>The reference store: everything under one lock, nothing on disk. What it holds ends with the process, and its description says so.</summary>
public sealed class InMemoryTaskStore : ITaskStore
{
    private readonly Lock _lock = new();

    // Guarded by _lock.
    private readonly Dictionary<TaskId, TaskRecord> _records = [];
    private readonly SortedDictionary<long, TaskId> _numbers = [];
    private readonly Dictionary<TaskId, Tombstone> _tombstones = [];
    private readonly Dictionary<string, KeyOwner> _keys = [];
    private readonly List<TaskEvent> _events = [];
    private readonly Dictionary<TaskId, ImmutableArray<TaskStep>> _steps = [];
    private readonly SortedDictionary<long, Notice> _notices = [];
    private readonly Dictionary<string, SessionRule> _sessions = [];
    private long _lastNotice;
    private long _epoch;
    private long _lastNumber;
    private long _lastEvent;
    private long _forgottenEvents;
    private bool _disposed;

    /// <inheritdoc/>
    public StoreDescription Description { get; } = new("memory", ".NET " + Environment.Version, "none");

    /// <inheritdoc/>
    public Task<StoreOpening> OpenAsync(CancellationToken cancel = default) => Locked(() => new StoreOpening(++_epoch, 0), cancel);

    /// <inheritdoc/>
    public Task<CommitVerdict> CommitAsync(StoreCommit commit, CancellationToken cancel = default)
    {
        ArgumentNullException.ThrowIfNull(commit);
        commit.Validate();
        return Locked(() => FindObstacleNeedsLock(commit) ?? WriteNeedsLock(commit), cancel);
    }

    /// <inheritdoc/>
    public Task<TaskRecord?> FindAsync(TaskId id, CancellationToken cancel = default) => Locked(() => _records.GetValueOrDefault(id), cancel);

    /// <inheritdoc/>
    public Task<KeyOwner?> FindKeyAsync(string key, CancellationToken cancel = default) => Locked(() => _keys.GetValueOrDefault(key), cancel);

    /// <inheritdoc/>
    public Task<ImmutableArray<TaskId>> ResolveAsync(string name, CancellationToken cancel = default)
    {
        var wanted = TaskName.Parse(name);
        return Locked(() => KnownNewestFirstNeedsLock()
            .Where(known => known.Id == wanted.Id || known.Number == wanted.Number || (wanted.End is { } end && known.Id.ToString().EndsWith(end, StringComparison.Ordinal)))
            .Select(known => known.Id).Take(TaskName.MostMatches).ToImmutableArray(), cancel);
    }

    /// <inheritdoc/>
    public Task<ImmutableArray<TaskRecord>> ListAsync(TaskQuery query, CancellationToken cancel = default)
    {
        ArgumentNullException.ThrowIfNull(query);
        return Locked(() => _numbers.Reverse().Where(entry => query.Before is not { } before || entry.Key < before)
            .Select(entry => _records[entry.Value]).Where(record => TaskSearch.Matches(query, record))
            .Take(TaskSearch.Limit(query.Limit)).ToImmutableArray(), cancel);
    }

    /// <inheritdoc/>
    public Task<ImmutableArray<OpenTask>> ListOpenAsync(CancellationToken cancel = default) => Locked(() => _numbers.Values
        .Select(id => _records[id]).Where(record => !record.State.IsTerminal()).Select(OpenTask.Of).ToImmutableArray(), cancel);

    /// <inheritdoc/>
    public Task<ImmutableDictionary<TaskState, long>> CountAsync(CancellationToken cancel = default) => Locked(() => Enum.GetValues<TaskState>()
        .ToImmutableDictionary(state => state, state => _records.Values.LongCount(record => record.State == state)), cancel);

    /// <inheritdoc/>
    public Task<EventPage> EventsAsync(EventQuery query, CancellationToken cancel = default)
    {
        ArgumentNullException.ThrowIfNull(query);
        return Locked(() => ReadEventsNeedsLock(query), cancel);
    }

    /// <inheritdoc/>
    public Task<Tombstone?> FindTombstoneAsync(TaskId id, CancellationToken cancel = default) => Locked(() => _tombstones.GetValueOrDefault(id), cancel);

    /// <inheritdoc/>
    public Task<ImmutableArray<TaskId>> ListExpiredAsync(DateTimeOffset endedBefore, int limit, CancellationToken cancel = default) => Locked(() => _records.Values
        .Where(record => record.EndedAt < endedBefore && !_notices.Values.Any(n => n.Task == record.Id && n.IsOpen)).OrderBy(record => record.EndedAt).ThenBy(record => record.Number)
        .Take(limit).Select(record => record.Id).ToImmutableArray(), cancel);

    /// <inheritdoc/>
    public Task<ImmutableArray<Tombstone>> RemoveAsync(ImmutableArray<TaskId> ids, DateTimeOffset at, string reason, CancellationToken cancel = default) => Locked(() => ids
        .Distinct().Select(_records.GetValueOrDefault).OfType<TaskRecord>().Where(record => record.State.IsTerminal())
        .Select(record => RemoveNeedsLock(record, at, reason)).ToImmutableArray(), cancel);

    /// <inheritdoc/>
    public Task<ImmutableArray<TaskStep>> StepsAsync(TaskId id, CancellationToken cancel = default) => Locked(() => _steps.GetValueOrDefault(id, []), cancel);

    /// <inheritdoc/>
    public Task<ImmutableArray<Notice>> NoticesAsync(NoticeQuery query, CancellationToken cancel = default)
    {
        ArgumentNullException.ThrowIfNull(query);
        return Locked(() => _notices.Values
            .Where(n => n.Seq > query.After && (!query.OpenOnly || n.IsOpen) && (query.Session is null || n.Session == query.Session) && (query.Task is null || n.Task == query.Task) && (query.Before is null || n.At < query.Before))
            .Take(TaskSearch.Limit(query.Limit)).ToImmutableArray(), cancel);
    }

    /// <inheritdoc/>
    public Task<ImmutableArray<Notice>> MoveNoticesAsync(NoticeMove move, CancellationToken cancel = default)
    {
        ArgumentNullException.ThrowIfNull(move);
        return Locked(() => MoveNeedsLock(move), cancel);
    }

    /// <inheritdoc/>
    public Task<ImmutableArray<string>> AddresseesAsync(CancellationToken cancel = default) =>
        Locked(() => _notices.Values.Where(n => n.IsOpen).Select(n => n.Session).Distinct().Order(StringComparer.Ordinal).ToImmutableArray(), cancel);

    /// <inheritdoc/>
    public Task<ImmutableArray<SessionFacts>> SessionsAsync(string? name = null, CancellationToken cancel = default) => Locked(() =>
    {
        IEnumerable<string> names = name is not null ? [name] : _records.Values.Select(r => r.Spec.Session).OfType<string>().Concat(_notices.Values.Select(n => n.Session)).Concat(_sessions.Keys).Distinct().Order(StringComparer.Ordinal);
        return names.Select(FactsNeedsLock).ToImmutableArray();
    }, cancel);

    /// <inheritdoc/>
    public Task SetSessionAsync(SessionChange change, CancellationToken cancel = default)
    {
        ArgumentNullException.ThrowIfNull(change);
        return Locked(() =>
        {
            var (policy, closedThrough) = _sessions.GetValueOrDefault(change.Name);
            _sessions[change.Name] = new(change.Policy ?? policy, change.Closed ? _lastNumber : closedThrough);
            if (change.Closed) MoveNeedsLock(NoticeWriting.Closing(change.Name));
            return true;
        }, cancel);
    }

    /// <inheritdoc/>
    public Task<GroupCount> CountGroupAsync(string? session, string group, CancellationToken cancel = default) => Locked(() => CountNeedsLock(session, group, all: true), cancel);

    /// <inheritdoc/>
    public Task ForgetAsync(DateTimeOffset removedBefore, DateTimeOffset eventsBefore, CancellationToken cancel = default) => Locked(() =>
    {
        foreach (var tombstone in _tombstones.Values.Where(t => t.RemovedAt < removedBefore).ToList())
        {
            _tombstones.Remove(tombstone.Id);
            foreach (var key in _keys.Where(entry => entry.Value.Task == tombstone.Id).Select(entry => entry.Key).ToList()) _keys.Remove(key);
        }
        foreach (var final in _notices.Values.Where(n => !n.IsOpen && n.At < removedBefore).ToList()) _notices.Remove(final.Seq);
        var old = _events.TakeWhile(e => e.At < eventsBefore).Count();
        if (old > 0) _forgottenEvents = _events[old - 1].Seq;
        _events.RemoveRange(0, old);
        return true;
    }, cancel);

    /// <inheritdoc/>
    public Task<ImmutableArray<QuarantinedRow>> ListQuarantinedAsync(CancellationToken cancel = default) => Locked(() => ImmutableArray<QuarantinedRow>.Empty, cancel);

    /// <inheritdoc/>
    public Task ProbeAsync(CancellationToken cancel = default) => Locked(() => true, cancel);

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        lock (_lock) _disposed = true;
        return ValueTask.CompletedTask;
    }

    private Task<T> Locked<T>(Func<T> action, CancellationToken cancel)
    {
        if (cancel.IsCancellationRequested) return Task.FromCanceled<T>(cancel);
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            return Task.FromResult(action());
        }
    }

    private CommitVerdict? FindObstacleNeedsLock(StoreCommit commit)
    {
        foreach (var change in commit.Changes)
            if (change.Key is { } key && _keys.TryGetValue(key.Key, out var taken)) return CommitVerdict.KeyTakenBy(taken.Task, taken.BodyHash);
        foreach (var change in commit.Changes)
        {
            var stored = _records.GetValueOrDefault(change.After.Id);
            if (stored is not null && change.ExpectedToken is { } token && stored.Claim?.Token != token) return CommitVerdict.Refused(CommitResult.WrongToken, change.After.Id);
            if ((stored?.Version ?? 0) != change.ExpectedVersion || _tombstones.ContainsKey(change.After.Id)) return CommitVerdict.Refused(CommitResult.WrongVersion, change.After.Id);
            if (stored is not null) change.ValidateAgainst(stored.State, stored.EndedAt, stored.Events);
        }
        foreach (var (task, token, step) in commit.Steps)
        {
            if (_records.GetValueOrDefault(task)?.Claim?.Token != token) return CommitVerdict.Refused(CommitResult.WrongToken, task);
            if (_steps.GetValueOrDefault(task, []).Any(s => s.Name == step.Name)) throw new ArgumentException($"Task {task} has finished step '{step.Name}' before.");
        }
        return null;
    }

    private CommitVerdict WriteNeedsLock(StoreCommit commit)
    {
        var records = ImmutableArray.CreateBuilder<TaskRecord>(commit.Changes.Length);
        var events = ImmutableArray.CreateBuilder<TaskEvent>();
        foreach (var change in commit.Changes)
        {
            var number = change.ExpectedVersion == 0 ? ++_lastNumber : _records[change.After.Id].Number;
            var record = change.After with { Number = number };
            _records[record.Id] = record;
            _numbers[number] = record.Id;
            if (change.Key is { } key) _keys[key.Key] = new KeyOwner(record.Id, key.BodyHash);
            records.Add(record);
            for (var i = 0; i < change.Events.Length; i++) events.Add(change.EventAt(i, ++_lastEvent));
        }
        foreach (var (task, _, step) in commit.Steps) _steps[task] = _steps.GetValueOrDefault(task, []).Add(step);
        var written = records.MoveToImmutable();
        var notices = TellNeedsLock(commit, written);
        foreach (var draft in commit.HostEvents) events.Add(new TaskEvent(++_lastEvent, null, null, 0, draft.Type, draft.At, null, null, draft.Data));
        _events.AddRange(events);
        return CommitVerdict.Committed(written, events.ToImmutable(), notices);
    }

    private ImmutableArray<Notice> TellNeedsLock(StoreCommit commit, ImmutableArray<TaskRecord> records)
    {
        foreach (var change in commit.Changes)
            if (change.QuestionOver is { } why) MoveNeedsLock(NoticeWriting.QuestionOver(change.After.Id, why));
        var notices = NoticeWriting.Complete(commit, records, _lastNotice, _sessions.GetValueOrDefault, spec => CountNeedsLock(spec.Session, spec.Group!, all: false));
        foreach (var notice in notices) _notices.Add(notice.Seq, notice);
        _lastNotice += notices.Length;
        return notices;
    }

    private ImmutableArray<Notice> MoveNeedsLock(NoticeMove move)
    {
        var moved = _notices.Values.Where(n => NoticeWriting.Fits(move, n)).Select(n => NoticeWriting.Moved(move, n)).ToImmutableArray();
        foreach (var notice in moved) _notices[notice.Seq] = notice;
        return moved;
    }

    private GroupCount CountNeedsLock(string? session, string group, bool all)
    {
        var members = _records.Values.Where(r => r.Spec.Session == session && r.Spec.Group == group && (all || r.Spec.Notify != NotifyPolicy.None)).ToList();
        return new(members.Count(r => !r.State.IsTerminal()), members.Count(r => r.State.IsTerminal()), members.Count(r => r.State == TaskState.Completed));
    }

    private SessionFacts FactsNeedsLock(string name) => new(
        name, _sessions.GetValueOrDefault(name).Policy, _records.Values.Count(r => r.Spec.Session == name && !r.State.IsTerminal()),
        CountNeedsLock(name, NoticeDelivery.Queued), CountNeedsLock(name, NoticeDelivery.HandedOver), CountNeedsLock(name, NoticeDelivery.Dropped));

    private int CountNeedsLock(string session, NoticeDelivery delivery) => _notices.Values.Count(n => n.Session == session && n.Delivery == delivery);

    private IEnumerable<(TaskId Id, long Number)> KnownNewestFirstNeedsLock() =>
        _records.Values.Select(record => (record.Id, record.Number)).Concat(_tombstones.Values.Select(t => (t.Id, t.Number))).OrderByDescending(known => known.Number);

    private EventPage ReadEventsNeedsLock(EventQuery query)
    {
        var limit = TaskSearch.Limit(query.Limit);
        var found = _events.Where(e => e.Seq > query.After && (query.Task is null || e.Task == query.Task) && (query.Session is null || e.Session == query.Session)).Take(limit).ToImmutableArray();
        var next = found.Length == limit ? found[^1].Seq : Math.Max(query.After, _lastEvent);
        var gap = query.After < _forgottenEvents && (query.Task is null || found.IsEmpty || found[0].TaskSeq > 1);
        return new EventPage(found, next, gap ? _events.FirstOrDefault()?.Seq ?? _lastEvent + 1 : null);
    }

    private Tombstone RemoveNeedsLock(TaskRecord record, DateTimeOffset at, string reason)
    {
        var tombstone = new Tombstone(record.Id, record.Number, record.State, record.EndedAt!.Value, at, reason);
        _records.Remove(record.Id);
        _steps.Remove(record.Id);
        foreach (var final in _notices.Values.Where(n => n.Task == record.Id && !n.IsOpen).ToList()) _notices.Remove(final.Seq);
        _numbers.Remove(record.Number);
        _tombstones.Add(record.Id, tombstone);
        _events.Add(Removal.EventOf(tombstone, ++_lastEvent, record.Spec.Session, record.Events + 1, record.Attempt));
        return tombstone;
    }
}
