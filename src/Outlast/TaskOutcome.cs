using System.Collections.Immutable;
using System.Text.Json;

namespace Outlast;

/// <summary>How an attempt ended, as its runner tells it.</summary>
public enum OutcomeKind
{
    /// <summary>It did its work.</summary>
    Succeeded,
    /// <summary>It did not.</summary>
    Failed,
    /// <summary>It was broken off before its end.</summary>
    Interrupted,
    /// <summary>It reached a boundary and can go on later from its journal.</summary>
    Suspended,
    /// <summary>Nobody can know. For processes: the wrapper is gone without a record and nothing of the task lives.</summary>
    Lost,
}

/// <summary>How an attempt ended, with everything its runner knows.</summary>
public sealed record TaskOutcome
{
    /// <summary>Which of the five.</summary>
    public required OutcomeKind Kind { get; init; }
    /// <summary>The cause if nobody asked for a stop: <see cref="EndCause.Exit"/>, <see cref="EndCause.Error"/>, <see cref="EndCause.NeverStarted"/>, <see cref="EndCause.HostLost"/>.</summary>
    public required EndCause Cause { get; init; }
    /// <summary>For people: <c>exit code 7</c>, <c>cannot start 'foo': no such file or directory</c>. Blank counts as absent.</summary>
    public string? Reason { get; init; }
    /// <summary>How the process ended. None for other kinds, and where nobody can know.</summary>
    public ExitFacts? Exit { get; init; }
    /// <summary>What code threw.</summary>
    public ErrorFacts? Error { get; init; }
    /// <summary>What the work returned.</summary>
    public JsonElement? Result { get; init; }
    /// <summary>What the conclusion rests on.</summary>
    public ImmutableArray<string> Evidence { get; init; } = [];
    /// <summary>Processes of the task that were alive at the end.</summary>
    public ImmutableArray<Survivor> Leftovers { get; init; } = [];
    /// <summary>What it used.</summary>
    public ResourceFacts? Resources { get; init; }
    /// <summary>How much it printed, measured at its end.</summary>
    public OutputFacts? Output { get; init; }
}

/// <summary>How a process ended.</summary>
/// <param name="Code">What a shell would see: the exit code, or 128 + n for signal n.</param>
/// <param name="Signal">The signal that killed it, without <c>SIG</c>, when that was observed.</param>
/// <param name="SignalsSeen">Signals that reached the wrapper while the command ran, in order.</param>
public sealed record ExitFacts(int Code, string? Signal, ImmutableArray<string> SignalsSeen);

/// <summary>What code threw.</summary>
public sealed record ErrorFacts(string Type, string Message, string? Stack);

/// <summary>A process that is or was alive, named so that a recycled pid cannot be mistaken for it.</summary>
/// <param name="Pid">Its pid.</param>
/// <param name="StartTicks">Its start, in clock ticks since boot (field 22 of <c>/proc/PID/stat</c>).</param>
/// <param name="Command">Its command line, cut to 200 characters.</param>
public sealed record Survivor(int Pid, long StartTicks, string Command);

/// <summary>What an attempt used.</summary>
/// <param name="Wall">From start to end.</param>
/// <param name="Cpu">User and system time of the whole tree as far as it was measured.</param>
/// <param name="PeakBytes">The largest resident memory of any one process.</param>
public sealed record ResourceFacts(TimeSpan Wall, TimeSpan? Cpu, long? PeakBytes);

/// <summary>How much was printed, in bytes.</summary>
/// <param name="Bytes">The size of <c>output.log</c>.</param>
/// <param name="ErrorBytes">The size of <c>error.log</c>; 0 when merged.</param>
/// <param name="DroppedBytes">Removed by policy.</param>
/// <param name="LostBytes">Damaged or never written, as an upper bound.</param>
public sealed record OutputFacts(long Bytes, long ErrorBytes, long DroppedBytes, long LostBytes)
{
    /// <summary>Nothing.</summary>
    public static OutputFacts Empty { get; } = new(0, 0, 0, 0);

    /// <summary>When its logs were removed, although the record stays.</summary>
    public DateTimeOffset? RemovedAt { get; init; }

    /// <summary>Why.</summary>
    public string? RemovedReason { get; init; }
}
