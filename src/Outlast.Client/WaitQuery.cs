namespace Outlast.Client;

/// <summary>What somebody waits for: tasks, or a group.</summary>
public sealed record WaitQuery
{
    /// <summary>Whole ids of tasks, at most 1,000.</summary>
    public IReadOnlyList<string> Tasks { get; init; } = [];
    /// <summary>Or those of a group, also those that join it meanwhile.</summary>
    public string? Group { get; init; }
    /// <summary>The session of the group.</summary>
    public string? Session { get; init; }
    /// <summary>Whether the end of one is enough; otherwise all must have ended.</summary>
    public bool Any { get; init; }
    /// <summary>It is a wait for all that returns with each end on the way; then it is asked again for what is open.</summary>
    public bool UntilNext { get; init; }
    /// <summary>The whole id of the task inside which somebody waits.</summary>
    public string? Waiter { get; init; }

    internal string ToQuery(long waitMs)
    {
        var text = new System.Text.StringBuilder($"?for={(Any ? "any" : UntilNext ? "next" : "all")}&wait={waitMs.ToString(System.Globalization.CultureInfo.InvariantCulture)}ms");
        if (Tasks.Count > 0) text.Append("&task=").AppendJoin(',', Tasks.Select(Uri.EscapeDataString));
        if (Group is not null) text.Append("&group=").Append(Uri.EscapeDataString(Group));
        if (Session is not null) text.Append("&session=").Append(Uri.EscapeDataString(Session));
        if (Waiter is not null) text.Append("&waiter=").Append(Uri.EscapeDataString(Waiter));
        return text.ToString();
    }
}
