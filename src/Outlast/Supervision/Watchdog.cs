using System.Collections.Immutable;
using Microsoft.Extensions.Logging;
using Outlast.Diagnostics;
using Outlast.Lifecycle;
using Outlast.Runners;

namespace Outlast.Supervision;

/// <summary>How often the watchdog looks.</summary>
public sealed class WatchdogOptions
{
    /// <summary>The longest time between two looks at a running task's signs of life.</summary>
    /// <value>5 seconds.</value>
    public TimeSpan Poll { get; init; } = TimeSpan.FromSeconds(5);
}

/// <summary>Notices silence, spent time and spent output; warns first, then asks for a stop. One loop for all attempts, asleep when there are none.</summary>
/// <remarks>A limit fires between its moment and one poll later. Time in which nobody looked (the host was stopped, the machine slept) is not silence.</remarks>
internal sealed class Watchdog(LiveAttempts attempts, TreeBudgets budgets, TaskLedger ledger, WatchdogOptions options, TimeProvider time, ILogger<Watchdog> log)
{
    private static readonly TimeSpan CapPoll = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan ShortestSleep = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan JumpTolerance = TimeSpan.FromSeconds(10);
    private readonly SemaphoreSlim _wake = new(0, 1);
    private long _lookedAtAll = time.GetTimestamp();
    private volatile bool _asleepForGood;

    /// <summary>Looks until <paramref name="letGo"/>.</summary>
    public async Task KeepLookingAsync(CancellationToken letGo)
    {
        attempts.Added += Wake;
        try
        {
            await TakeStockAsync(letGo);
            var last = new Instant(time);
            while (true)
            {
                var before = new Instant(time);
                var sleep = NextLook();
                var sleptToTheEnd = await SleepAsync(sleep, letGo);
                var now = new Instant(time);
                // While nothing ran there was nothing to observe, and no clock to set right.
                if (sleep is { } planned) await RecogniseJumpAsync(last, before, now, planned, letGo);
                last = now;
                if (SinceLookAtAll >= options.Poll) await LookAtAllAsync(letGo);
                else if (sleptToTheEnd)
                {
                    await LookAsync([.. attempts.All.Where(IsDue)], letGo);
                    await LookAtBudgetsAsync(letGo);
                }
            }
        }
        finally
        {
            attempts.Added -= Wake;
        }
    }

    /// <summary>One look at every attempt.</summary>
    public async Task LookAtAllAsync(CancellationToken letGo)
    {
        _lookedAtAll = time.GetTimestamp();
        await LookAsync([.. attempts.All], letGo);
        await LookAtBudgetsAsync(letGo);
    }

    private async Task TakeStockAsync(CancellationToken letGo)
    {
        try
        {
            await budgets.TakeStockAsync(letGo);
        }
        catch (StoreUnavailableException e)
        {
            // Trees that were there before are then watched from their next change on; what cannot be read now ends no watch over the others.
            log.StockFailed(e.Message);
        }
    }

    private async Task LookAtBudgetsAsync(CancellationToken letGo)
    {
        foreach (var finding in budgets.Judge())
        {
            try
            {
                var answer = finding.Stop is { } stop
                    ? await ledger.StopTreeAsync(finding.Task, stop, letGo)
                    : await ledger.ApplyAsync(finding.Task, _ => Transition.Warned(finding.Rule, finding.Text, finding.Measured, time.GetUtcNow()), letGo);
                if (answer.Changed || answer.Refusal is not null) finding.Said();
            }
            catch (Exception e) when (!letGo.IsCancellationRequested)
            {
                // Not said, so the next look tries again.
                log.WatchFailed(e.Message, finding.Task);
            }
        }
    }

    private async Task LookAsync(IReadOnlyList<LiveAttempt> some, CancellationToken letGo)
    {
        Measure(some);
        foreach (var attempt in some)
        {
            try
            {
                if (Judge(attempt) is { } act) await act(letGo);
            }
            catch (Exception e) when (!letGo.IsCancellationRequested)
            {
                // Not noted, so not counted as said: the next look tries again. One that cannot be looked at leaves the others their watch.
                log.WatchFailed(e.Message, attempt.Id);
            }
        }
    }

    private bool IsDue(LiveAttempt attempt)
    {
        try
        {
            return Judge(attempt) is not null;
        }
        catch (Exception)
        {
            // The look itself says so. Nothing that one attempt does wrong ends the watch over the others.
            return true;
        }
    }

    private TimeSpan SinceLookAtAll => time.GetElapsedTime(_lookedAtAll);

