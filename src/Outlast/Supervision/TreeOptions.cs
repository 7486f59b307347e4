namespace Outlast.Supervision;

/// <summary>How large a tree of tasks may be.</summary>
public sealed class TreeOptions
{
    /// <summary>The largest depth of a task; the top of its tree has 0.</summary>
    /// <value>4.</value>
    public int Depth { get; init; } = 4;

    /// <summary>How many tasks below one top may be open at once, at any depth, detached ones too.</summary>
    /// <value>256.</value>
    public int Children { get; init; } = 256;
}
