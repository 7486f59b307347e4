using System.Collections.Immutable;

namespace Outlast.Storage;

/// <summary>What the filters of <see cref="TaskQuery"/> mean, the same in every store.</summary>
public static class TaskSearch
{
    /// <summary>The text in which <see cref="TaskQuery.Text"/> is looked for: name and command, in lower case. Never the environment.</summary>
    public static string Haystack(TaskSpec spec)
    {
        ArgumentNullException.ThrowIfNull(spec);
        var command = spec.Process is { } process ? string.Join(' ', process.Argv) : spec.Agent ?? spec.Handler;
        return Needle($"{spec.Name}\n{command}");
    }

    /// <summary>A text as it is looked for.</summary>
    public static string Needle(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return text.ToLowerInvariant();
    }

    /// <summary>The parts of <see cref="TaskQuery.Label"/>: <c>key</c> or <c>key=value</c>.</summary>
    public static (string Key, string? Value) SplitLabel(string label)
    {
        ArgumentNullException.ThrowIfNull(label);
        var at = label.IndexOf('=', StringComparison.Ordinal);
        return at < 0 ? (label, null) : (label[..at], label[(at + 1)..]);
    }

    /// <summary>Whether a record is among those that a query asks for, cursor and limit aside.</summary>
    public static bool Matches(TaskQuery query, TaskRecord record)
    {
        ArgumentNullException.ThrowIfNull(query);
        ArgumentNullException.ThrowIfNull(record);
        return (query.States.IsDefaultOrEmpty || query.States.Contains(record.State))
            && (query.Kind is null || query.Kind == record.Spec.Kind)
            && (query.Session is null || query.Session == record.Spec.Session)
            && (query.Group is null || query.Group == record.Spec.Group)
            && (query.Parent is null || query.Parent == record.Parent)
            && (query.Root is null || query.Root == record.Root)
            && (query.EndedBefore is null || record.EndedAt < query.EndedBefore)
            && (query.Label is null || HasLabel(record.Spec.Labels, query.Label))
            && (query.Text is null || Haystack(record.Spec).Contains(Needle(query.Text), StringComparison.Ordinal));
    }

    /// <summary>The page size in force: at least 1, at most 10,000. The doors have narrower limits of their own.</summary>
    public static int Limit(int asked) => Math.Clamp(asked, 1, 10_000);

    private static bool HasLabel(ImmutableSortedDictionary<string, string> labels, string label)
    {
        var (key, value) = SplitLabel(label);
        return labels.TryGetValue(key, out var found) && (value is null || value == found);
    }
}