    /// <summary>When something may be due next; none when nothing runs. What is overdue is seen with the next look at all.</summary>
    private TimeSpan? NextLook()
    {
        var next = budgets.NextLook(options.Poll);
        foreach (var attempt in attempts.All)
        {
            var (limits, clock) = (attempt.Record.Limits, attempt.Clock);
            if (next is null || next > options.Poll - SinceLookAtAll) next = options.Poll - SinceLookAtAll;
            if (attempt.Record.Spec.Process is { OutputCap: not null, OutputPolicy: OutputPolicy.Stop }) Consider(CapPoll);
            Consider(limits.Timeout - clock.Elapsed);
            if (!clock.DeadlineWarned && limits.Timeout != attempt.Record.TimeoutWarned) Consider(limits.Timeout * 0.9 - clock.Elapsed);
            Consider(limits.IdleTimeout - clock.Idle);
            if (!clock.IdleWarned) Consider(limits.IdleWarning - clock.Idle);
        }
        return next < ShortestSleep ? ShortestSleep : next;

        void Consider(TimeSpan? due)
        {
            if (due > TimeSpan.Zero && due < next) next = due;
        }
    }

    private static bool HasOwnLimit(LiveAttempt attempt) =>
        attempt.Record is { Limits: { Timeout: not null } or { IdleTimeout: not null } } or { Spec.Budget: not null } or { Spec.Process: { OutputCap: not null, OutputPolicy: OutputPolicy.Stop } };

    private void Measure(IEnumerable<LiveAttempt> some)
    {
        foreach (var group in some.GroupBy(a => a.Runner))
        {
            var failures = new Dictionary<TaskId, Exception>();
            var contexts = group.Select(a => a.Context).ToList();
            ImmutableDictionary<TaskId, AttemptVitals> vitals;
            try
            {
                vitals = group.Key.Measure(contexts, failures);
            }
            catch (Exception e)
            {
                // What cannot be measured counts as silent, not as active for ever.
                log.MeasureFailed(e, contexts.Count);
                continue;
            }
            foreach (var attempt in group)
            {
                if (vitals.TryGetValue(attempt.Id, out var seen)) attempt.Clock.Observe(seen);
                if (failures.TryGetValue(attempt.Id, out var failure)) log.WatchFailed(failure.Message, attempt.Id);
            }
        }
    }

    /// <summary>What is due for this attempt: the hardest thing first, one at a time.</summary>
    private Func<CancellationToken, Task>? Judge(LiveAttempt attempt)
    {
        var (record, clock) = (attempt.Record, attempt.Clock);
        // Whom it asked may take days, which is no silence; but the wall clock runs on.
        if (record.State is not (TaskState.Running or TaskState.Waiting)) return null;
        var (limits, idle, elapsed) = (record.Limits, clock.Idle, clock.Elapsed);
        var enforce = clock.Followed >= clock.EnforceAfter;
        // Waiting for a person, or for tasks, is not silence.
        var waits = record.State == TaskState.Waiting || attempt.IsWaiting;
        var isCommand = record.Spec.Process is not null;
        string Option(string option, string field) => isCommand ? option : field;
        if (record.Spec.Process is { OutputCap: { } cap, OutputPolicy: OutputPolicy.Stop } && attempt.Runner.MeasureOutput(attempt.Context) is var output && output.Bytes + output.ErrorBytes >= cap)
            return StopFor(attempt, EndCause.OutputLimit, "output_cap", $"it printed {output.Bytes + output.ErrorBytes} bytes; its cap is {cap} (--output-cap)",
                ("outputBytes", output.Bytes + output.ErrorBytes), ("limitBytes", cap));
        if (enforce && limits.Timeout is { } timeout && elapsed >= timeout)
            return StopFor(attempt, EndCause.Deadline, "deadline", $"it ran for {Duration.Format(elapsed)}; its limit is {Duration.Format(timeout)} ({Option("--timeout", "timeout")}, or extend it while it runs)",
                ("elapsedMs", Ms(elapsed)), ("limitMs", Ms(timeout)));
        if (enforce && !waits && limits.IdleTimeout is { } idleTimeout && idle >= idleTimeout)
            return StopFor(attempt, EndCause.Inactivity, "inactivity",
                $"{(isCommand ? "no output, no CPU time and no new process" : "no step, no output, no progress and no other sign of life")} for {Duration.Format(idle)}, last seen {clock.LastActivityAt.UtcDateTime:yyyy-MM-dd'T'HH:mm:ss.fff'Z'}; its limit is {Duration.Format(idleTimeout)} ({Option("--idle-timeout", "idleTimeout")}, or extend it while it runs)",
                ("idleMs", Ms(idle)), ("limitMs", Ms(idleTimeout)));
        if (!clock.DeadlineWarned && limits.Timeout is { } coming && coming != record.TimeoutWarned && elapsed >= coming * 0.9)
            return WarnOf(attempt, Transition.DeadlineWarning, $"it has run for {Duration.Format(elapsed)} and has {Left(coming - elapsed, clock)} left; extend it with: outlast extend {record.Number} --timeout +30m",
                () => clock.DeadlineWarned = true, ("elapsedMs", Ms(elapsed)), ("leftMs", Ms(coming - elapsed)), ("limitMs", Ms(coming)));
        if (!clock.IdleWarned && !waits && limits.IdleWarning is { } warning && idle >= warning)
        {
            var left = limits.IdleTimeout is { } limit ? $" and will be stopped in {Left(limit - idle, clock)}; extend it with: outlast extend {record.Number} --idle +30m" : "; it has no inactivity limit, so nothing will stop it";
            (string, long)[] measured = limits.IdleTimeout is { } l ? [("idleMs", Ms(idle)), ("leftMs", Ms(l - idle)), ("limitMs", Ms(l))] : [("idleMs", Ms(idle))];
            return WarnOf(attempt, "idle_warning", $"it has been silent for {Duration.Format(idle)}{left}", () => clock.IdleWarned = true, measured);
        }
        return null;
    }

