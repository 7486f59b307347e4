using Microsoft.Extensions.Logging;
using Outlast.Diagnostics;
using Outlast.Lifecycle;
using Outlast.Runners;

namespace Outlast.Supervision;

/// <summary>One claim, from start to transition.</summary>
internal sealed class Executor(TaskLedger ledger, LiveAttempts attempts, RunnerSet runners, Stopper stopper, AttemptDesk services, ProgressReporter progress, TaskMeter meter, TimeProvider time, ILogger<Executor> log)
{
    /// <summary>How long after a stop's hard bound a runner may still come with its own word.</summary>
    private static readonly TimeSpan SettleBound = TimeSpan.FromSeconds(5);

    private readonly SharedEnvironments _environments = new();
    private CancellationToken _letGo;

    /// <summary>Until then attempts are followed; after it they are left alone.</summary>
    public void Open(CancellationToken letGo) => _letGo = letGo;

    /// <summary>Runs a new attempt.</summary>
    public Task RunAsync(TaskRecord claimed, Place place)
    {
        // What goes on after a host's absence gets its warning before a limit that passed meanwhile is enforced.
        var live = Announce(claimed, new AttemptClock(time, ElapsedBefore(claimed), TimeSpan.Zero, claimed.Resumes ? Rescuer.EnforceAfter : TimeSpan.Zero), place);
        meter.Start(claimed);
        return FollowAsync(live, adopted: false, () => live.Runner.RunAsync(live.Context, _letGo));
    }

    /// <summary>Goes on with an attempt that another host started.</summary>
    /// <param name="adopted">Its record.</param>
    /// <param name="ended">What tells that it has ended already, when it has: part of what its end rests on.</param>
    /// <param name="idleBefore">How long it has been silent.</param>
    /// <param name="enforceAfter">How long no limit is enforced.</param>
    /// <param name="place">The place that it holds.</param>
    public Task AdoptAsync(TaskRecord adopted, string? ended, TimeSpan idleBefore, TimeSpan enforceAfter, Place place)
    {
        var live = Announce(adopted, new AttemptClock(time, ElapsedBefore(adopted), idleBefore, enforceAfter), place);
        return FollowAsync(live, adopted: true, async () =>
        {
            var outcome = await live.Runner.AdoptAsync(live.Context, _letGo);
            return ended is null ? outcome : outcome with { Evidence = [ended, .. outcome.Evidence] };
        });
    }

    /// <summary>What a runner is told of an attempt.</summary>
    public AttemptContext ContextOf(TaskRecord record)
    {
        AttemptContext? context = null;
        context = new AttemptContext
        {
            Task = record.Id,
            Attempt = record.Attempt,
            Spec = record.Spec,
            Folder = runners.Folder.Attempt(record.Id, record.Attempt),
            Parent = record.Parent,
            ClaimedAt = record.StartedAt,
            Process = record.Process,
            Launched = process =>
            {
                context!.Process = process;
                var known = WithoutAnswerAsync(ledger.ApplyPersistentlyAsync(record.Id, _ => Transition.Launched(record.Claim!, process, time.GetUtcNow()), _letGo));
                if (attempts.Find(record.Id) is { } live) live.Launched = known;
                return known;
            },
            Annotated = text => ledger.ApplyPersistentlyAsync(record.Id, _ => Transition.Annotated(text, time.GetUtcNow()), _letGo),
            IsResumed = record.Resumes,
            Services = services.For(record),
            // Of this attempt: the next one of the same task may be asked to stop, or not, for itself.
            StopAsked = () => (attempts.Find(record.Id) is { } live && live.Claim == record.Claim ? live.Record : record).Stop,
            Answered = record.Question is { Answer: not null } answered ? answered : null,
        };
        return context;
    }

    /// <summary>The same task, but what is held of it when it is done is not the record that it brought.</summary>
    private static async Task WithoutAnswerAsync(Task change) => await change;

    private TimeSpan ElapsedBefore(TaskRecord record) => time.GetUtcNow() - record.StartedAt!.Value - record.Paused;

    private LiveAttempt Announce(TaskRecord record, AttemptClock clock, Place place)
    {
        if (_environments.Share(record.Spec) is var spec && !ReferenceEquals(spec, record.Spec)) record = record with { Spec = spec };
        var live = new LiveAttempt(record, ContextOf(record), runners.For(record.Spec.Kind), clock, place);
        place.Entrust();
        attempts.Add(live);
        return live;
    }

