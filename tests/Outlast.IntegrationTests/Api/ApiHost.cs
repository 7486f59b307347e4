using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Outlast.AspNetCore;
using Outlast.Client;
using Outlast.TestKit;
using Xunit;

namespace Outlast.IntegrationTests.Api;

/// <summary>The real server on a real Unix socket (and on TCP when asked), with a runtime of which the test decides everything.</summary>
internal sealed class ApiHost : IAsyncDisposable
{
    private readonly ScratchFolder _scratch;
    private readonly bool _ownsScratch;
    private readonly WebApplication _app;

    private ApiHost(ScratchFolder scratch, bool ownsScratch, WebApplication app, FakeTasks tasks, LogLines log, OutlastServerOptions options)
    {
        (_scratch, _ownsScratch, _app, Tasks, Log, Options) = (scratch, ownsScratch, app, tasks, log, options);
        Client = new(HostAddress.OfSocket(options.SocketPath));
        Http = new(new SocketsHttpHandler { ConnectCallback = async (_, cancel) => new NetworkStream(await ConnectAsync(cancel), ownsSocket: true), UseCookies = false }) { BaseAddress = new Uri("http://outlast") };
    }

    public FakeTasks Tasks { get; }
    public LogLines Log { get; }
    public OutlastServerOptions Options { get; }
    public OutlastHttpClient Client { get; }
    public HttpClient Http { get; }
    public IServiceProvider Services => _app.Services;
    public Uri Url => new(_app.Urls.Single(u => u.StartsWith("http://127.", StringComparison.Ordinal)));

    public static readonly ImmutableSortedDictionary<string, string> Environment =
        ImmutableSortedDictionary.Create<string, string>(StringComparer.Ordinal).Add("PATH", "/usr/bin:/bin").Add("LANG", "C.UTF-8").Add("API_KEY", "hush-hush-hush");

    public static async Task<ApiHost> StartAsync(TimeProvider? time = null, Func<OutlastServerOptions, OutlastServerOptions>? options = null, TaskDefaults? defaults = null, ScratchFolder? scratch = null, IHostRestart? restart = null)
    {
        var folder = scratch ?? new ScratchFolder();
        var chosen = new OutlastServerOptions { SocketPath = folder.File("host.sock") };
        chosen = options?.Invoke(chosen) ?? chosen;
        var tasks = new FakeTasks(new DataFolder(folder.Path));
        var log = new LogLines();
        var builder = OutlastServer.CreateBuilder(chosen);
        builder.Logging.AddProvider(log);
        builder.Services.AddSingleton<ITaskClient>(tasks);
        builder.Services.AddSingleton<IHostStatus>(tasks);
        builder.Services.AddSingleton<IHostDeparture>(tasks);
        builder.Services.AddSingleton(new HostEnvironment(Environment));
        if (restart is not null) builder.Services.AddSingleton(restart);
        if (time is not null) builder.Services.AddSingleton(time);
        if (defaults is not null) builder.Services.AddSingleton(defaults);
        var app = builder.Build();
        app.UseOutlast();
        await app.StartAsync();
        return new(folder, scratch is null, app, tasks, log, chosen);
    }

    public async Task<Socket> ConnectAsync(CancellationToken cancel = default)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(Options.SocketPath), cancel);
        return socket;
    }

    public Task<HttpResponseMessage> PostAsync(string route, string json, params (string Name, string Value)[] headers)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, route) { Content = new ByteArrayContent(Encoding.UTF8.GetBytes(json)) };
        request.Content.Headers.ContentType = new("application/json");
        foreach (var (name, value) in headers) request.Headers.TryAddWithoutValidation(name, value);
        return Http.SendAsync(request);
    }

    public Task<HttpResponseMessage> GetAsync(string route, params (string Name, string Value)[] headers) => GetAsync(Http, route, headers);

    public static Task<HttpResponseMessage> GetAsync(HttpClient http, string route, params (string Name, string Value)[] headers)
    {
        var request = new HttpRequestMessage(HttpMethod.Get, route);
        foreach (var (name, value) in headers) request.Headers.TryAddWithoutValidation(name, value);
        return http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
    }

    /// <summary>Ends the server in good order.</summary>
    public Task StopAsync() => _app.StopAsync();

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        Http.Dispose();
        await _app.StopAsync();
        await _app.DisposeAsync();
        if (_ownsScratch) _scratch.Dispose();
    }
}

/// <summary>What the host logged.</summary>
internal sealed class LogLines : ILoggerProvider, ILogger
{
    public ConcurrentQueue<string> Lines { get; } = new();

    public ILogger CreateLogger(string category) => category.StartsWith("Outlast", StringComparison.Ordinal) ? this : Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance;
    public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;
    public bool IsEnabled(LogLevel level) => true;
    public void Log<TState>(LogLevel level, EventId id, TState state, Exception? exception, Func<TState, Exception?, string> format) => Lines.Enqueue($"{level}: {format(state, exception)} {exception}".Trim());
    public void Dispose() { }
}

internal static class Answers
{
    public static async Task<JsonElement> JsonAsync(this HttpResponseMessage response) => JsonDocument.Parse(await response.Content.ReadAsStringAsync()).RootElement;

    /// <summary>Checks that the answer is a problem of that type and status, and returns it.</summary>
    public static async Task<JsonElement> ProblemAsync(this HttpResponseMessage response, HttpStatusCode status, string type)
    {
        var text = await response.Content.ReadAsStringAsync();
        Assert.Equal((status, "application/problem+json"), (response.StatusCode, response.Content.Headers.ContentType?.MediaType));
        var problem = JsonDocument.Parse(text).RootElement;
        Assert.Equal(type, problem.GetProperty("type").GetString());
        Assert.Equal((int)status, problem.GetProperty("status").GetInt32());
        Assert.NotEmpty(problem.GetProperty("title").GetString()!);
        return problem;
    }

    public static string Header(this HttpResponseMessage response, string name) => string.Join(',', response.Headers.TryGetValues(name, out var values) ? values : []);
}
