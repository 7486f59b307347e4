namespace Outlast.Benchmarks.Harness;

/// <summary>A piece of work that is measured.</summary>
/// <param name="Name">The work's letter, number and case: <c>w3</c>, <c>w4f</c>.</param>
/// <param name="Measures">In a sentence.</param>
/// <param name="Sizes">What may be set on the command line, and what <c>all</c> takes.</param>
/// <param name="RunAsync">Does it and reports.</param>
internal sealed record Scenario(string Name, string Measures, IReadOnlyList<Size> Sizes, Func<ScenarioRun, Task> RunAsync)
{
    /// <summary>The work that it belongs to, as reports group it: <c>W3</c>.</summary>
    public string Work => Name[..2].ToUpperInvariant();
}

/// <summary>How much of something a scenario does.</summary>
internal sealed record Size(string Name, int Default);
