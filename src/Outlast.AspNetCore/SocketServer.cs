using System.Net.Sockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Outlast.AspNetCore;

/// <summary>Lets the <c>outlast</c> command, and every other client of this user's, reach a host that is part of another program: at the folder's socket, as it reaches one of its own.</summary>
/// <remarks>
/// A server of its own, beside whatever the program serves: neither's addresses, routes or middleware are the other's business. It comes when everything else of the program has started, <c>host.json</c>
/// last, and goes before anything else does. Only the holder of the folder's lock may take the socket's place, and by then the runtime has it.
/// </remarks>
internal sealed class SocketServer(IServiceProvider runtime, DataFolder folder, IHostStatus host, ILoggerFactory logs) : IHostedLifecycleService, IAsyncDisposable
{
    private static readonly TimeSpan FarewellBound = TimeSpan.FromSeconds(3);
    private WebApplication? _app;
    private Socket? _socket;
    private string? _path;

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public async Task StartedAsync(CancellationToken cancellationToken)
    {
        _path = SocketPath.Choose(folder, Environment.GetEnvironmentVariable);
        File.Delete(_path);
        File.Delete(folder.HostFile);
        _socket = OutlastServer.Listen(new UnixDomainSocketEndPoint(_path));
        _app = Build(new() { SocketPath = _path, Listening = [_socket] });
        await _app.StartAsync(cancellationToken).ConfigureAwait(false);
        HostFileWriter.Write(folder, HostFileWriter.Of(host.Facts, _path));
        HttpLog.Listens(logs.CreateLogger<SocketServer>(), _path);
    }

    public async Task StoppingAsync(CancellationToken cancellationToken)
    {
        if (_app is { } app) await app.StopAsync(cancellationToken).ConfigureAwait(false);
        await DisposeAsync().ConfigureAwait(false);
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>The socket before the file that names it: who finds the file finds nobody there, and waits for the lock.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _app, null) is { } app) await app.DisposeAsync().ConfigureAwait(false);
        if (Interlocked.Exchange(ref _socket, null) is not { } socket) return;
        socket.Dispose();
        File.Delete(_path!);
        File.Delete(folder.HostFile);
    }

    private WebApplication Build(OutlastServerOptions options)
    {
        var builder = OutlastServer.CreateBuilder(options);
        builder.Logging.SetMinimumLevel(LogLevel.Warning).AddProvider(new ProgramsLog(logs));
        builder.Services.AddSingleton<IHostLifetime, NoLifetime>();
        builder.Services.Configure<HostOptions>(o => o.ShutdownTimeout = FarewellBound);
        var app = builder.Build();
        app.UseOutlast(runtime);
        return app;
    }

    /// <summary>What this server has to complain of stands in the program's log; its coming and going is no news there.</summary>
    private sealed class ProgramsLog(ILoggerFactory logs) : ILoggerProvider
    {
        public ILogger CreateLogger(string categoryName) => logs.CreateLogger(categoryName);

        public void Dispose()
        {
        }
    }

    /// <summary>Signals are the program's.</summary>
    private sealed class NoLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
