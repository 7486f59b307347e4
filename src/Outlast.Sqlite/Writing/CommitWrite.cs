using System.Collections.Immutable;
using System.Text.Json;
using Outlast.Storage;

namespace Outlast.Sqlite;

/// <summary>A commit of record changes. The documents are made on the caller's thread, so that the writer only writes.</summary>
internal sealed class CommitWrite : StoreWrite<CommitVerdict>
{
    private readonly StoreCommit _commit;
    private readonly ImmutableArray<TaskDocuments> _documents;
    private readonly ImmutableArray<byte[]?> _hostEvents;
    private readonly ImmutableArray<byte[]?> _results;
    // What was found of each record that is changed; read once, for the check and the writing.
    private readonly TaskHead[] _heads;

    public CommitWrite(StoreCommit commit)
    {
        _commit = commit;
        _documents = ImmutableArray.CreateRange(commit.Changes, TaskDocuments.Of);
        _hostEvents = TaskDocuments.Of(commit.HostEvents);
        _results = commit.Steps.IsEmpty ? [] : [.. commit.Steps.Select(s => s.Step.Result is { } result ? RecordSerializer.WriteResult(result) : null)];
        _heads = new TaskHead[commit.Changes.Length];
    }

    // A new record that comes alone is looked for by writing it: where it is there already, its insertion is refused and nothing was written.
    private bool IsOneSubmission => _commit is { Changes: [{ ExpectedVersion: 0 }] };

    protected override CommitVerdict Write(WriteSession session) => FindTakenKey(session) ?? FindMismatch(session) ?? WriteAll(session);

    private CommitVerdict? FindTakenKey(WriteSession session)
    {
        foreach (var change in _commit.Changes)
            if (change.Key is { } key && session.FindKey(key.Key) is var (task, hash)) return CommitVerdict.KeyTakenBy(task, hash);
        return null;
    }

    private CommitVerdict? FindMismatch(WriteSession session)
    {
        for (var i = 0; i < _commit.Changes.Length; i++)
        {
            var change = _commit.Changes[i];
            var id = change.After.Id;
            var stored = IsOneSubmission ? null : session.FindHead(_documents[i].Id);
            if (stored is { } known && change.ExpectedToken is { } token && known.Token != token.Value) return CommitVerdict.Refused(CommitResult.WrongToken, id);
            if ((stored?.Version ?? 0) != change.ExpectedVersion) return CommitVerdict.Refused(CommitResult.WrongVersion, id);
            if (stored is { } head)
            {
                change.ValidateAgainst(head.State, head.EndedAt, head.Events);
                _heads[i] = head;
            }
            else if (session.IsBuried(_documents[i].Id)) return CommitVerdict.Refused(CommitResult.WrongVersion, id);
        }
        foreach (var step in _commit.Steps)
            if (session.FindHead(step.Task)?.Token != step.Token.Value) return CommitVerdict.Refused(CommitResult.WrongToken, step.Task);
        return null;
    }

    private CommitVerdict WriteAll(WriteSession session)
    {
        var records = ImmutableArray.CreateBuilder<TaskRecord>(_commit.Changes.Length);
        var events = ImmutableArray.CreateBuilder<TaskEvent>(CountEvents());
        for (var i = 0; i < _commit.Changes.Length; i++)
        {
            var change = _commit.Changes[i];
            if ((change.ExpectedVersion == 0 ? session.Insert(change.After, _documents[i]) : session.Update(_heads[i], change.After, _documents[i])) is not { } number)
                return CommitVerdict.Refused(CommitResult.WrongVersion, change.After.Id);
            if (change.Key is { } key) session.InsertKey(key, change.After.Id);
            records.Add(change.After.Number == number ? change.After : change.After with { Number = number });
            for (var j = 0; j < change.Events.Length; j++) events.Add(session.Insert(change.EventAt(j, session.NextEvent()), _documents[i].Id, _documents[i].Events[j]));
        }
        for (var i = 0; i < _commit.Steps.Length; i++) session.Insert(_commit.Steps[i].Task, _commit.Steps[i].Step, _results[i]);
        var written = records.MoveToImmutable();
        var notices = session.Tell(_commit, written);
        for (var i = 0; i < _hostEvents.Length; i++)
        {
            var draft = _commit.HostEvents[i];
            events.Add(session.Insert(new TaskEvent(session.NextEvent(), null, null, 0, draft.Type, draft.At, null, null, draft.Data), null, _hostEvents[i]));
        }
        return CommitVerdict.Committed(written, events.MoveToImmutable(), notices);
    }

    private int CountEvents()
    {
        var count = _hostEvents.Length;
        foreach (var change in _commit.Changes) count += change.Events.Length;
        return count;
    }
}

/// <summary>What is written of one change beside its columns, and its id as it stands in several of them.</summary>
/// <param name="Id">The task's id.</param>
/// <param name="State">Everything but the spec.</param>
/// <param name="Events">The details of each event; none where it has none.</param>
/// <param name="Spec">The spec, with a new record only.</param>
/// <param name="Search">Where text is looked for, with a new record only.</param>
internal sealed record TaskDocuments(string Id, byte[] State, ImmutableArray<byte[]?> Events, byte[]? Spec, string? Search)
{
    public static TaskDocuments Of(RecordChange change) => change.ExpectedVersion == 0
        ? new(change.After.Id.ToString(), RecordSerializer.WriteState(change.After), Of(change.Events), RecordSerializer.WriteSpec(change.After.Spec), TaskSearch.Haystack(change.After.Spec))
        : new(change.After.Id.ToString(), RecordSerializer.WriteState(change.After), Of(change.Events), null, null);

    public static ImmutableArray<byte[]?> Of(ImmutableArray<TaskEventDraft> events) => ImmutableArray.CreateRange(events, e => Of(e.Data));

    public static byte[]? Of(ImmutableSortedDictionary<string, JsonElement> data) => data.IsEmpty ? null : RecordSerializer.WriteEventData(data);
}
