using System.Text.Json.Serialization;

namespace Outlast.Client;

/// <summary>What a host says of itself.</summary>
public sealed record HostView
{
    /// <summary>The program's version.</summary>
    public required string Version { get; init; }
    /// <summary>This host.</summary>
    public required string HostId { get; init; }
    /// <summary>The machine's boot.</summary>
    public required string BootId { get; init; }
    /// <summary>The host's boot epoch in its store.</summary>
    public required long Epoch { get; init; }
    /// <summary>Its process.</summary>
    public int Pid { get; init; }
    /// <summary>When it started.</summary>
    public required DateTimeOffset StartedAt { get; init; }
    /// <summary>Its folder.</summary>
    public required string DataFolder { get; init; }
    /// <summary>Its store.</summary>
    public required StoreView Store { get; init; }
    /// <summary>What it can do on this machine.</summary>
    public IReadOnlyList<string> Capabilities { get; init; } = [];
    /// <summary>Every setting in force.</summary>
    public IReadOnlyList<SettingView> Limits { get; init; } = [];
    /// <summary>Tasks that run, waiting and stopping ones too.</summary>
    public int Running { get; init; }
    /// <summary>Tasks that are queued.</summary>
    public int Queued { get; init; }
}

/// <summary>A store.</summary>
/// <param name="Kind"><c>sqlite</c>, <c>memory</c>.</param>
/// <param name="Library">Which library and version does the work.</param>
/// <param name="Durability"><c>full</c> or <c>none</c>.</param>
public sealed record StoreView(string Kind, string Library, string Durability);

/// <summary>A setting in force: a number where it is one, otherwise a text.</summary>
/// <param name="Key">As in <c>outlast.json</c>.</param>
/// <param name="Value">Its value.</param>
/// <param name="From"><c>default</c>, <c>outlast.json</c>, or the name of the environment variable.</param>
public sealed record SettingView(string Key, [property: JsonConverter(typeof(SettingValueConverter))] string Value, string From);

/// <summary>Everything that a person would look at when something is wrong.</summary>
/// <param name="Ok">Whether nothing is an error.</param>
/// <param name="Checks">What was looked at.</param>
public sealed record DoctorView(bool Ok, IReadOnlyList<CheckView> Checks);

/// <summary>One thing that was looked at.</summary>
/// <param name="Name">What.</param>
/// <param name="Level"><c>ok</c>, <c>warn</c> or <c>error</c>.</param>
/// <param name="Text">In words.</param>
/// <param name="Measured">With units in the names; numbers where they are.</param>
/// <param name="Do">What a person would do next.</param>
public sealed record CheckView(string Name, string Level, string Text, [property: JsonConverter(typeof(MeasuredConverter))] IReadOnlyDictionary<string, string> Measured, string? Do = null);

/// <summary>Whether a host would accept work now.</summary>
/// <param name="Ready">Whether it would.</param>
/// <param name="Reasons">Otherwise why not.</param>
public sealed record ReadyView(bool Ready, IReadOnlyList<string> Reasons);

/// <summary>That a host goes away; processes run on.</summary>
/// <param name="Running">Tasks that run on without it.</param>
/// <param name="Queued">Tasks that wait for its successor.</param>
public sealed record ShutdownView(int Running, int Queued);

/// <summary>The file <c>host.json</c>: where the running host of a data folder is. Written last, by rename; also what is left of a host that died.</summary>
public sealed record HostFile
{
    /// <summary>Its process.</summary>
    public required int Pid { get; init; }
    /// <summary>The machine's boot.</summary>
    public required string BootId { get; init; }
    /// <summary>Its boot epoch in its store; grows with every start.</summary>
    public required long Epoch { get; init; }
    /// <summary>When it started.</summary>
    public required DateTimeOffset StartedAt { get; init; }
    /// <summary>The program's version.</summary>
    public required string Version { get; init; }
    /// <summary>The Unix socket.</summary>
    public required string Socket { get; init; }
    /// <summary>The address on loopback TCP, where it was asked for.</summary>
    public string? Url { get; init; }
    /// <summary>Its folder.</summary>
    public required string DataFolder { get; init; }
}