    private async Task FollowAsync(LiveAttempt live, bool adopted, Func<Task<TaskOutcome>> run)
    {
        using var activity = TaskActivities.Follow(live.Record, adopted);
        try
        {
            // A stop that was committed between the claim and the announcement is known by now, and nobody has begun with it.
            stopper.Look(live);
            var transition = await ConcludeAsync(live, run);
            await live.Launched;
            Milestone.Reach(Milestone.SettleDecided, live.Id);
            var answer = await SettleAsync(live, transition);
            if (answer.Refusal is RefusalReason.WrongToken && transition(answer.Record) is Transition.Settle late)
                await ledger.ApplyPersistentlyAsync(live.Id, _ => Transition.Annotated($"late report of a former owner of attempt {live.Record.Attempt}, refused: {Ending.Describe(late.Outcome)}", time.GetUtcNow()), _letGo);
            TaskActivities.Conclude(activity, live.Record);
        }
        catch (OperationCanceledException) when (_letGo.IsCancellationRequested)
        {
            // The host goes; the attempt goes on, and the next host with it.
        }
        catch (Exception e)
        {
            log.ActorFailed(e, nameof(Executor), live.Id);
        }
        finally
        {
            // First: it is this attempt's as long as it is not given back here.
            live.Place.Free();
            progress.Forget(live);
            attempts.Remove(live);
        }
    }

    /// <summary>Writes the end. What cannot be written as it is, for no store takes it, is written without what may be at fault: an attempt that is over must not be taken for one that its owner left, and run again.</summary>
    private async Task<LedgerAnswer> SettleAsync(LiveAttempt live, Func<TaskRecord, Transition?> transition)
    {
        try
        {
            return await ledger.ApplyPersistentlyAsync(live.Id, transition, _letGo, live, LaunchOf(live) ?? progress.LastOf(live));
        }
        catch (Exception e) when (!_letGo.IsCancellationRequested && transition(live.Record) is Transition.Settle { Outcome.Kind: not OutcomeKind.Suspended } settle)
        {
            log.OutcomeRefused(e, live.Id);
            var (whole, why) = (settle.Outcome, $"its outcome could not be written: {e.Message}");
            var rest = Interrupted(why) with { Error = new(e.GetType().FullName!, e.Message, null), Exit = whole.Exit, Output = whole.Output, Resources = whole.Resources };
            return await ledger.ApplyPersistentlyAsync(live.Id, _ => Transition.Settled(live.Claim, rest, settle.Verification, time.GetUtcNow()), _letGo, live, LaunchOf(live));
        }
    }

    private async Task<Func<TaskRecord, Transition?>> ConcludeAsync(LiveAttempt live, Func<Task<TaskOutcome>> run)
    {
        try
        {
            var outcome = await OutcomeAsync(live, run);
            var verification = await Stopper.VerifyAsync(live);
            return _ => Transition.Settled(live.Claim, outcome, verification, time.GetUtcNow());
        }
        catch (NeverStartedException e)
        {
            return record => Transition.NeverStarted(live.Claim, e.Message, time.GetUtcNow() + Backoff(record), time.GetUtcNow());
        }
    }

    private async Task<TaskOutcome> OutcomeAsync(LiveAttempt live, Func<Task<TaskOutcome>> run)
    {
        try
        {
            var running = Task.Run(run);
            await Task.WhenAny(running, live.StopEnded);
            // After a stop has done all it can and something is alive still, the record does not wait for a runner that cannot come back.
            if (!running.IsCompleted && live.Stop is { } stop && !(await stop).Survivors.IsEmpty)
            {
                await Task.WhenAny(running, Task.Delay(SettleBound, time, _letGo));
                _letGo.ThrowIfCancellationRequested();
                if (!running.IsCompleted) return Interrupted("it could not be ended");
            }
            return await running;
        }
        catch (Exception e) when (e is not NeverStartedException && !_letGo.IsCancellationRequested)
        {
            log.RunnerFailed(e, live.Id);
            return Interrupted($"the runner failed: {e.Message}") with { Error = new(e.GetType().FullName!, e.Message, e.StackTrace) };
        }
    }

    /// <summary>What a command that ended at once had not told yet.</summary>
    private static Transition? LaunchOf(LiveAttempt live) =>
        live.Context is { Process: { } process, LaunchedAt: { } at } ? Transition.Launched(live.Claim, process, at) : null;

    private static TaskOutcome Interrupted(string reason) => new() { Kind = OutcomeKind.Interrupted, Cause = EndCause.Error, Reason = reason };

    /// <summary>2 s, 4 s, ... 1 min: each failed start has left an event.</summary>
    private static TimeSpan Backoff(TaskRecord record) => TimeSpan.FromSeconds(Math.Min(60, 1 << (int)Math.Min(6, record.Events)));
}
