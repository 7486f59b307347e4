using System.Diagnostics;
using System.Text.Json.Nodes;
using Outlast.TestKit;

namespace Outlast.IntegrationTests.Faults;

/// <summary>A real host in a process of its own, on a data folder of the test's.</summary>
internal sealed class HostProcess : IDisposable
{
    private readonly Process _process;

    private readonly Place _place;

    private HostProcess(Process process, DataFolder data, Place place)
    {
        _process = process;
        _place = place;
        Data = data;
    }

    public DataFolder Data { get; }
    public int Pid => _process.Id;
    public bool HasExited => _process.HasExited;
    public int ExitCode => _process.ExitCode;

    /// <summary>What it printed so far, with what its predecessors on the same folder printed.</summary>
    public string Log => LogOf(Data);

    /// <summary>Starts <c>outlast serve</c>; with a crash point, the fault worker in its place.</summary>
    /// <param name="data">Its folder.</param>
    /// <param name="crashPoint">Arguments of the fault worker's <c>serve</c>; none: the product itself.</param>
    /// <param name="settings">Environment variables.</param>
    /// <param name="place">Where.</param>
    public static HostProcess Start(DataFolder data, string[]? crashPoint = null, IReadOnlyDictionary<string, string>? settings = null, Place? place = null)
    {
        string[] host = crashPoint is null ? [Program("Outlast.Cli"), "serve"] : [Program("Outlast.FaultWorker"), "serve", .. crashPoint];
        return Launch(data, host, settings, place ?? Place.Here);
    }

    /// <summary>Starts the fault worker as a program with handlers and a host within.</summary>
    public static HostProcess StartApp(DataFolder data, params string[] crashPoint) => Launch(data, [Program("Outlast.FaultWorker"), "app", .. crashPoint], null, Place.Here);

    private static HostProcess Launch(DataFolder data, string[] host, IReadOnlyDictionary<string, string>? settings, Place place)
    {
        var start = new ProcessStartInfo("/bin/sh", ["-c", "exec >>\"$0\" 2>&1 </dev/null; exec \"$@\"", LogFileOf(data), .. place.Inside, .. host]);
        foreach (var inherited in start.Environment.Keys.Where(k => k.StartsWith("OUTLAST_", StringComparison.Ordinal)).ToArray()) start.Environment.Remove(inherited);
        start.Environment["OUTLAST_DATA"] = data.Path;
        foreach (var (name, value) in settings ?? new Dictionary<string, string>()) start.Environment[name] = value;
        return new(Process.Start(start)!, data, place);
    }

    /// <summary>Starts the product and waits until it would accept work.</summary>
    public static async Task<HostProcess> StartReadyAsync(DataFolder data, IReadOnlyDictionary<string, string>? settings = null, Place? place = null)
    {
        var host = Start(data, settings: settings, place: place);
        await host.ReadyAsync();
        return host;
    }

    /// <summary>Waits until the host has announced itself.</summary>
    public async Task ReadyAsync()
    {
        await Eventually.TrueAsync(() => IsAnnounced || HasExited, "the host announces itself");
        if (!IsAnnounced) throw new InvalidOperationException($"The host ended with code {ExitCode} before it was ready:\n{Log}");
    }

    /// <summary>Waits until it is gone by itself.</summary>
    public Task ExitedAsync() => _process.WaitForExitAsync().Soon("the host is gone");

    /// <summary><c>kill -9</c>, and waits until it is dead.</summary>
    public async Task KillAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync();
    }

    public void Signal(string name) => Process.Start("/bin/kill", ["-" + name, Pid.ToString(System.Globalization.CultureInfo.InvariantCulture)])!.WaitForExit();

    public void Dispose()
    {
        if (!_process.HasExited) _process.Kill();
        _process.WaitForExit();
        _process.Dispose();
    }

    public static string LogOf(DataFolder data) => File.Exists(LogFileOf(data)) ? File.ReadAllText(LogFileOf(data)) : "";

    private bool IsAnnounced => HostFile.TryRead(Data, _place)?.Pid == Pid;

    private static string Program(string name) => Path.Combine(AppContext.BaseDirectory, name);
    private static string LogFileOf(DataFolder data) => data.Path + ".host.log";
}

/// <summary>What <c>host.json</c> says.</summary>
internal sealed record HostFile(int Pid, string Socket, string? Url)
{
    /// <summary>As this process sees it.</summary>
    public static HostFile? TryRead(DataFolder data, Place place)
    {
        try
        {
            var json = JsonNode.Parse(File.ReadAllText(place.Root + data.HostFile))!;
            return new((int)json["pid"]!, place.Root + (string)json["socket"]!, (string?)json["url"]);
        }
        catch (IOException) { return null; }
    }
}
