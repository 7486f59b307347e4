using System.Text.Json;

namespace Outlast;

/// <summary>A finished step of a handler or an agent's run, as its journal keeps it: it is not run again, whatever happens to the host or the attempt.</summary>
/// <param name="Name">Its name, once within the task.</param>
/// <param name="Ordinal">Which one it was, from 1.</param>
/// <param name="Result">What it gave; none if nothing.</param>
/// <param name="Attempt">The attempt that finished it.</param>
/// <param name="At">When.</param>
public sealed record TaskStep(string Name, int Ordinal, JsonElement? Result, int Attempt, DateTimeOffset At);

/// <summary>How far a task says that it is.</summary>
/// <param name="Fraction">From 0 to 1.</param>
/// <param name="Text">In words.</param>
/// <param name="Done">So many of <paramref name="Total"/> <paramref name="Unit"/>.</param>
/// <param name="Total">Of how many.</param>
/// <param name="Unit">Of what: <c>files</c>.</param>
public sealed record TaskProgress(double? Fraction = null, string? Text = null, long? Done = null, long? Total = null, string? Unit = null);