    private Func<CancellationToken, Task> StopFor(LiveAttempt attempt, EndCause cause, string rule, string reason, params (string Name, long Value)[] measured) => async letGo =>
    {
        var request = new StopRequest { Cause = cause, Actor = Actor.Rule(rule), Reason = reason, RequestedAt = time.GetUtcNow(), Measured = ToDictionary(measured) };
        await ledger.StopTreeAsync(attempt.Id, request, letGo);
    };

    private Func<CancellationToken, Task> WarnOf(LiveAttempt attempt, string rule, string text, Action said, params (string Name, long Value)[] measured) => async letGo =>
    {
        var answer = await ledger.ApplyAsync(attempt.Id, _ => Transition.Warned(rule, text, ToDictionary(measured), time.GetUtcNow()), letGo);
        if (answer.Changed) said();
    };

    /// <summary>The wall clock and the monotonic one must have advanced alike, and by about what was planned.</summary>
    private async Task RecogniseJumpAsync(Instant last, Instant before, Instant now, TimeSpan planned, CancellationToken letGo)
    {
        var unobserved = time.GetElapsedTime(before.Monotonic, now.Monotonic) - planned;
        if (unobserved > JumpTolerance)
        {
            log.Unobserved(unobserved);
            foreach (var attempt in attempts.All) attempt.Clock.Unobserved(unobserved);
        }
        var jump = now.Wall - last.Wall - time.GetElapsedTime(last.Monotonic, now.Monotonic);
        if (jump.Duration() <= JumpTolerance) return;
        log.ClockJumped(jump);
        foreach (var attempt in attempts.All.Where(a => a.Record is { Limits.Timeout: not null } or { Spec.Budget.WallTime: not null }))
            await ledger.ApplyPersistentlyAsync(attempt.Id, _ => Transition.Paused(jump, now.Wall), letGo);
    }

    /// <returns>Whether it slept to the end; otherwise something began that may be due sooner.</returns>
    private async Task<bool> SleepAsync(TimeSpan? sleep, CancellationToken letGo)
    {
        if (sleep is not { } span)
        {
            _asleepForGood = true;
            // Something may have begun just before that was said.
            if (attempts.Count == 0) await _wake.WaitAsync(letGo);
            _asleepForGood = false;
            return false;
        }
        using var over = CancellationTokenSource.CreateLinkedTokenSource(letGo);
        var slept = Task.Delay(span, time, over.Token);
        var woken = _wake.WaitAsync(over.Token);
        var first = await Task.WhenAny(slept, woken);
        await over.CancelAsync();
        letGo.ThrowIfCancellationRequested();
        return first == slept;
    }

    private void Wake(LiveAttempt began)
    {
        if (!_asleepForGood && !HasOwnLimit(began)) return;
        try
        {
            _wake.Release();
        }
        catch (SemaphoreFullException)
        {
            // It is being woken already.
        }
    }

    private static string Left(TimeSpan left, AttemptClock clock)
    {
        var grace = clock.EnforceAfter - clock.Followed;
        return Duration.Format(left > grace ? left : grace);
    }

    private static long Ms(TimeSpan span) => (long)span.TotalMilliseconds;

    private static ImmutableSortedDictionary<string, long> ToDictionary((string Name, long Value)[] measured) => measured.ToImmutableSortedDictionary(m => m.Name, m => m.Value);

    /// <summary>One moment on both clocks.</summary>
    private readonly struct Instant(TimeProvider time)
    {
        public readonly DateTimeOffset Wall = time.GetUtcNow();
        public readonly long Monotonic = time.GetTimestamp();
    }
}
