using System.Collections.Immutable;

namespace Outlast.Supervision;

/// <summary>What decides under which limits a task falls.</summary>
internal readonly record struct LimitedTask(TaskKind Kind, string? Subject, string? Session, ImmutableSortedDictionary<string, string> Labels, TaskId? Parent)
{
    public static LimitedTask Of(TaskRecord record) => Of(record.Spec, record.Parent);

    public static LimitedTask Of(TaskSpec spec, TaskId? parent) => new(spec.Kind, spec.Subject, spec.Session, spec.Labels, parent);

    public static LimitedTask Of(Storage.OpenTask task) => new(task.Kind, task.Subject, task.Session, task.Labels, task.Parent);
}

/// <summary>A key, and how many of its tasks run at once.</summary>
internal readonly record struct KeyLimit(LimitKey Key, int Max);

/// <summary>Under which keys a task falls, and what they allow. Immutable.</summary>
internal sealed class LimitTable
{
    private readonly DispatcherOptions _options;
    private readonly Dictionary<LimitKey, int> _exact = [];
    private readonly Dictionary<LimitScope, int> _each = [];
    private readonly Dictionary<string, int> _eachValue = new(StringComparer.Ordinal);

    public LimitTable(DispatcherOptions options)
    {
        _options = options;
        foreach (var rule in options.Limits)
        {
            if (rule.Key is { } key) _exact[key] = rule.Max;
            else if (rule.Label is { } label) _eachValue[label] = rule.Max;
            else _each[rule.Scope] = rule.Max;
        }
    }

    /// <summary>Whether nothing but its kind decides what a task falls under.</summary>
    public bool IsByKindAlone => _options.Limits.IsEmpty;

    /// <summary>The narrowest first: where several are full, that is the one a person can do something about.</summary>
    public ImmutableArray<KeyLimit> Of(in LimitedTask task)
    {
        var keys = ImmutableArray.CreateBuilder<KeyLimit>(4);
        if (!IsByKindAlone) AddRules(keys, task);
        if (MaxOf(task.Kind) is { } ofKind) keys.Add(new(LimitKey.Of(task.Kind), ofKind));
        if (_options.Total is { } total) keys.Add(new(LimitKey.Host, total));
        return keys.ToImmutable();
    }

    private void AddRules(ImmutableArray<KeyLimit>.Builder keys, in LimitedTask task)
    {
        if (task.Parent is { } parent) Add(LimitKey.OfParent(parent), _each.GetValueOrDefault(LimitScope.Parent));
        foreach (var (label, value) in task.Labels)
        {
            Add(LimitKey.OfStored(LimitScope.Label, label, value), _eachValue.GetValueOrDefault(label));
            Add(LimitKey.OfStored(LimitScope.Label, label), 0);
        }
        if (task.Session is { } session) Add(LimitKey.OfStored(LimitScope.Session, session), _each.GetValueOrDefault(LimitScope.Session));
        if (task is { Kind: TaskKind.Handler, Subject: { } handler }) Add(LimitKey.OfStored(LimitScope.Handler, handler), _each.GetValueOrDefault(LimitScope.Handler));

        void Add(LimitKey key, int forEach)
        {
            if (_exact.TryGetValue(key, out var max)) keys.Add(new(key, max));
            else if (forEach > 0) keys.Add(new(key, forEach));
        }
    }

    private int? MaxOf(TaskKind kind) => kind switch
    {
        TaskKind.Process => _options.Processes,
        TaskKind.Handler => _options.Handlers,
        TaskKind.Agent => null,
    };
}
