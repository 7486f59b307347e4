using System.Collections.Immutable;

namespace Outlast.Runners.Processes;

/// <summary>What an attempt's end looks like, before its output and leftovers are counted.</summary>
internal abstract record AttemptEnd
{
    /// <summary>The system refused to execute the program, although the file was there.</summary>
    internal sealed record Refused : AttemptEnd;

    /// <summary>Something ended that can be judged.</summary>
    internal sealed record Over(OutcomeKind Kind, EndCause Cause, string? Reason, ExitFacts? Exit, ImmutableArray<string> Evidence) : AttemptEnd;

    public static AttemptEnd Exited(int code, ImmutableArray<string> signalsSeen, params ImmutableArray<string> evidence) => new Over(
        code == 0 ? OutcomeKind.Succeeded : OutcomeKind.Failed, EndCause.Exit, code == 0 ? null : $"exit code {code}", new ExitFacts(code, null, signalsSeen), evidence);

    public static AttemptEnd Killed(int signal, params ImmutableArray<string> evidence) => new Over(
        OutcomeKind.Failed, EndCause.Exit, $"killed by {Signals.NameOf(signal)}", new ExitFacts(128 + signal, Signals.NameOf(signal), []), evidence);

    public static AttemptEnd Vanished(string reason) => new Over(OutcomeKind.Lost, EndCause.HostLost, reason, null, [reason]);
}
