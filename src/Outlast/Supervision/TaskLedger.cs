using System.Collections.Immutable;
using System.Globalization;
using Outlast.Diagnostics;
using Outlast.Lifecycle;
using Outlast.Storage;

namespace Outlast.Supervision;

/// <summary>The only way to change a record: read, <see cref="TaskLifecycle.Apply"/>, commit, then tell. A wrong version means read and decide again; a wrong token means stop.</summary>
internal sealed class TaskLedger(ITaskStore store, TaskFeed feed, StoreHealth health, TimeProvider time)
{
    /// <summary>Makes tasks durable in one commit, and their parents' counts of open children with them.</summary>
    /// <returns>The records in the order of the submissions, with numbers that follow one another; and whether they were there already under the same key.</returns>
    public async Task<(ImmutableArray<TaskRecord> Records, bool Repeated)> SubmitAsync(ImmutableArray<TaskSubmission> submissions, IdempotencyKey? key, CancellationToken cancel)
    {
        while (true)
        {
            var (draft, ids) = await DraftAsync(submissions, key, cancel);
            var verdict = await CommitAsync(draft, cancel);
            switch (verdict.Result)
            {
                case CommitResult.Committed:
                    foreach (var id in ids) Milestone.Reach(Milestone.SubmitCommitted, id);
                    feed.Publish(verdict);
                    return ([.. verdict.Records.Where(r => r.Version == 1)], false);
                case CommitResult.KeyTaken:
                    return (await ReadSubmittedAsync(key!, new(verdict.Offender!.Value, verdict.KeyHash!), submissions.Length, cancel), true);
                case CommitResult.WrongVersion or CommitResult.WrongToken:
                    break;
            }
        }
    }

    /// <summary>What was submitted under a key.</summary>
    /// <param name="key">The key, with the hash of what is submitted now.</param>
    /// <param name="owner">Who has it: the first that was submitted, and the hash of what was.</param>
    /// <param name="count">How many were.</param>
    /// <param name="cancel">Gives up.</param>
    /// <exception cref="IdempotencyMismatchException">It was something else.</exception>
    /// <exception cref="TaskRemovedException">One of them was removed.</exception>
    public async Task<ImmutableArray<TaskRecord>> ReadSubmittedAsync(IdempotencyKey key, KeyOwner owner, int count, CancellationToken cancel)
    {
        if (owner.BodyHash != key.BodyHash) throw new IdempotencyMismatchException(key.Key, owner.Task);
        var records = ImmutableArray.CreateBuilder<TaskRecord>(count);
        records.Add(await ReadAsync(owner.Task, cancel));
        while (records.Count < count)
        {
            var name = (records[0].Number + records.Count).ToString(CultureInfo.InvariantCulture);
            // One commit has one time; a number that follows may be somebody else's.
            if (await store.ResolveAsync(name, cancel) is not [var next] || await ReadAsync(next, cancel) is var record && record.CreatedAt != records[0].CreatedAt) throw new IdempotencyMismatchException(key.Key, owner.Task);
            records.Add(record);
        }
        return records.MoveToImmutable();
    }

    /// <summary>Reads a record.</summary>
    /// <exception cref="TaskRemovedException">A tombstone answers.</exception>
    /// <exception cref="TaskNotFoundException">Nothing answers.</exception>
    public async Task<TaskRecord> ReadAsync(TaskId id, CancellationToken cancel) =>
        await store.FindAsync(id, cancel)
        ?? (await store.FindTombstoneAsync(id, cancel) is { } tombstone ? throw new TaskRemovedException(tombstone) : throw new TaskNotFoundException(id.ToString()));

