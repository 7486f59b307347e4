using System.Collections.Immutable;

namespace Outlast.Lifecycle;

/// <summary>How a task ends, decided from the stop that was asked, if one was, and the outcome of its last attempt.</summary>
internal static class Ending
{
    /// <summary>The end of <paramref name="record"/>, whose last attempt ended so.</summary>
    public static TaskEnd Of(TaskRecord record, TaskOutcome outcome) =>
        record.Stop is { } stop && IsByStop(record, outcome) ? ByStop(record.Spec, stop, outcome) : Natural(record.Spec, outcome);

    /// <summary>Whether the stop, and not the work itself, ended the attempt. A finished result wins; a process that never saw the stop's signal ended by itself.</summary>
    public static bool IsByStop(TaskRecord record, TaskOutcome outcome) =>
        record.Stop is not null && (record.Spec.Process is { } process && outcome.Exit is { } exit ? SawStop(exit, process.StopSignal) : outcome.Kind != OutcomeKind.Succeeded);

    /// <summary>Whether somebody can ask for a stop of this cause; the others are found, not asked for.</summary>
    public static bool CanBeAsked(EndCause cause) => cause switch
    {
        EndCause.User or EndCause.Model or EndCause.Parent or EndCause.Operator or EndCause.Reload or EndCause.Shutdown => true,
        EndCause.Deadline or EndCause.Inactivity or EndCause.StartDeadline or EndCause.OutputLimit or EndCause.Budget => true,
        EndCause.Exit or EndCause.Error or EndCause.HostLost or EndCause.NeverStarted => false,
    };

    /// <summary>The state that a stop of this cause ends in: a limit on time, a wish, or a cut that nobody wished.</summary>
    public static TaskState StateOf(EndCause cause) => cause switch
    {
        EndCause.Deadline or EndCause.Inactivity or EndCause.StartDeadline => TaskState.TimedOut,
        EndCause.User or EndCause.Model or EndCause.Parent or EndCause.Operator or EndCause.Reload or EndCause.Shutdown => TaskState.Stopped,
        EndCause.Budget or EndCause.OutputLimit => TaskState.Failed,
        EndCause.Exit or EndCause.Error or EndCause.HostLost or EndCause.NeverStarted => throw new ArgumentOutOfRangeException(nameof(cause), cause, "Nobody can ask for a stop of this cause."),
    };

    /// <summary>What a stop is, for people. Never names a user when none asked.</summary>
    public static string Describe(TaskSpec spec, StopRequest stop) => stop.Cause switch
    {
        EndCause.User => Because("stopped by user", stop.Reason),
        EndCause.Model => Because("stopped by the model", stop.Reason),
        // A parent that ends one of its children asks by itself; otherwise it is stopped, and its children with it.
        EndCause.Parent when stop.Actor.Type == ActorType.Agent => Because("stopped by its parent", stop.Reason),
        EndCause.Parent => Because("stopped with its parent", stop.Reason),
        EndCause.Operator => Because("stopped by an operator", stop.Reason),
        EndCause.Reload => Because("stopped by a reload", stop.Reason),
        EndCause.Shutdown => Because("stopped by the host's shutdown", stop.Reason),
        EndCause.Deadline => Because("timed out", stop.Reason ?? Exceeded("ran {0}", "the wall-clock limit was reached", "elapsedMs", stop)),
        EndCause.Inactivity => Because("timed out", stop.Reason ?? Exceeded("no activity for {0}", "no activity", "idleMs", stop)),
        EndCause.StartDeadline => Because("timed out", stop.Reason ?? (spec.StartBy is { } by ? $"not started by {by.ToUniversalTime():yyyy-MM-dd'T'HH:mm:ss.fff'Z'}" : "not started in time")),
        EndCause.OutputLimit => Because("cut off at its output limit", stop.Reason ?? Printed(stop)),
        EndCause.Budget => Because("cut off when its budget was used up", stop.Reason),
        EndCause.Exit or EndCause.Error or EndCause.HostLost or EndCause.NeverStarted => throw new ArgumentOutOfRangeException(nameof(stop), stop.Cause, "Nobody can ask for a stop of this cause."),
    };

    /// <summary>What an outcome is, for people: the runner's own words, else a sentence from its facts.</summary>
    public static string Describe(TaskOutcome outcome)
    {
        if (TaskLifecycle.Given(outcome.Reason) is { } reason) return reason;
        if (outcome.Exit is { Signal: { } signal }) return $"killed by signal {signal}";
        if (outcome.Exit is { } exit) return $"exit code {exit.Code}";
        if (outcome.Error is { } error) return $"{error.Type}: {error.Message}";
        return outcome.Kind switch
        {
            OutcomeKind.Succeeded => "finished",
            OutcomeKind.Failed => outcome.Cause == EndCause.NeverStarted ? "could not be started" : "failed",
            OutcomeKind.Interrupted => "broken off, and nobody asked for it",
            OutcomeKind.Suspended => "suspended",
            OutcomeKind.Lost => "nobody can know how it ended",
        };
    }

