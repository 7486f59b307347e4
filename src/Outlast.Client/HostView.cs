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
    /// <summary>The program that it is part of; absent for a host of its own.</summary>
    public string? Program { get; init; }
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
    /// <summary>The next moment at which something is to happen to a task that nobody runs; absent: nothing is.</summary>
    public DateTimeOffset? NextDue { get; init; }
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

/// <summary>How a host shall go.</summary>
public sealed record ShutdownRequestBody
{
    /// <summary><c>leave</c>: processes run on; <c>drain</c>: what runs is awaited; <c>stop-tasks</c>: everything is stopped.</summary>
    /// <value><c>leave</c>.</value>
    public string? Mode { get; init; }
    /// <summary>How long a drain waits; <c>none</c>: for ever.</summary>
    /// <value>The setting <c>host.drainLimit</c>.</value>
    public string? DrainLimit { get; init; }
    /// <summary>The task from inside which this is asked: it is not waited for.</summary>
    public string? Task { get; init; }
}

/// <summary>That a host goes away.</summary>
/// <param name="Running">Tasks that run on without it.</param>
/// <param name="Queued">Tasks that wait for its successor.</param>
/// <param name="Stopped">Tasks that it stopped; absent but for <c>stop-tasks</c>.</param>
/// <param name="Left">What runs on although it was awaited or stopped: wedged, or asking for this.</param>
public sealed record ShutdownView(int Running, int Queued, int? Stopped = null, IReadOnlyList<TaskNameView>? Left = null);

/// <summary>A task by its names.</summary>
public sealed record TaskNameView(string Id, long Number, string? Name);

/// <summary>That a host shall be replaced in its process.</summary>
public sealed record RestartRequestBody
{
    /// <summary>The argument list that starts the new program, without <c>serve</c>.</summary>
    /// <value>The host's own.</value>
    public IReadOnlyList<string>? Program { get; init; }
    /// <summary>The task from inside which this is asked.</summary>
    public string? Task { get; init; }
}

/// <summary>That a host is about to be replaced. The next one has a greater epoch in <c>host.json</c>.</summary>
/// <param name="Epoch">The host's.</param>
/// <param name="Version">Of the host's program.</param>
/// <param name="NextVersion">Of the program that follows.</param>
/// <param name="Running">Tasks that run on.</param>
/// <param name="Queued">Tasks that are queued.</param>
public sealed record RestartView(long Epoch, string Version, string NextVersion, int Running, int Queued);

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
    /// <summary>Why the program that a restart asked for could not serve, so that its predecessor does again.</summary>
    public string? RestartFailed { get; init; }
}
