namespace Outlast;

/// <summary>What the tasks that a limit counts have in common.</summary>
public enum LimitScope
{
    /// <summary>That a host runs them.</summary>
    Host,
    /// <summary>Their kind.</summary>
    Kind,
    /// <summary>The handler that they run.</summary>
    Handler,
    /// <summary>Their session.</summary>
    Session,
    /// <summary>One of their labels.</summary>
    Label,
    /// <summary>The task that started them.</summary>
    Parent,
}

/// <summary>Whom a limit on concurrency counts: all tasks that have this in common.</summary>
/// <remarks>
/// Scope, name and value stand side by side and are compared as they are, letter by letter; nothing is joined into one text, so that no name, whatever characters
/// it has, can be taken for another's.
/// </remarks>
public readonly record struct LimitKey
{
    private LimitKey(LimitScope scope, string name, string? value = null) => (Scope, Name, Value) = (scope, name, value);

    /// <summary>What they have in common.</summary>
    public LimitScope Scope { get; }
    /// <summary>Which kind, handler, session, label or parent; empty for the host.</summary>
    public string Name { get; }
    /// <summary>The label's value. None: whatever it is.</summary>
    public string? Value { get; }

    /// <summary>All tasks of a host.</summary>
    public static LimitKey Host { get; } = new(LimitScope.Host, "");

    /// <summary>Those of a kind.</summary>
    public static LimitKey Of(TaskKind kind) => new(LimitScope.Kind, Names.Of(kind));

    /// <summary>Those that run a handler.</summary>
    public static LimitKey OfHandler(string name) => new(LimitScope.Handler, Given(name));

    /// <summary>Those of a session.</summary>
    public static LimitKey OfSession(string name) => new(LimitScope.Session, Given(name));

    /// <summary>Those that have a label.</summary>
    /// <param name="label">The label.</param>
    /// <param name="value">Only with this value; none: with any, all together.</param>
    public static LimitKey OfLabel(string label, string? value = null) => new(LimitScope.Label, Given(label), value);

    /// <summary>The children of a task.</summary>
    public static LimitKey OfParent(TaskId parent) => new(LimitScope.Parent, parent.ToString());

    /// <summary>That of a task as it is stored: any text, which was looked at when it came.</summary>
    internal static LimitKey OfStored(LimitScope scope, string name, string? value = null) => new(scope, name, value);

    /// <summary>For people: <c>host</c>, <c>kind process</c>, <c>session s1</c>, <c>label repo=x</c>.</summary>
    public override string ToString() => Scope switch
    {
        LimitScope.Host => "host",
        _ => $"{Names.Of(Scope)} {Name}{(Value is null ? "" : $"={Value}")}",
    };

    private static string Given(string name)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        return name;
    }
}
