using System.Collections;
using System.Collections.Immutable;

namespace Outlast.AspNetCore;

/// <summary>The host's own environment, captured at its start: what tasks get whose caller sends none.</summary>
/// <param name="Variables">By name.</param>
public sealed record HostEnvironment(ImmutableSortedDictionary<string, string> Variables)
{
    /// <summary>This process's environment without the marks of a task.</summary>
    public static HostEnvironment Capture() => new(
        Environment.GetEnvironmentVariables().Cast<DictionaryEntry>()
            .Where(v => !IsMark((string)v.Key))
            .ToImmutableSortedDictionary(v => (string)v.Key, v => (string?)v.Value ?? "", StringComparer.Ordinal));

    private static bool IsMark(string name) => name is "OUTLAST_TASK_ID" or "OUTLAST_ATTEMPT" || name.StartsWith("OUTLAST_ENV_", StringComparison.Ordinal);
}
