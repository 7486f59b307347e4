using System.Collections.Immutable;
using Outlast.Diagnostics;

namespace Outlast.Runners.Processes;

/// <summary>Follows a wrapper to its end and says how the attempt ended, by what it left.</summary>
internal sealed class Settlement(ProcessWalker walker, Leftovers leftovers, ProcessRunnerOptions options, TimeProvider time)
{
    private static readonly TimeSpan FirstLook = TimeSpan.FromMilliseconds(2), LongestLook = TimeSpan.FromMilliseconds(50);

    /// <summary>Awaits the end of the wrapper, and draws the conclusion.</summary>
    /// <param name="context">The attempt.</param>
    /// <param name="attempt">What is remembered of it.</param>
    /// <param name="wrapper">The wrapper; none if it is gone already.</param>
    /// <param name="keepers">The keepers of its logs, where this host started them.</param>
    /// <param name="letGo">The host goes.</param>
    /// <exception cref="NeverStartedException">The wrapper ended without having started anything.</exception>
    public async Task<TaskOutcome> FollowAsync(ProcessAttempt attempt, AttemptContext context, WatchedProcess? wrapper, ImmutableArray<WatchedProcess> keepers, CancellationToken letGo)
    {
        var exit = wrapper is null ? ProcessExit.Unseen : await wrapper.Exited.WaitAsync(letGo).ConfigureAwait(false);
        Milestone.Reach(Milestone.ExitSeen, context.Task);
        var end = await ConcludeAsync(attempt, context, exit, letGo).ConfigureAwait(false);
        if (end is AttemptEnd.Over natural) end = natural with { Evidence = [.. natural.Evidence, .. await leftovers.AttendAsync(attempt, context, letGo).ConfigureAwait(false)] };
        // While a stop is under way it is not known yet what it will leave.
        if (attempt.Ladder is { } ladder) await Task.WhenAny(ladder.Report).WaitAsync(letGo).ConfigureAwait(false);
        var isDrained = await DrainAsync(attempt, context, keepers, letGo).ConfigureAwait(false);
        return end switch
        {
            AttemptEnd.Over over => await SettleAsync(attempt, context, over, exit, isDrained).ConfigureAwait(false),
            _ => Refuse(attempt, context),
        };
    }

    private async Task<AttemptEnd> ConcludeAsync(ProcessAttempt attempt, AttemptContext context, ProcessExit exit, CancellationToken letGo)
    {
        var folder = attempt.Folder;
        if (folder.IsRefused) return new AttemptEnd.Refused();
        if (folder.ReadExit() is { } record) return AttemptEnd.Exited(record.Code, record.SignalsSeen);
        if (Directory.Exists(folder.Path) && folder.ReadPid() is { Pid: null } pid) throw await NeverStartedAsync(folder, pid, letGo).ConfigureAwait(false);
        if (exit.Code is { } code) return AttemptEnd.Exited(code, [], "the wrapper's own exit status: its exit record could not be written");

        await AwaitOrphansAsync(attempt, context, letGo).ConfigureAwait(false);
        // The wrapper may have been among those who were waited for.
        if (folder.IsRefused) return new AttemptEnd.Refused();
        if (folder.ReadExit() is { } late) return AttemptEnd.Exited(late.Code, late.SignalsSeen);
        return exit.Signal is { } signal
            ? AttemptEnd.Killed(signal, $"the wrapper itself was killed by {Signals.NameOf(signal)}, so the command's own end was not recorded")
            : AttemptEnd.Vanished("its wrapper is gone without an exit record, and nothing of it is alive");
    }

    private async Task<NeverStartedException> NeverStartedAsync(AttemptFolder folder, PidRecord pid, CancellationToken letGo)
    {
        // The folder will be used again: nobody may be left who could still act on it.
        await AttemptLock.AwaitFreeAsync(folder, time, Timeout.InfiniteTimeSpan, letGo).ConfigureAwait(false);
        // It stays until then, because it is the proof: the record knows the wrapper already, and this host may die before the record knows more.
        return new NeverStartedException(pid.Revoked
            ? "Its start was revoked before the command ran."
            : "Its wrapper ended before it could write the pid file: the disk may be full.");
    }

    /// <summary>Somebody killed the wrapper alone: while any process of the task lives, the task is not over.</summary>
    private Task AwaitOrphansAsync(ProcessAttempt attempt, AttemptContext context, CancellationToken letGo) => leftovers.AwaitAllGoneAsync(attempt, living => context.StopAsked() is null
        ? context.Annotated($"Its wrapper is gone without an exit record; {living.Length} of its processes live on and are followed to their end.")
        : Task.CompletedTask, letGo);

