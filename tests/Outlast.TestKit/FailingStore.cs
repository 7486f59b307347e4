using System.Collections.Immutable;
using Outlast.Storage;

namespace Outlast.TestKit;

/// <summary>A store in memory whose writes fail while a test says so, as those of a full disk do.</summary>
public sealed class FailingStore : ITaskStore
{
    private readonly InMemoryTaskStore _store = new();

    /// <summary>Whether writes fail from now on.</summary>
    public volatile bool Failing;

    /// <summary>Whether records are made into documents, as a store on disk does; what cannot be one is refused.</summary>
    public bool WritesDocuments { get; set; }

    /// <summary>How many commits have failed.</summary>
    public int FailedCommits;

    /// <summary>Whether journals cannot be read from now on.</summary>
    public volatile bool JournalFails;

    /// <summary>Awaited by writes that begin from now on.</summary>
    public Task Gate { get; set; } = Task.CompletedTask;

    /// <summary>Awaited by whoever has written, before he is told so.</summary>
    public Func<StoreCommit, Task>? Committed { get; set; }

    /// <summary>How often what is open was listed.</summary>
    public int ListedOpen;

    /// <summary>Awaited by whoever has read sessions, before he is told what he read.</summary>
    public Func<Task>? SessionsRead { get; set; }

    /// <summary>Awaited by writes of finished steps that begin from now on.</summary>
    public Task StepGate { get; set; } = Task.CompletedTask;

    /// <summary>A finished step is about to be written.</summary>
    public event Action<TaskStep>? StepComes;

    public StoreDescription Description => _store.Description;

    public Task<StoreOpening> OpenAsync(CancellationToken cancel = default) => Write(() => _store.OpenAsync(cancel));
    public Task<CommitVerdict> CommitAsync(StoreCommit commit, CancellationToken cancel = default)
    {
        if (WritesDocuments)
            foreach (var change in commit.Changes) RecordSerializer.WriteState(change.After);
        if (Failing) Interlocked.Increment(ref FailedCommits);
        return Write(async () =>
        {
            var steps = commit.Steps.IsDefaultOrEmpty ? [] : commit.Steps;
            foreach (var step in steps) StepComes?.Invoke(step.Step);
            if (!steps.IsEmpty) await StepGate;
            var verdict = await _store.CommitAsync(commit, cancel);
            if (Committed is { } held) await held(commit);
            return verdict;
        });
    }

    public Task<ImmutableArray<Tombstone>> RemoveAsync(ImmutableArray<TaskId> ids, DateTimeOffset at, string reason, CancellationToken cancel = default) => Write(() => _store.RemoveAsync(ids, at, reason, cancel));
    public Task ForgetAsync(DateTimeOffset removedBefore, DateTimeOffset eventsBefore, CancellationToken cancel = default) => Write(async () => { await _store.ForgetAsync(removedBefore, eventsBefore, cancel); return true; });
    public Task ProbeAsync(CancellationToken cancel = default) => Write(async () => { await _store.ProbeAsync(cancel); return true; });

    public Task<ImmutableArray<Notice>> MoveNoticesAsync(NoticeMove move, CancellationToken cancel = default) => Write(() => _store.MoveNoticesAsync(move, cancel));
    public Task SetSessionAsync(SessionChange change, CancellationToken cancel = default) => Write(async () => { await _store.SetSessionAsync(change, cancel); return true; });

    public Task<ImmutableArray<TaskStep>> StepsAsync(TaskId id, CancellationToken cancel = default) => JournalFails ? throw new StoreUnavailableException("the disk does not answer") : _store.StepsAsync(id, cancel);
    public Task<ImmutableArray<Notice>> NoticesAsync(NoticeQuery query, CancellationToken cancel = default) => _store.NoticesAsync(query, cancel);
    public Task<ImmutableArray<string>> AddresseesAsync(CancellationToken cancel = default) => _store.AddresseesAsync(cancel);
    public async Task<ImmutableArray<SessionFacts>> SessionsAsync(string? name = null, CancellationToken cancel = default)
    {
        var read = await _store.SessionsAsync(name, cancel);
        if (SessionsRead is { } held) await held();
        return read;
    }
    public Task<GroupCount> CountGroupAsync(string? session, string group, CancellationToken cancel = default) => _store.CountGroupAsync(session, group, cancel);
    public Task<TaskRecord?> FindAsync(TaskId id, CancellationToken cancel = default) => _store.FindAsync(id, cancel);
    public Task<KeyOwner?> FindKeyAsync(string key, CancellationToken cancel = default) => _store.FindKeyAsync(key, cancel);
    public Task<ImmutableArray<TaskId>> ResolveAsync(string name, CancellationToken cancel = default) => _store.ResolveAsync(name, cancel);
    public Task<ImmutableArray<TaskRecord>> ListAsync(TaskQuery query, CancellationToken cancel = default) => _store.ListAsync(query, cancel);
    public Task<ImmutableArray<OpenTask>> ListOpenAsync(CancellationToken cancel = default)
    {
        Interlocked.Increment(ref ListedOpen);
        return _store.ListOpenAsync(cancel);
    }
    public Task<ImmutableDictionary<TaskState, long>> CountAsync(CancellationToken cancel = default) => _store.CountAsync(cancel);
    public Task<EventPage> EventsAsync(EventQuery query, CancellationToken cancel = default) => _store.EventsAsync(query, cancel);
    public Task<Tombstone?> FindTombstoneAsync(TaskId id, CancellationToken cancel = default) => _store.FindTombstoneAsync(id, cancel);
    public Task<ImmutableArray<TaskId>> ListExpiredAsync(DateTimeOffset endedBefore, int limit, CancellationToken cancel = default) => _store.ListExpiredAsync(endedBefore, limit, cancel);
    public Task<ImmutableArray<QuarantinedRow>> ListQuarantinedAsync(CancellationToken cancel = default) => _store.ListQuarantinedAsync(cancel);
    public ValueTask DisposeAsync() => _store.DisposeAsync();

    private async Task<T> Write<T>(Func<Task<T>> write)
    {
        await Gate;
        return Failing ? throw new StoreUnavailableException("disk full: no space left on device") : await write();
    }
}
