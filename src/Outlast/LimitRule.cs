using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace Outlast;

/// <summary>How many tasks of one key, or of each key of its sort, run at once.</summary>
/// <remarks>
/// Written <c>handler:mail</c>, <c>session:s1</c>, <c>parent:ID</c> for one, <c>session:*</c> for each; <c>label:gpu</c> for all that have the label, whatever its value,
/// <c>label:repo=x</c> for one value, <c>label:repo=*</c> for each value. A rule for one key beats the rule for each.
/// </remarks>
public sealed record LimitRule
{
    /// <summary>The most that a rule can allow.</summary>
    public const int MostAtOnce = 100_000;

    private const string Each = "*";

    private LimitRule(LimitKey? key, LimitScope scope, string? label, int max) => (Key, Scope, Label, Max) = (key, scope, label, max);

    /// <summary>For one key; none: for each of its sort.</summary>
    public LimitKey? Key { get; }
    /// <summary>What the counted tasks have in common.</summary>
    public LimitScope Scope { get; }
    /// <summary>Where it holds for each value of a label: which label.</summary>
    public string? Label { get; }
    /// <summary>How many run at once.</summary>
    public int Max { get; }

    /// <summary>Reads a rule.</summary>
    /// <param name="pattern">As in the remarks.</param>
    /// <param name="max">How many run at once, from 1.</param>
    /// <param name="rule">The rule.</param>
    /// <param name="problem">What is wrong with it, otherwise.</param>
    public static bool TryParse(string pattern, long max, [NotNullWhen(true)] out LimitRule? rule, [NotNullWhen(false)] out string? problem)
    {
        ArgumentNullException.ThrowIfNull(pattern);
        (rule, problem) = (null, null);
        if (max is < 1 or > MostAtOnce) problem = $"'{pattern}' allows {max.ToString(CultureInfo.InvariantCulture)}; a number from 1 to {MostAtOnce} is expected";
        else (rule, problem) = Read(pattern, (int)max);
        return problem is null;
    }

    /// <summary>The pattern and the number: <c>session:*=5</c>.</summary>
    public override string ToString() => $"{Pattern}={Max.ToString(CultureInfo.InvariantCulture)}";

    /// <summary>The pattern: <c>session:*</c>.</summary>
    public string Pattern => $"{Names.Of(Scope)}:{(Key is { } key ? $"{key.Name}{(key.Value is null ? "" : "=" + key.Value)}" : Label is null ? Each : $"{Label}={Each}")}";

    private static (LimitRule? Rule, string? Problem) Read(string pattern, int max)
    {
        var colon = pattern.IndexOf(':', StringComparison.Ordinal);
        var (scope, name) = colon < 0 ? (pattern, "") : (pattern[..colon], pattern[(colon + 1)..]);
        switch (scope)
        {
            case "host": return (null, $"'{pattern}' is set by concurrency.total");
            case "kind": return (null, $"'{pattern}' is set by {(name == "process" ? "concurrency.processes" : name == "handler" ? "concurrency.handlers" : "concurrency.processes and concurrency.handlers")}");
        }
        if (colon < 0 || !Names.TryParse<LimitScope>(scope, out var known)) return (null, $"'{pattern}' is no key; write handler:NAME, session:NAME, label:KEY, label:KEY=VALUE or parent:ID, or * for each");
        if (string.IsNullOrWhiteSpace(name)) return (null, $"'{pattern}' names no {scope}");
        if (known == LimitScope.Label) return ReadLabel(pattern, name, max);
        if (name == Each) return (new(null, known, null, max), null);
        if (known == LimitScope.Handler) return (new(LimitKey.OfHandler(name), known, null, max), null);
        if (known == LimitScope.Session) return (new(LimitKey.OfSession(name), known, null, max), null);
        return TaskId.TryParse(name, out var parent) ? (new(LimitKey.OfParent(parent), known, null, max), null) : (null, $"'{pattern}' names no task: a whole id is expected, or * for each");
    }

    private static (LimitRule?, string?) ReadLabel(string pattern, string name, int max)
    {
        // The key of a label has no '='; its value may.
        var equals = name.IndexOf('=', StringComparison.Ordinal);
        var (label, value) = equals < 0 ? (name, null) : (name[..equals], name[(equals + 1)..]);
        if (string.IsNullOrWhiteSpace(label) || label == Each) return (null, $"'{pattern}' names no label");
        return (value == Each ? new(null, LimitScope.Label, label, max) : new(LimitKey.OfLabel(label, value), LimitScope.Label, null, max), null);
    }
}