    private async Task<TaskOutcome> SettleAsync(ProcessAttempt attempt, AttemptContext context, AttemptEnd.Over end, ProcessExit exit, bool isDrained)
    {
        // A stop that has just proved that nothing is left need not be asked again.
        var living = attempt.Ladder is { HasProvedAllGone: true } ? [] : attempt.Observe(walker.TakeBornSince(attempt.Wrapper?.StartTicks ?? 0));
        var evidence = end.Evidence;
        if (!isDrained) evidence = evidence.Add($"something still held the output open {Duration.Format(options.DrainLimit)} after the command's end");
        var output = Sync(attempt, context.Spec.Process!, ref evidence);
        Milestone.Reach(Milestone.OutputSynced, context.Task);
        if (output is { LostBytes: > 0 }) await context.Annotated(ExplainLoss(context.Spec.Process!, output)).ConfigureAwait(false);
        return new TaskOutcome
        {
            Kind = end.Kind,
            Cause = end.Cause,
            Reason = end.Reason,
            Exit = end.Exit,
            Evidence = evidence,
            Leftovers = [.. living.Select(p => new Survivor(p.Pid, p.StartTicks, ProcFile.CommandLine(p.Pid)))],
            Resources = attempt.Resources(exit, time),
            Output = output,
        };
    }

    private static TaskOutcome Refuse(ProcessAttempt attempt, AttemptContext context)
    {
        // Nothing ran: all that the log can hold is what the shell said about it. It stays, so that a later host can say the same.
        var text = ReadRefusal(attempt.Folder.Output) + ReadRefusal(attempt.Folder.Error);
        return new TaskOutcome
        {
            Kind = OutcomeKind.Failed,
            Cause = EndCause.NeverStarted,
            Reason = $"cannot start '{context.Spec.Process!.Argv[0]}': {(text.Length > 0 ? text : "the system refused to execute it")}",
            Output = attempt.Output.Measure(),
        };
    }

    private static string ReadRefusal(string log) => File.Exists(log) && File.ReadLines(log).FirstOrDefault() is { } line ? line[(line.LastIndexOf(": ", StringComparison.Ordinal) is >= 0 and var at ? at + 2 : 0)..] : "";

    /// <summary>Whether everything that the command wrote has reached its logs.</summary>
    private async Task<bool> DrainAsync(ProcessAttempt attempt, AttemptContext context, ImmutableArray<WatchedProcess> keepers, CancellationToken letGo)
    {
        if (context.Spec.Process!.OutputVia == OutputRoute.File) return true;
        if (!keepers.IsEmpty)
        {
            var ends = Task.WhenAll(keepers.Select(k => k.Exited));
            using var wait = CancellationTokenSource.CreateLinkedTokenSource(letGo);
            await Task.WhenAny(ends, Task.Delay(options.DrainLimit, time, wait.Token)).ConfigureAwait(false);
            await wait.CancelAsync().ConfigureAwait(false);
            letGo.ThrowIfCancellationRequested();
            return ends.IsCompleted;
        }
        var began = time.GetTimestamp();
        for (var look = FirstLook; ; look = look * 2 < LongestLook ? look * 2 : LongestLook)
        {
            if (OutputGauge.IsKeeperGone(attempt.Folder.Output) && OutputGauge.IsKeeperGone(attempt.Folder.Error)) return true;
            if (time.GetElapsedTime(began) >= options.DrainLimit) return false;
            await Task.Delay(look, time, letGo).ConfigureAwait(false);
        }
    }

    /// <summary>None if the logs cannot be looked at: that must not cost the command's end.</summary>
    private static OutputFacts? Sync(ProcessAttempt attempt, ProcessSpec spec, ref ImmutableArray<string> evidence)
    {
        try
        {
            attempt.Output.Cut(spec);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            evidence = evidence.Add($"the output is larger than its cap: {e.Message}");
        }
        try
        {
            attempt.Output.Sync();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            evidence = evidence.Add($"the output could not be brought to the disk: {e.Message}");
        }
        try
        {
            return attempt.Output.Measure();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            evidence = evidence.Add($"the output could not be measured: {e.Message}");
            return null;
        }
    }

    private static string ExplainLoss(ProcessSpec spec, OutputFacts output) => spec.OutputVia == OutputRoute.File
        ? $"The log was cut while the command ran: {output.LostBytes} bytes or more are gone. A command that re-opens its output by name (echo x > /dev/stderr) cuts it; write >&2 instead, or send the output through the pipe."
        : $"Up to {output.LostBytes} bytes of output are missing: the log could not be written for a while (disk full?), or its writer was killed.";
}