    /// <summary>Takes one step with one task, decided anew from the record as it is then; what its end means for its parents happens in the same commit.</summary>
    /// <param name="id">Which task.</param>
    /// <param name="decide">The step; none: nothing to do.</param>
    /// <param name="cancel">Gives up before the commit.</param>
    /// <param name="known">The record as it was committed last, as far as the caller knows: what can be decided from it need not be read. What it forbids is decided again from what is stored.</param>
    /// <param name="place">The place that the step gives back: free while it is being written, and taken again where it is not.</param>
    /// <param name="beforehand">A step that comes first where it is one, and becomes durable with the other.</param>
    public async Task<LedgerAnswer> ApplyAsync(TaskId id, Func<TaskRecord, Transition?> decide, CancellationToken cancel, TaskRecord? known = null, Place? place = null, Transition? beforehand = null)
    {
        while (true)
        {
            var (record, isGuess) = known is null ? (await ReadAsync(id, cancel), false) : (known, true);
            known = null;
            var transition = decide(record);
            if (transition is null && !isGuess) return new(record, false, null);
            var draft = new Draft();
            if (beforehand is not null) draft.Apply(record, beforehand);
            var decision = transition is null ? null : draft.Apply(record, transition);
            if (decision is not Decision.Changed && isGuess) continue;
            switch (decision)
            {
                case Decision.Refused refused:
                    return new(record, false, refused.Reason);
                case Decision.Unchanged:
                    return new(record, false, null);
                case Decision.Changed { StopChildren: { } stop }:
                    foreach (var descendant in await OpenDescendantsAsync(record, cancel)) draft.Apply(descendant, Transition.StopAsked(stop));
                    break;
            }
            await TellParentsAsync(draft, cancel);
            var verdict = await CommitAsync(draft, place, cancel);
            if (verdict.Result == CommitResult.Committed)
            {
                var after = Of(id, verdict.Records);
                if (MilestoneOf(transition!) is { } milestone) Milestone.Reach(milestone, id);
                feed.Publish(verdict);
                if (after.State.IsTerminal()) Milestone.Reach(Milestone.Published, id);
                return new(after, true, null);
            }
            if (verdict.Result == CommitResult.WrongToken) return new(record, false, RefusalReason.WrongToken);
        }
    }

    /// <summary>As <see cref="ApplyAsync"/>, for facts that must not get lost: while the store cannot write, it waits until it can.</summary>
    /// <param name="id">Which task.</param>
    /// <param name="decide">The step; none: nothing to do.</param>
    /// <param name="letGo">The host goes.</param>
    /// <param name="over">The attempt that is over by it, which gives its place back.</param>
    /// <param name="beforehand">A step that comes first, and becomes durable with the other.</param>
    public async Task<LedgerAnswer> ApplyPersistentlyAsync(TaskId id, Func<TaskRecord, Transition?> decide, CancellationToken letGo, LiveAttempt? over = null, Transition? beforehand = null)
    {
        while (true)
        {
            try
            {
                return await ApplyAsync(id, decide, letGo, over?.Record, over?.Place, beforehand);
            }
            catch (StoreUnavailableException e)
            {
                await health.FailedAsync(e, letGo);
            }
        }
    }

    /// <summary>The journal of a task, in order.</summary>
    public Task<ImmutableArray<TaskStep>> ReadStepsAsync(TaskId id, CancellationToken cancel) => store.StepsAsync(id, cancel);

    /// <summary>Makes a finished step durable; it has happened, so while the store cannot write, it waits until it can.</summary>
    /// <exception cref="ClaimLostException">The attempt is its host's no more.</exception>
    public async Task WriteStepAsync(StepWrite step, CancellationToken letGo)
    {
        while (true)
        {
            try
            {
                var verdict = await store.CommitAsync(new StoreCommit([]) { Steps = [step] }, CancellationToken.None);
                if (verdict.Result != CommitResult.Committed) throw new ClaimLostException(step.Task);
                Milestone.Reach(Milestone.StepCommitted, step.Task);
                return;
            }
            catch (StoreUnavailableException e)
            {
                await health.FailedAsync(e, letGo);
            }
        }
    }

