using System.Globalization;

namespace Outlast.Storage;

/// <summary>How a person names a task: by number, by id, or by an end of its id.</summary>
public readonly record struct TaskName
{
    /// <summary>The fewest characters of an id's end that name a task.</summary>
    public const int ShortestEnd = 4;

    /// <summary>How many tasks a name is resolved to at most.</summary>
    public const int MostMatches = 10;

    /// <summary>The number, when all characters are digits.</summary>
    public long? Number { get; private init; }

    /// <summary>The whole id.</summary>
    public TaskId? Id { get; private init; }

    /// <summary>The end of an id, in lower case.</summary>
    public string? End { get; private init; }

    /// <summary>Reads a name; one that can name no task has none of the three.</summary>
    public static TaskName Parse(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        if (TaskId.TryParse(name, out var id)) return new() { Id = id };
        if (name.Length > 0 && name.All(char.IsAsciiDigit))
            return long.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? new() { Number = number } : default;
        return name.Length is >= ShortestEnd and < TaskId.Length && name.All(char.IsAsciiLetterOrDigit) ? new() { End = name.ToLowerInvariant() } : default;
    }
}
