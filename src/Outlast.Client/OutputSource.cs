namespace Outlast.Client;

/// <summary>Which output is meant.</summary>
/// <param name="Task">The whole id of the task.</param>
/// <param name="ErrorStream">The separate standard error instead of the output.</param>
/// <param name="Attempt">Of that attempt, from 1; none: of the last.</param>
public sealed record OutputSource(string Task, bool ErrorStream = false, int? Attempt = null);
