using System.Collections.Immutable;
using Outlast.Lifecycle;
using Outlast.Storage;

namespace Outlast.Supervision;

/// <summary>What one commit is going to change; several steps of one record become one change. One that stands on another is thrown away without a trace, or joins it.</summary>
internal sealed class Draft(Draft? below = null)
{
    // In the order in which they come, for new records get their numbers by it.
    private readonly OrderedDictionary<TaskId, Entry> _entries = [];
    private Dictionary<TaskId, TaskRecord>? _read;
    private Queue<TaskRecord>? _ended;

    private sealed record Entry(TaskRecord After, long ExpectedVersion, FencingToken? Token, ImmutableArray<TaskEventDraft> Events, IdempotencyKey? Key)
    {
        public ImmutableArray<NoticeDraft> Notices { get; init; } = [];
        public string? QuestionOver { get; init; }

        public RecordChange ToChange() => new(After, ExpectedVersion, Token, Events) { Key = Key, Notices = Notices, QuestionOver = QuestionOver };
    }

    public bool IsOfOneTask => _entries.Count == 1;

    /// <summary>The records that are new by it.</summary>
    public IEnumerable<TaskRecord> Added => _entries.Values.Where(e => e.ExpectedVersion == 0).Select(e => e.After).Concat(below?.Added ?? []);

    /// <summary>The record as it is going to be, or as it was read for this commit.</summary>
    public TaskRecord? Find(TaskId id) => EntryOf(id)?.After ?? _read?.GetValueOrDefault(id) ?? below?.Find(id);

    /// <summary>Remembers a record that was read, for the others of this commit too.</summary>
    public TaskRecord? Note(TaskRecord? read)
    {
        if (read is not null) ((below ?? this)._read ??= [])[read.Id] = read;
        return read;
    }

    public void Add(Decision.Changed submitted, IdempotencyKey? key) =>
        _entries.Add(submitted.After.Id, new(submitted.After, 0, null, submitted.Events, key));

    public Decision Apply(TaskRecord read, Transition transition)
    {
        var entry = EntryOf(read.Id);
        var before = entry?.After ?? read;
        var decision = TaskLifecycle.Apply(before, transition);
        if (decision is not Decision.Changed changed) return decision;
        var expected = entry?.ExpectedVersion ?? read.Version;
        var after = changed.After.Version == expected + 1 ? changed.After : changed.After with { Version = expected + 1 };
        _entries[read.Id] = new(after, expected, entry?.Token ?? transition.By?.Token, entry is null ? changed.Events : [.. entry.Events, .. changed.Events], entry?.Key)
        {
            Notices = [.. entry?.Notices ?? [], .. NoticeRules.Of(changed.After, changed.Events)],
            QuestionOver = NoticeRules.WhyQuestionIsOver(before, changed.After) ?? entry?.QuestionOver,
        };
        if (changed.After.State.IsTerminal() && !before.State.IsTerminal() && changed.After.Parent is not null) (_ended ??= new()).Enqueue(changed.After);
        return decision;
    }

    public TaskRecord? TakeEnded() => _ended is not null && _ended.TryDequeue(out var ended) ? ended : null;

    public void Clear()
    {
        _entries.Clear();
        _ended = null;
    }

    /// <summary>What it changes becomes part of what it stands on.</summary>
    public void Join()
    {
        foreach (var (id, entry) in _entries) below!._entries[id] = entry;
    }

    /// <summary>Ends come before what counts them, for readers who add up.</summary>
    public StoreCommit ToCommit() => new(_entries.Count == 1
        ? [_entries.GetAt(0).Value.ToChange()]
        : [.. _entries.Values.OrderBy(e => e.After.State.IsTerminal() ? 0 : 1).Select(e => e.ToChange())]);

    private Entry? EntryOf(TaskId id) => _entries.GetValueOrDefault(id) ?? below?.EntryOf(id);
}
