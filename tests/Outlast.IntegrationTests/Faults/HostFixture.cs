using System.Net;
using System.Text.Json.Nodes;
using Outlast.IntegrationTests.Faults.Checking;
using Outlast.TestKit;

namespace Outlast.IntegrationTests.Faults;

/// <summary>A data folder of a test's own with the hosts that serve it one after the other.</summary>
internal sealed class HostFixture : IDisposable
{
    private readonly ScratchFolder _scratch = new();
    private readonly IReadOnlyDictionary<string, string>? _settings;
    private HostProcess? _host;

    private HostFixture(IReadOnlyDictionary<string, string>? settings)
    {
        _settings = settings;
        Data = new(_scratch.File("data"));
        Http = new(Data);
        Witness = new(_scratch.File("witness"));
    }

    public static async Task<HostFixture> StartAsync(params (string Name, string Value)[] settings)
    {
        var fixture = new HostFixture(settings.ToDictionary(s => s.Name, s => s.Value));
        try
        {
            await fixture.StartHostAsync();
            return fixture;
        }
        catch
        {
            fixture.Dispose();
            throw;
        }
    }

    public DataFolder Data { get; }
    public HostConnection Http { get; }
    public WitnessFile Witness { get; }
    public HostProcess Host => _host ?? throw new InvalidOperationException("No host runs.");

    /// <summary>A file beside the data folder.</summary>
    public string File(string name) => _scratch.File(name);

    public async Task StartHostAsync() => _host = await HostProcess.StartReadyAsync(Data, _settings);

    public async Task KillHostAsync()
    {
        await Host.KillAsync();
        Host.Dispose();
        _host = null;
    }

    /// <summary>Kills the host, and starts the next.</summary>
    public async Task RestartAsync()
    {
        await KillHostAsync();
        await StartHostAsync();
    }

    /// <summary>Submits a text for the shell.</summary>
    /// <returns>The id.</returns>
    public async Task<string> ShellAsync(string script, Action<JsonObject>? more = null)
    {
        var reply = await TryShellAsync(script, more);
        return reply.Status == HttpStatusCode.Accepted ? (string)reply.Json["id"]! : throw new InvalidOperationException($"Not accepted: {reply}");
    }

    public Task<HostReply> TryShellAsync(string script, Action<JsonObject>? more = null) =>
        Http.SendAsync(HttpMethod.Post, "/v1/tasks", HostConnection.Submission("shell", ["/bin/sh", "-c", script], more));

    public Task<HostReply> StopAsync(string id, string? reason = null, bool now = false)
    {
        var body = new JsonObject { ["now"] = now };
        if (reason is not null) body["reason"] = reason;
        return Http.SendAsync(HttpMethod.Post, $"/v1/tasks/{id}/stop", body);
    }

    public Task StateAsync(string id, string state) =>
        Eventually.TrueAsync(async () => (string)(await Http.TaskAsync(id))["state"]! == state, $"task {id} is {state}");

    /// <summary>Waits until the command has written the file.</summary>
    public Task<string> WrittenAsync(string name) => Eventually.ValueAsync(
        () => Task.FromResult(System.IO.File.Exists(File(name)) && System.IO.File.ReadAllText(File(name)) is { Length: > 0 } text && text.EndsWith('\n') ? text.Trim() : null),
        $"the command has written '{name}'");

    public void Dispose()
    {
        _host?.Dispose();
        Http.Dispose();
        _scratch.Dispose();
    }
}
