using System.Collections.Immutable;
using Outlast.Lifecycle;
using Outlast.Runners;

namespace Outlast.Supervision;

/// <summary>What work that runs inside this program may ask of the runtime: the door of handlers, as <see cref="TaskDesk"/> is that of people.</summary>
internal sealed class AttemptDesk(TaskLedger ledger, LiveAttempts attempts, ProgressReporter progress, TaskWaits waits, TimeProvider time, Lazy<TaskDesk> desk)
{
    /// <summary>The services of that attempt, under its claim; none where no code of this program runs it.</summary>
    public IAttemptServices? For(TaskRecord record) => record is { Spec.Process: null, Claim: { } claim } ? new AttemptServices(this, attempts, progress, record.Id, record.Attempt, claim) : null;

    private sealed class AttemptServices(AttemptDesk room, LiveAttempts attempts, ProgressReporter progress, TaskId task, int attempt, TaskClaim claim) : IAttemptServices
    {
        private Actor Self => new(ActorType.Agent, task.ToString(), ".net");

        public Task<ImmutableArray<TaskStep>> ReadStepsAsync(CancellationToken cancel) => room.ReadStepsAsync(task, cancel);

        public Task WriteStepAsync(TaskStep step, CancellationToken cancel) => room.WriteStepAsync(new(task, claim.Token, step), cancel);

        public Task<QuestionAnswer> AskAsync(Question question, CancellationToken cancel) => room.AskAsync(Mine(), question, cancel);

        public Task<TaskRecord> StartChildAsync(string name, TaskSpec spec, CancellationToken cancel) => room.StartChildAsync(Mine(), attempt, name, spec, Self, cancel);

        public Task StopChildAsync(TaskId child, string? reason, CancellationToken cancel) => room.StopChildAsync(task, child, reason, Self, cancel);

        public Task<ImmutableArray<TaskRecord>> WaitAsync(ImmutableArray<TaskId> tasks, bool any, TimeSpan? timeout, CancellationToken cancel) => room.WaitAsync(Mine(), tasks, any, timeout, cancel);

        public void Report(TaskProgress told)
        {
            if (attempts.Find(task) is { } live && live.Claim == claim) progress.Report(live, told);
        }

        private LiveAttempt Mine() => attempts.Find(task) is { } live && live.Claim == claim ? live : throw new ClaimLostException(task);
    }

    private Task<ImmutableArray<TaskStep>> ReadStepsAsync(TaskId task, CancellationToken cancel) => ledger.ReadStepsAsync(task, cancel);

    private Task WriteStepAsync(Storage.StepWrite step, CancellationToken cancel) => ledger.WriteStepAsync(step, cancel);

    private async Task<QuestionAnswer> AskAsync(LiveAttempt live, Question question, CancellationToken cancel)
    {
        var asked = await ledger.ApplyAsync(live.Id, record => !IsAsked(record, question, live.Claim) ? Transition.Asked(live.Claim, question, time.GetUtcNow()) : null, cancel, live.Record);
        if (asked.Refusal is RefusalReason.WrongToken or RefusalReason.Ended) throw new ClaimLostException(live.Id);
        if (asked.Refusal is not null) throw new InvalidOperationException($"Task {asked.Record.Number} can ask nothing now: it is {Names.Of(asked.Record.State)}.");
        while (true)
        {
            var changed = live.WhenChanged;
            if (AnswerIn(live.Record, question) is { } answer) return answer;
            if (!asked.Changed && AnswerIn(asked.Record, question) is { } known) return known;
            await changed.WaitAsync(cancel);
        }
    }

    /// <summary>Whether it is open, or answered.</summary>
    private static bool IsAsked(TaskRecord record, Question question, TaskClaim claim) =>
        AnswerIn(record, question) is not null || record is { State: TaskState.Waiting, Question: { } open } && open.Name == question.Name && record.Claim?.Token == claim.Token;

    private static QuestionAnswer? AnswerIn(TaskRecord record, Question question) => record.Question is { Answer: { } answer } known && known.Name == question.Name ? answer : null;

    private async Task<TaskRecord> StartChildAsync(LiveAttempt live, int attempt, string name, TaskSpec spec, Actor actor, CancellationToken cancel)
    {
        // The key stands for the name, not for the spec: a program that was changed meanwhile asks for the same child.
        const string body = "child";
        var key = $"task {live.Id} child {name}";
        if (attempt > 1)
        {
            // A new attempt goes on with what a former one left that is open or has completed; what had failed it tries anew.
            for (var former = 1; former < attempt; former++)
            {
                var left = await ledger.FindByKeyAsync(KeyOf(key, former), cancel);
                if (left is not null && (!left.State.IsTerminal() || left.State == TaskState.Completed)) return left;
            }
        }
        var child = await SubmitAsync(new(spec, actor, live.Id, KeyOf(key, attempt), body), cancel);
        live.Clock.Touch();
        return child;
    }

    /// <summary>That the host goes is no fault of the code that it runs. Behind a shut door comes its suspension or its stop, which gives up the waiting, or the departure is called off.</summary>
    private async Task<TaskRecord> SubmitAsync(TaskSubmission child, CancellationToken cancel)
    {
        while (true)
        {
            var reopened = desk.Value.Reopened;
            try
            {
                return (await desk.Value.SubmitAsync(child, cancel)).Record;
            }
            catch (DrainingException)
            {
                await reopened.WaitAsync(cancel);
            }
        }
    }

    private static string KeyOf(string key, int attempt) => attempt == 1 ? key : $"{key} attempt {attempt}";

    private async Task StopChildAsync(TaskId parent, TaskId child, string? reason, Actor actor, CancellationToken cancel)
    {
        if ((await ledger.ReadAsync(child, cancel)).Parent != parent) throw new TaskNotFoundException(child.ToString());
        await ledger.StopTreeAsync(child, new StopRequest { Cause = EndCause.Parent, Actor = actor, Reason = reason, RequestedAt = time.GetUtcNow() }, cancel);
    }

    private async Task<ImmutableArray<TaskRecord>> WaitAsync(LiveAttempt live, ImmutableArray<TaskId> tasks, bool any, TimeSpan? timeout, CancellationToken cancel)
    {
        var start = time.GetTimestamp();
        var left = timeout ?? TimeSpan.MaxValue;
        WaitedFor waited;
        do
        {
            waited = await waits.WaitAsync(new() { Tasks = tasks, Any = any, Timeout = left, Waiter = live.Id }, cancel);
            if (timeout is not null) left = timeout.Value - time.GetElapsedTime(start);
        }
        while (!waited.Done && left > TimeSpan.Zero);
        var ended = waited.Ended.DistinctBy(r => r.Id).ToDictionary(r => r.Id);
        var records = ImmutableArray.CreateBuilder<TaskRecord>(tasks.Length);
        foreach (var id in tasks) records.Add(ended.GetValueOrDefault(id) ?? await ledger.ReadAsync(id, cancel));
        return records.MoveToImmutable();
    }
}
