using System.Collections.Immutable;
using System.Globalization;
using Outlast.Diagnostics;
using Outlast.Lifecycle;
using Outlast.Storage;

namespace Outlast.Supervision;

/// <summary>The only way to change a record: read, <see cref="TaskLifecycle.Apply"/>, commit, then tell. A wrong version means read and decide again; a wrong token means stop.</summary>
/// <remarks>Steps that touch several records of one tree are committed together as far as they come together: see <see cref="TreeLanes{TWork}"/>.</remarks>
internal sealed class TaskLedger
{
    private readonly ITaskStore _store;
    private readonly TaskFeed _feed;
    private readonly StoreHealth _health;
    private readonly TreeOptions _tree;
    private readonly TimeProvider _time;
    private readonly TreeLanes<Work> _lanes;

    public TaskLedger(ITaskStore store, TaskFeed feed, StoreHealth health, TreeOptions tree, TimeProvider time)
    {
        (_store, _feed, _health, _tree, _time) = (store, feed, health, tree, time);
        _lanes = new(WriteTogetherAsync, static (work, why) => work.Fail(why));
    }

    /// <summary>Makes tasks durable in one commit, and what those above them count with them.</summary>
    /// <returns>The records in the order of the submissions, with numbers that follow one another; and whether they were there already under the same key.</returns>
    /// <exception cref="TreeFullException">A tree has no room for one of them.</exception>
    public async Task<(ImmutableArray<TaskRecord> Records, bool Repeated)> SubmitAsync(ImmutableArray<TaskSubmission> submissions, IdempotencyKey? key, CancellationToken cancel)
    {
        var submission = new Submission(this, submissions, key, cancel);
        if (submissions.Select(s => s.Parent).FirstOrDefault(p => p is not null) is { } parent && await _store.FindAsync(parent, cancel) is { } above) _lanes.Add(above.Root, submission);
        else await WriteTogetherAsync([submission]);
        return await submission.Answer is { } records ? (records, false) : (await ReadSubmittedAsync(key!, submission.Owner!, submissions.Length, cancel), true);
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
            if (await _store.ResolveAsync(name, cancel) is not [var next] || await ReadAsync(next, cancel) is var record && record.CreatedAt != records[0].CreatedAt) throw new IdempotencyMismatchException(key.Key, owner.Task);
            records.Add(record);
        }
        return records.MoveToImmutable();
    }

    /// <summary>Reads a record.</summary>
    /// <exception cref="TaskRemovedException">A tombstone answers.</exception>
    /// <exception cref="TaskNotFoundException">Nothing answers.</exception>
    public async Task<TaskRecord> ReadAsync(TaskId id, CancellationToken cancel) =>
        await _store.FindAsync(id, cancel)
        ?? (await _store.FindTombstoneAsync(id, cancel) is { } tombstone ? throw new TaskRemovedException(tombstone) : throw new TaskNotFoundException(id.ToString()));

    /// <summary>Takes one step with one task, decided anew from the record as it is then; what it means for its parents and children happens in the same commit.</summary>
    /// <param name="id">Which task.</param>
    /// <param name="decide">The step; none: nothing to do.</param>
    /// <param name="cancel">Gives up before the commit.</param>
    /// <param name="known">The record as it was committed last, as far as the caller knows: what can be decided from it need not be read. What it forbids is decided again from what is stored.</param>
    /// <param name="place">The place that the step gives back: free while it is being written, and taken again where it is not.</param>
    /// <param name="beforehand">A step that comes first where it is one, and becomes durable with the other.</param>
    public async Task<LedgerAnswer> ApplyAsync(TaskId id, Func<TaskRecord, Transition?> decide, CancellationToken cancel, TaskRecord? known = null, Place? place = null, Transition? beforehand = null)
    {
        var step = new Step(this, id, decide, known, place, beforehand, cancel);
        if (await step.FindTreeAsync() is { } root) _lanes.Add(root, step);
        else await WriteTogetherAsync([step]);
        return await step.Answer;
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
                await _health.FailedAsync(e, letGo);
            }
        }
    }

    /// <summary>The journal of a task, in order.</summary>
    public Task<ImmutableArray<TaskStep>> ReadStepsAsync(TaskId id, CancellationToken cancel) => _store.StepsAsync(id, cancel);

    /// <summary>Makes a finished step durable; it has happened, so while the store cannot write, it waits until it can.</summary>
    /// <exception cref="ClaimLostException">The attempt is its host's no more.</exception>
    public async Task WriteStepAsync(StepWrite step, CancellationToken letGo)
    {
        while (true)
        {
            try
            {
                var verdict = await _store.CommitAsync(new StoreCommit([]) { Steps = [step] }, CancellationToken.None);
                if (verdict.Result != CommitResult.Committed) throw new ClaimLostException(step.Task);
                Milestone.Reach(Milestone.StepCommitted, step.Task);
                return;
            }
            catch (StoreUnavailableException e)
            {
                await _health.FailedAsync(e, letGo);
            }
        }
    }

    /// <summary>The task that was submitted under a key; none if none was, or it has been removed.</summary>
    public async Task<TaskRecord?> FindByKeyAsync(string key, CancellationToken cancel) =>
        await _store.FindKeyAsync(key, cancel) is { } owner ? await _store.FindAsync(owner.Task, cancel) : null;

    /// <summary>Asks a task and its attached descendants to stop, in one commit.</summary>
    public Task<LedgerAnswer> StopTreeAsync(TaskId id, StopRequest request, CancellationToken cancel) => ApplyAsync(id, _ => Transition.StopAsked(request), cancel);

    /// <summary>Notes events of the host itself.</summary>
    public async Task NoteHostAsync(TaskEventDraft what, CancellationToken cancel) =>
        _feed.Publish(await _store.CommitAsync(new StoreCommit([]) { HostEvents = [what] }, cancel));

    /// <summary>Whoever wants to know of a task wants to know of what it starts, unless somebody else is named.</summary>
    internal static TaskSpec Inherited(TaskSpec spec, TaskRecord? parent) => spec.Session is null && parent?.Spec.Session is { } session ? spec with { Session = session } : spec;

    // -- one commit for all that come together ------------------------------------------------------------------------

    /// <summary>Draws what each of them changes on top of those before it, commits all of it, and tells each what became of it.</summary>
    private async Task WriteTogetherAsync(IReadOnlyList<Work> works)
    {
        while (works.Count > 0)
        {
            var draft = new Draft();
            var drawn = new List<Work>(works.Count);
            foreach (var work in works)
            {
                if (await TryDrawAsync(work, draft, isAlone: works.Count == 1)) drawn.Add(work);
            }
            works = drawn.Count == 0 ? [] : await CommitTogetherAsync(draft, drawn);
        }
    }

    private static async Task<bool> TryDrawAsync(Work work, Draft together, bool isAlone)
    {
        try
        {
            work.Cancel.ThrowIfCancellationRequested();
            if (isAlone) return await work.DrawAsync(together);
            var own = new Draft(together);
            if (!await work.DrawAsync(own)) return false;
            own.Join();
            return true;
        }
        catch (Exception e)
        {
            // What one of them may not do, or what cannot be read for it, is nothing to the others.
            work.Fail(e);
            return false;
        }
    }

    /// <returns>Those that must be decided again.</returns>
    private async Task<IReadOnlyList<Work>> CommitTogetherAsync(Draft draft, List<Work> works)
    {
        CommitVerdict verdict;
        try
        {
            verdict = await CommitAsync(draft, works is [{ Place: { } place }] ? place : null);
        }
        catch (Exception e) when (works.Count > 1 && e is not StoreUnavailableException)
        {
            // What no store can write: a rule that it breaks, or a document that cannot be made of it.
            return await WriteEachAsync(works);
        }
        catch (Exception e)
        {
            works.ForEach(work => work.Fail(e));
            return [];
        }
        switch (verdict.Result)
        {
            case CommitResult.WrongVersion:
                return works;
            case CommitResult.WrongToken or CommitResult.KeyTaken when works.Count > 1:
                return await WriteEachAsync(works);
            case CommitResult.WrongToken or CommitResult.KeyTaken:
                return works[0].Refuse(verdict) ? [] : works;
            case CommitResult.Committed:
                break;
        }
        foreach (var work in works) work.Reach();
        _feed.Publish(verdict);
        var find = FinderOf(verdict.Records);
        foreach (var work in works) work.Commit(find);
        return [];
    }

    private static Func<TaskId, TaskRecord> FinderOf(ImmutableArray<TaskRecord> records)
    {
        if (records is [var only]) return _ => only;
        return records.ToDictionary(r => r.Id).GetValueOrDefault!;
    }

    /// <summary>One of them is at fault, and each learns by itself whether it is the one.</summary>
    private async Task<IReadOnlyList<Work>> WriteEachAsync(List<Work> works)
    {
        foreach (var work in works) await WriteTogetherAsync([work]);
        return [];
    }

    private async Task<CommitVerdict> CommitAsync(Draft draft, Place? place)
    {
        // A parent that goes on by this end takes its own place again, before new work: the child's is not free before that.
        if (place is null || !draft.IsOfOneTask) return await CommitAsync(draft);
        var written = false;
        try
        {
            var commit = CommitAsync(draft);
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

    /// <summary>Once handed over, a commit is waited for: giving up would leave the caller without the verdict.</summary>
    private async Task<CommitVerdict> CommitAsync(Draft draft)
    {
        try
        {
            return await _store.CommitAsync(draft.ToCommit(), CancellationToken.None);
        }
        catch (StoreUnavailableException e)
        {
            _ = _health.FailedAsync(e, CancellationToken.None);
            throw;
        }
    }

    private async Task<TaskRecord?> FindAsync(Draft draft, TaskId id, CancellationToken cancel) => draft.Find(id) ?? draft.Note(await _store.FindAsync(id, cancel));

    // -- what a tree has to do with it --------------------------------------------------------------------------------

    /// <summary>A new task is below its parent and all above it: each that counts, counts it, unless that is too many.</summary>
    private async Task JoinAsync(Draft draft, TaskRecord parent, TaskId child, bool detached, DateTimeOffset at, CancellationToken cancel)
    {
        if (parent.Depth >= _tree.Depth) throw new TreeFullException(parent, TreeFullException.DepthLimit, parent.Depth + 1, _tree.Depth);
        if (!detached) draft.Apply(parent, Transition.ChildAdded(child, at));
        for (var above = parent; above is not null; above = above.Parent is { } next ? await FindAsync(draft, next, cancel) : null)
        {
            above = draft.Find(above.Id) ?? above;
            if (above.Spec.Budget?.Tasks is { } budget && above.EverBelow >= budget) throw new TreeFullException(above, TreeFullException.BudgetLimit, above.EverBelow, budget);
            if (above.Parent is null && await CountBelowAsync(draft, above, cancel) is var open && open >= _tree.Children) throw new TreeFullException(above, TreeFullException.ChildrenLimit, open, _tree.Children);
            draft.Apply(above, Transition.BelowAdded(child, at));
        }
    }

    /// <summary>How many are open below a top. One that has ended counts no more: then those are counted that it left behind.</summary>
    private async Task<int> CountBelowAsync(Draft draft, TaskRecord top, CancellationToken cancel) => top.State.IsTerminal()
        ? (await _store.ListOpenAsync(cancel)).Count(t => t.Root == top.Id) + draft.Added.Count(r => r.Root == top.Id)
        : top.OpenBelow;

    /// <summary>What a step means for the tree: who is to stop, down; who is told of an end, up.</summary>
    private async Task SpreadAsync(Draft draft, TaskRecord changed, Decision.Changed decision, CancellationToken cancel)
    {
        if (decision.StopChildren is { } stop)
            foreach (var descendant in await OpenDescendantsAsync(draft, changed, cancel)) draft.Apply(descendant, Transition.StopAsked(stop));
        while (draft.TakeEnded() is { } ended)
        {
            var at = _time.GetUtcNow();
            // The top first, which may end by the end of its last child.
            if (await FindAsync(draft, ended.Root, cancel) is { } top) draft.Apply(top, Transition.BelowEnded(ended.Id, at));
            if (!ended.Spec.Detached && await FindAsync(draft, ended.Parent!.Value, cancel) is { } parent) draft.Apply(parent, Transition.ChildEnded(ended.Id, at, TaskLifecycle.TallyOf(ended)));
        }
    }

    private async Task<List<TaskRecord>> OpenDescendantsAsync(Draft draft, TaskRecord top, CancellationToken cancel)
    {
        if (top.OpenChildren == 0) return [];
        // Those that others submit in the same commit are in no store yet.
        var open = draft.Added.Where(r => r.Root == top.Root).ToList();
        for (long? before = null; ;)
        {
            var page = await _store.ListAsync(new TaskQuery
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

    // -- what is written together -------------------------------------------------------------------------------------

    /// <summary>What one caller wants: drawn anew until it is committed, or refused.</summary>
    private abstract class Work(CancellationToken cancel)
    {
        public CancellationToken Cancel => cancel;
        /// <summary>The place that it gives back.</summary>
        public virtual Place? Place => null;
        /// <summary>Draws what it changes. False: there is nothing to change, and the caller knows.</summary>
        public abstract Task<bool> DrawAsync(Draft draft);
        /// <summary>Nothing happened: a token or a key is another's. False: draw it again.</summary>
        public abstract bool Refuse(CommitVerdict verdict);
        /// <summary>It is on disk, and nobody has been told.</summary>
        public abstract void Reach();
        /// <summary>It is on disk, and was told.</summary>
        public abstract void Commit(Func<TaskId, TaskRecord> find);
        public abstract void Fail(Exception why);
    }

    private abstract class Work<TAnswer>(CancellationToken cancel) : Work(cancel)
    {
        private readonly TaskCompletionSource<TAnswer> _answer = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task<TAnswer> Answer => _answer.Task;

        protected void Say(TAnswer answer) => _answer.TrySetResult(answer);

        public override void Fail(Exception why)
        {
            if (why is OperationCanceledException given) _answer.TrySetCanceled(given.CancellationToken);
            else _answer.TrySetException(why);
        }
    }

    /// <summary>One step of one task.</summary>
    private sealed class Step(TaskLedger ledger, TaskId id, Func<TaskRecord, Transition?> decide, TaskRecord? known, Place? place, Transition? beforehand, CancellationToken cancel) : Work<LedgerAnswer>(cancel)
    {
        private bool _isGuess = known is not null;
        private TaskRecord? _known = known;
        private TaskRecord? _before;
        private Transition? _transition;

        public override Place? Place => place;

        /// <summary>The root of the tree in which the step touches other tasks, as far as can be seen beforehand; none: it does not.</summary>
        public async Task<TaskId?> FindTreeAsync()
        {
            _known ??= await ledger.ReadAsync(id, Cancel);
            if (_known is { Parent: null, OpenChildren: 0 } || decide(_known) is not { } transition) return null;
            return TaskLifecycle.Apply(_known, transition) is Decision.Changed { After: var after, StopChildren: var stop } && (stop is not null || after is { Parent: not null, End: not null }) ? _known.Root : null;
        }

        public override async Task<bool> DrawAsync(Draft draft)
        {
            while (true)
            {
                var (drafted, remembered) = (draft.Find(id), Interlocked.Exchange(ref _known, null));
                var isGuess = drafted is null && remembered is not null && _isGuess;
                var record = drafted ?? remembered ?? await ledger.ReadAsync(id, Cancel);
                _transition = decide(record);
                if (_transition is not null && beforehand is not null) draft.Apply(record, beforehand);
                switch (_transition is null ? null : draft.Apply(record, _transition))
                {
                    case Decision.Changed changed:
                        _before = record;
                        await ledger.SpreadAsync(draft, record, changed, Cancel);
                        return true;
                    case var _ when isGuess:
                        draft.Clear();
                        continue;
                    case Decision.Refused refused:
                        Say(new(record, false, refused.Reason));
                        return false;
                    default:
                        Say(new(record, false, null));
                        return false;
                }
            }
        }

        public override bool Refuse(CommitVerdict verdict)
        {
            Say(new(_before!, false, RefusalReason.WrongToken));
            return true;
        }

        public override void Reach()
        {
            if (MilestoneOf(_transition!) is { } milestone) Milestone.Reach(milestone, id);
        }

        public override void Commit(Func<TaskId, TaskRecord> find)
        {
            var after = find(id);
            if (after.State.IsTerminal()) Milestone.Reach(Milestone.Published, id);
            Say(new(after, true, null));
        }

        private static string? MilestoneOf(Transition transition) => transition switch
        {
            Transition.Claim => Milestone.ClaimCommitted,
            Transition.Launch => Milestone.ProcessRecorded,
            Transition.Settle => Milestone.SettleCommitted,
            Transition.Stop => Milestone.StopCommitted,
            _ => null,
        };
    }

    /// <summary>New tasks, all of them or none. No records: they were submitted before, by whom <see cref="Owner"/> says.</summary>
    private sealed class Submission(TaskLedger ledger, ImmutableArray<TaskSubmission> submissions, IdempotencyKey? key, CancellationToken cancel) : Work<ImmutableArray<TaskRecord>?>(cancel)
    {
        private readonly List<TaskId> _ids = new(submissions.Length);

        public KeyOwner? Owner { get; private set; }

        public override async Task<bool> DrawAsync(Draft draft)
        {
            _ids.Clear();
            var at = ledger._time.GetUtcNow();
            foreach (var submission in submissions)
            {
                var id = TaskId.New(at);
                if (submission.RetryOf is { } formerId && await ledger.ReadAsync(formerId, Cancel) is var former && draft.Apply(former, Transition.Retried(id, submission.Actor, at)) is Decision.Refused)
                    throw new TaskNotEndedException(former);
                var parent = await ParentOfAsync(submission, draft, at);
                if (parent is not null) await ledger.JoinAsync(draft, parent, id, submission.Spec.Detached, at, Cancel);
                draft.Add(TaskLifecycle.Submit(id, Inherited(submission.Spec, parent), parent, submission.Actor, at, submission.RetryOf), _ids.Count == 0 ? key : null);
                _ids.Add(id);
            }
            return true;
        }

        public override bool Refuse(CommitVerdict verdict)
        {
            if (verdict.Result != CommitResult.KeyTaken) return false;
            Owner = new(verdict.Offender!.Value, verdict.KeyHash!);
            Say(null);
            return true;
        }

        public override void Reach() => _ids.ForEach(id => Milestone.Reach(Milestone.SubmitCommitted, id));

        public override void Commit(Func<TaskId, TaskRecord> find) => Say([.. _ids.Select(find)]);

        /// <summary>The parent of what is submitted. What is run again did not choose it: without one that takes children it has none.</summary>
        private async Task<TaskRecord?> ParentOfAsync(TaskSubmission submission, Draft draft, DateTimeOffset at)
        {
            if (submission.Parent is not { } id) return null;
            var parent = await ledger.FindAsync(draft, id, Cancel);
            if (parent is not null && TaskLifecycle.Apply(parent, Transition.ChildAdded(default, at)) is not Decision.Refused) return parent;
            if (submission.RetryOf is not null) return null;
            throw parent is null ? new TaskNotFoundException(id.ToString()) : new ParentEndedException(parent);
        }
    }
}

/// <summary>What a step came to.</summary>
/// <param name="Record">The record after it, or as it was read when nothing changed.</param>
/// <param name="Changed">Whether it was committed.</param>
/// <param name="Refusal">Why not, when it may not be.</param>
internal readonly record struct LedgerAnswer(TaskRecord Record, bool Changed, RefusalReason? Refusal);
