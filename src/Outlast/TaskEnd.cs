using System.Collections.Immutable;
using System.Text.Json;

namespace Outlast;

/// <summary>How a task ended, and why.</summary>
public sealed record TaskEnd
{
    /// <summary>The terminal state.</summary>
    public required TaskState State { get; init; }
    /// <summary>The first cause.</summary>
    public required EndCause Cause { get; init; }
    /// <summary>For people. Blank counts as absent.</summary>
    public string? Reason { get; init; }
    /// <summary>Who wanted it, when somebody did.</summary>
    public Actor? Actor { get; init; }
    /// <summary>What a rule measured, with the unit in the name: <c>idleMs</c>, <c>limitMs</c>.</summary>
    public ImmutableSortedDictionary<string, long> Measured { get; init; } = ImmutableSortedDictionary<string, long>.Empty;
    /// <summary>How the process ended.</summary>
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
}

/// <summary>That a task is asked to stop: the first request stands.</summary>
public sealed record StopRequest
{
    /// <summary>Why.</summary>
    public required EndCause Cause { get; init; }
    /// <summary>Who.</summary>
    public required Actor Actor { get; init; }
    /// <summary>In their words; absent if they gave none.</summary>
    public string? Reason { get; init; }
    /// <summary>When; the grace counts from here, across hosts.</summary>
    public required DateTimeOffset RequestedAt { get; init; }
    /// <summary>Whether the grace is skipped.</summary>
    public bool Now { get; init; }
    /// <summary>What a rule measured.</summary>
    public ImmutableSortedDictionary<string, long> Measured { get; init; } = ImmutableSortedDictionary<string, long>.Empty;
    /// <summary>Whether somebody asked for the task's end after a limit had asked for the attempt's: no retry follows.</summary>
    public bool NoRetry { get; init; }
}

/// <summary>A fact that came beside the main story: a late result, a survived restart, a shortened log.</summary>
public sealed record Annotation(DateTimeOffset At, string Text);