    /// <summary>The task that was submitted under a key; none if none was, or it has been removed.</summary>
    public async Task<TaskRecord?> FindByKeyAsync(string key, CancellationToken cancel) =>
        await store.FindKeyAsync(key, cancel) is { } owner ? await store.FindAsync(owner.Task, cancel) : null;

    /// <summary>Asks a task and its attached descendants to stop, in one commit.</summary>
    public Task<LedgerAnswer> StopTreeAsync(TaskId id, StopRequest request, CancellationToken cancel) => ApplyAsync(id, _ => Transition.StopAsked(request), cancel);

    /// <summary>Notes events of the host itself.</summary>
    public async Task NoteHostAsync(TaskEventDraft what, CancellationToken cancel) =>
        feed.Publish(await store.CommitAsync(new StoreCommit([]) { HostEvents = [what] }, cancel));

    private async Task<(Draft Draft, ImmutableArray<TaskId> Ids)> DraftAsync(ImmutableArray<TaskSubmission> submissions, IdempotencyKey? key, CancellationToken cancel)
    {
        var at = time.GetUtcNow();
        var draft = new Draft();
        var ids = ImmutableArray.CreateBuilder<TaskId>(submissions.Length);
        foreach (var submission in submissions)
        {
            var id = TaskId.New(at);
            if (submission.RetryOf is { } formerId && await ReadAsync(formerId, cancel) is var former && draft.Apply(former, Transition.Retried(id, submission.Actor, at)) is Decision.Refused)
                throw new TaskNotEndedException(former);
            var parent = await ParentOfAsync(submission, draft, at, cancel);
            if (parent is not null && !submission.Spec.Detached) draft.Apply(parent, Transition.ChildAdded(id, at));
            draft.Add(TaskLifecycle.Submit(id, submission.Spec, parent, submission.Actor, at, submission.RetryOf), ids.Count == 0 ? key : null);
            ids.Add(id);
        }
        return (draft, ids.MoveToImmutable());
    }

    /// <summary>The parent of what is submitted. What is run again did not choose it: without one that takes children it has none.</summary>
    private async Task<TaskRecord?> ParentOfAsync(TaskSubmission submission, Draft draft, DateTimeOffset at, CancellationToken cancel)
    {
        if (submission.Parent is not { } id) return null;
        var parent = draft.Find(id) ?? await store.FindAsync(id, cancel);
        if (parent is not null && TaskLifecycle.Apply(parent, Transition.ChildAdded(default, at)) is not Decision.Refused) return parent;
        if (submission.RetryOf is not null) return null;
        throw parent is null ? new TaskNotFoundException(id.ToString()) : new ParentEndedException(parent);
    }

    private static TaskRecord Of(TaskId id, ImmutableArray<TaskRecord> records)
    {
        foreach (var record in records)
            if (record.Id == id) return record;
        throw new InvalidOperationException($"Task {id} was not part of the commit.");
    }

    private static string? MilestoneOf(Transition transition) => transition switch
    {
        Transition.Claim => Milestone.ClaimCommitted,
        Transition.Launch => Milestone.ProcessRecorded,
        Transition.Settle => Milestone.SettleCommitted,
        Transition.Stop => Milestone.StopCommitted,
        _ => null,
    };

    /// <summary>An end frees the parent, which may end by that, and so on up.</summary>
    private async Task TellParentsAsync(Draft draft, CancellationToken cancel)
    {
        while (draft.TakeEndedChild() is { } child)
        {
            var parent = draft.Find(child.Parent!.Value) ?? await store.FindAsync(child.Parent!.Value, cancel);
            if (parent is not null) draft.Apply(parent, Transition.ChildEnded(child.Id, time.GetUtcNow()));
        }
    }