    private static TaskEnd ByStop(TaskSpec spec, StopRequest stop, TaskOutcome outcome) => Facts(outcome) with
    {
        State = StateOf(stop.Cause),
        Cause = stop.Cause,
        Reason = Describe(spec, stop),
        Actor = stop.Actor,
        Measured = stop.Measured,
        Evidence = TaskLifecycle.Given(outcome.Reason) is { } said ? [.. Each(outcome.Evidence), $"the attempt itself: {said}"] : Each(outcome.Evidence),
    };

    private static TaskEnd Natural(TaskSpec spec, TaskOutcome outcome)
    {
        var (state, cause) = NaturalState(spec, outcome);
        return Facts(outcome) with { State = state, Cause = cause, Reason = Describe(outcome) };
    }

    private static (TaskState State, EndCause Cause) NaturalState(TaskSpec spec, TaskOutcome outcome)
    {
        if (spec.Process is not null && outcome is { Exit: { } exit, Cause: not EndCause.NeverStarted })
            return (exit is { Code: 0, Signal: null } ? TaskState.Completed : TaskState.Failed, EndCause.Exit);
        return outcome.Kind switch
        {
            OutcomeKind.Succeeded => (TaskState.Completed, EndCause.Exit),
            OutcomeKind.Failed => (TaskState.Failed, OwnCause(outcome.Cause)),
            OutcomeKind.Interrupted or OutcomeKind.Suspended => (TaskState.Failed, EndCause.Error),
            OutcomeKind.Lost => (TaskState.Lost, EndCause.HostLost),
        };
    }

    /// <summary>The causes that a runner can vouch for. It cannot claim that somebody asked: whoever asks leaves a request in the record.</summary>
    private static EndCause OwnCause(EndCause cause) => cause switch
    {
        EndCause.Exit or EndCause.Error or EndCause.NeverStarted or EndCause.HostLost or EndCause.Budget or EndCause.OutputLimit => cause,
        EndCause.User or EndCause.Model or EndCause.Parent or EndCause.Operator or EndCause.Reload or EndCause.Shutdown
            or EndCause.Deadline or EndCause.Inactivity or EndCause.StartDeadline => EndCause.Error,
    };

    private static TaskEnd Facts(TaskOutcome outcome) => new()
    {
        State = TaskState.Lost,
        Cause = outcome.Cause,
        Exit = outcome.Exit,
        Error = outcome.Error,
        Result = outcome.Result,
        Evidence = Each(outcome.Evidence),
        Leftovers = Each(outcome.Leftovers),
        Resources = outcome.Resources,
    };

    private static bool SawStop(ExitFacts exit, string stopSignal) =>
        IsLadder(exit.Signal, stopSignal) || Each(exit.SignalsSeen).Any(seen => IsLadder(seen, stopSignal));

    private static bool IsLadder(string? signal, string stopSignal) =>
        signal is not null && (Bare(signal).Equals("KILL", StringComparison.OrdinalIgnoreCase) || Bare(signal).Equals(Bare(stopSignal), StringComparison.OrdinalIgnoreCase));

    private static string Bare(string signal) => signal.StartsWith("SIG", StringComparison.OrdinalIgnoreCase) ? signal[3..] : signal;

    private static string Because(string what, string? why) => why is null ? what : $"{what}: {why}";

    private static string Exceeded(string measuredText, string plainText, string key, StopRequest stop)
    {
        var what = Measured(stop, key) is { } amount ? string.Format(System.Globalization.CultureInfo.InvariantCulture, measuredText, amount) : plainText;
        return Measured(stop, "limitMs") is { } limit ? $"{what} (limit {limit})" : what;
    }

    private static string? Measured(StopRequest stop, string key) => stop.Measured.TryGetValue(key, out var ms) ? Duration.Format(TimeSpan.FromMilliseconds(ms)) : null;

    private static string? Printed(StopRequest stop) =>
        stop.Measured.TryGetValue("outputBytes", out var bytes) && stop.Measured.TryGetValue("limitBytes", out var limit) ? $"{bytes} bytes (limit {limit})" : null;

    /// <summary>An array that came from nowhere counts as empty.</summary>
    private static ImmutableArray<T> Each<T>(ImmutableArray<T> items) => items.IsDefault ? [] : items;
}
