using System.Collections.Frozen;
using System.Diagnostics.CodeAnalysis;
using System.Text;

namespace Outlast;

/// <summary>How the values of the vocabulary are written in JSON, in the store and in texts: <c>timed_out</c>, <c>host_lost</c>, <c>task.stop_requested</c>, <c>host.started</c>.</summary>
public static class Names
{
    /// <summary>The name of a value: its snake_case, but for two words of the contract; an event's with <c>task.</c> or <c>host.</c> in front.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is not one of the vocabulary.</exception>
    public static string Of<T>(T value) where T : struct, Enum =>
        Table<T>.ToName.TryGetValue(value, out var name) ? name : throw new ArgumentOutOfRangeException(nameof(value), value, $"No {typeof(T).Name} has this value.");

    /// <summary>Reads a name; exactly as written, nothing is forgiven.</summary>
    public static bool TryParse<T>([NotNullWhen(true)] string? name, out T value) where T : struct, Enum
    {
        value = default;
        return name is not null && Table<T>.ToValue.TryGetValue(name, out value);
    }

    /// <summary>Reads a name.</summary>
    /// <exception cref="FormatException">It names nothing.</exception>
    public static T Parse<T>(string name) where T : struct, Enum =>
        TryParse<T>(name, out var value) ? value : throw new FormatException($"'{name}' is no {typeof(T).Name}: expected {string.Join(", ", All<T>())}.");

    /// <summary>Every name, in the order of the values.</summary>
    public static IEnumerable<string> All<T>() where T : struct, Enum => Enum.GetValues<T>().Select(Of);

    private static string Write<T>(T value) where T : struct, Enum
    {
        var name = SnakeCase(value.ToString());
        if (typeof(T) == typeof(OutputPolicy)) return name.Replace('_', '-');
        if (typeof(T) != typeof(TaskEventType)) return name;
        return name.StartsWith("host_", StringComparison.Ordinal) ? "host." + name["host_".Length..] : "task." + name;
    }

    private static string SnakeCase(string pascal)
    {
        var text = new StringBuilder(pascal.Length + 4);
        foreach (var c in pascal)
        {
            if (char.IsUpper(c) && text.Length > 0) text.Append('_');
            text.Append(char.ToLowerInvariant(c));
        }
        return text.ToString();
    }

    private static class Table<T> where T : struct, Enum
    {
        internal static readonly FrozenDictionary<T, string> ToName = Enum.GetValues<T>().ToFrozenDictionary(v => v, Write);
        internal static readonly FrozenDictionary<string, T> ToValue = ToName.ToFrozenDictionary(p => p.Value, p => p.Key, StringComparer.Ordinal);
    }
}