    private async Task<List<TaskRecord>> OpenDescendantsAsync(TaskRecord top, CancellationToken cancel)
    {
        if (top.OpenChildren == 0) return [];
        var open = new List<TaskRecord>();
        long? before = null;
        while (true)
        {
            var page = await store.ListAsync(new TaskQuery
            {
                Root = top.Root,
                Before = before,
                Limit = 1000,
                States = [TaskState.Queued, TaskState.Running, TaskState.Waiting, TaskState.Stopping],
            }, cancel);
            open.AddRange(page);
            if (page.Length < 1000) break;
            before = page[^1].Number;
        }
        var children = open.Where(r => !r.Spec.Detached && r.Parent is not null).ToLookup(r => r.Parent!.Value);
        var found = new List<TaskRecord>();
        var next = new Queue<TaskRecord>(children[top.Id]);
        while (next.TryDequeue(out var record))
        {
            found.Add(record);
            foreach (var child in children[record.Id]) next.Enqueue(child);
        }
        return found;
    }

    private async Task<CommitVerdict> CommitAsync(Draft draft, Place? place, CancellationToken cancel)
    {
        // A parent that goes on by this end takes its own place again, before new work: the child's is not free before that.
        if (place is null || !draft.IsOfOneTask) return await CommitAsync(draft, cancel);
        var written = false;
        try
        {
            var commit = CommitAsync(draft, cancel);
            // Only now, when the end is in the writer's hands: a claim of who waits for the place comes after it.
            place.HandOver();
            var verdict = await commit;
            written = verdict.Result == CommitResult.Committed;
            return verdict;
        }
        finally
        {
            if (!written) place.TakeBack();
        }
    }

    private async Task<CommitVerdict> CommitAsync(Draft draft, CancellationToken cancel)
    {
        try
        {
            // Once handed over, the commit is waited for: giving up would leave the caller without the verdict.
            cancel.ThrowIfCancellationRequested();
            return await store.CommitAsync(draft.ToCommit(), CancellationToken.None);
        }
        catch (StoreUnavailableException e)
        {
            _ = health.FailedAsync(e, CancellationToken.None);
            throw;
        }
    }

    /// <summary>What one commit is going to change; several steps of one record become one change.</summary>
    private sealed class Draft
    {
        private readonly Dictionary<TaskId, Entry> _entries = [];
        private Queue<TaskRecord>? _endedChildren;

        private sealed record Entry(TaskRecord After, long ExpectedVersion, FencingToken? Token, ImmutableArray<TaskEventDraft> Events, IdempotencyKey? Key)
        {
            public ImmutableArray<NoticeDraft> Notices { get; init; } = [];
            public string? QuestionOver { get; init; }
        }

        public bool IsOfOneTask => _entries.Count == 1;

        public TaskRecord? Find(TaskId id) => _entries.GetValueOrDefault(id)?.After;

        public void Add(Decision.Changed submitted, IdempotencyKey? key) =>
            _entries.Add(submitted.After.Id, new(submitted.After, 0, null, submitted.Events, key));

        public Decision Apply(TaskRecord read, Transition transition)
        {
            var entry = _entries.GetValueOrDefault(read.Id);
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
            if (changed.After.State.IsTerminal() && !before.State.IsTerminal() && changed.After is { Parent: not null, Spec.Detached: false }) (_endedChildren ??= new()).Enqueue(changed.After);
            return decision;
        }

        public TaskRecord? TakeEndedChild() => _endedChildren is { } ended && ended.TryDequeue(out var child) ? child : null;

        public StoreCommit ToCommit() => new([.. _entries.Values.Select(e => new RecordChange(e.After, e.ExpectedVersion, e.Token, e.Events) { Key = e.Key, Notices = e.Notices, QuestionOver = e.QuestionOver })]);
    }
}

/// <summary>What a step came to.</summary>
/// <param name="Record">The record after it, or as it was read when nothing changed.</param>
/// <param name="Changed">Whether it was committed.</param>
/// <param name="Refusal">Why not, when it may not be.</param>
internal readonly record struct LedgerAnswer(TaskRecord Record, bool Changed, RefusalReason? Refusal);
