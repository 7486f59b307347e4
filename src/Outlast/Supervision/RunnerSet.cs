using System.Collections.Frozen;
using Outlast.Runners;

namespace Outlast.Supervision;

/// <summary>Which runner runs which kind, and where attempts have their folders.</summary>
internal sealed class RunnerSet(IEnumerable<ITaskRunner> runners, DataFolder folder)
{
    private readonly FrozenDictionary<TaskKind, ITaskRunner> _runners = runners.ToFrozenDictionary(r => r.Kind);

    public DataFolder Folder => folder;

    public IEnumerable<ITaskRunner> All => _runners.Values;

    public bool Has(TaskKind kind) => _runners.ContainsKey(kind);

    public ITaskRunner For(TaskKind kind) => _runners.GetValueOrDefault(kind) ?? throw new NotSupportedException($"This host runs no tasks of kind {kind}.");
}
