using System.Collections.Immutable;

namespace Outlast;

/// <summary>What a host says of itself.</summary>
public interface IHostStatus
{
    /// <summary>What stays as it is while the host lives.</summary>
    HostFacts Facts { get; }

    /// <summary>How many tasks run (waiting and stopping ones too) and how many are queued.</summary>
    (int Running, int Queued) Load { get; }

    /// <summary>The next moment at which something is to happen to a task that nobody runs: its time comes, a deadline passes, its question expires. None: nothing is.</summary>
    DateTimeOffset? NextDue { get; }

    /// <summary>Whether it would accept work now; otherwise the reasons, in words.</summary>
    ImmutableArray<string> NotReady { get; }

    /// <summary>Looks at everything that a person would look at when something is wrong.</summary>
    Task<ImmutableArray<HostCheck>> ExamineAsync(CancellationToken cancel = default);
}

/// <summary>What stays as it is while a host lives.</summary>
/// <param name="Version">The program's version.</param>
/// <param name="HostId">This host.</param>
/// <param name="BootId">The machine's boot.</param>
/// <param name="Epoch">The host's boot epoch in the store.</param>
/// <param name="StartedAt">When it started.</param>
/// <param name="DataFolder">Its folder.</param>
/// <param name="Store">Its store.</param>
/// <param name="Capabilities">What it can do on this machine: <c>process</c>, <c>pidfd</c>, ...</param>
/// <param name="Settings">Every setting, its value, and where it was set.</param>
public sealed record HostFacts(
    string Version, HostId HostId, string BootId, long Epoch, DateTimeOffset StartedAt, string DataFolder, StoreDescription Store,
    ImmutableArray<string> Capabilities, ImmutableArray<SettingValue> Settings)
{
    /// <summary>The program that the host is part of; none for a host of its own.</summary>
    public string? Program { get; init; }
}

/// <summary>A setting in force.</summary>
/// <param name="Key">As in <c>outlast.json</c>: <c>concurrency.processes</c>.</param>
/// <param name="Value">As a person would write it.</param>
/// <param name="From"><c>default</c>, <c>outlast.json</c>, the name of the environment variable; <c>code</c> or a configuration key where the program that the host is part of gave it.</param>
public sealed record SettingValue(string Key, string Value, string From);

/// <summary>How bad it is.</summary>
public enum CheckLevel
{
    /// <summary>As it should be.</summary>
    Ok,
    /// <summary>Work goes on, but look at it.</summary>
    Warn,
    /// <summary>Work does not go on.</summary>
    Error,
}

/// <summary>One thing that was looked at.</summary>
/// <param name="Name">What: <c>disk</c>, <c>store</c>, <c>leftovers</c>.</param>
/// <param name="Level">How bad it is.</param>
/// <param name="Text">In words.</param>
/// <param name="Measured">With units in the names.</param>
/// <param name="Do">What a person would do next; none when all is well.</param>
public sealed record HostCheck(string Name, CheckLevel Level, string Text, ImmutableSortedDictionary<string, string> Measured, string? Do = null);
