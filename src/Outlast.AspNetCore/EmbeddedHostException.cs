namespace Outlast.AspNetCore;

/// <summary>What was asked of a host that is part of another program is that program's to do.</summary>
/// <param name="program">The program.</param>
/// <param name="what">What it may not be asked for here.</param>
public sealed class EmbeddedHostException(string program, string what) : OutlastException($"This host is part of {program} (pid {Environment.ProcessId}): only that program can {what} it")
{
    /// <summary>The program.</summary>
    public string Program { get; } = program;
}
