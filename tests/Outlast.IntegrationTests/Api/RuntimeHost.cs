using System.Net.Sockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Outlast.AspNetCore;
using Outlast.Client;
using Outlast.Hosting;
using Outlast.Runners.Processes;
using Outlast.Sqlite;
using Outlast.TestKit;

namespace Outlast.IntegrationTests.Api;

/// <summary>The real runtime behind the real server: SQLite and real processes.</summary>
internal sealed class RuntimeHost : IAsyncDisposable
{
    private readonly ScratchFolder _folder = new();
    private readonly WebApplication _app;

    private RuntimeHost()
    {
        var (socket, data) = (_folder.File("host.sock"), new DataFolder(_folder.Path));
        var builder = OutlastServer.CreateBuilder(new() { SocketPath = socket });
        builder.Services.AddOutlast(data).UseSqlite().AddProcesses(new() { Data = data });
        _app = builder.Build();
        _app.UseOutlast();
        Client = NewClient();
        Http = new(new SocketsHttpHandler
        {
            ConnectCallback = async (_, cancel) =>
            {
                var connection = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                await connection.ConnectAsync(new UnixDomainSocketEndPoint(socket), cancel);
                return new NetworkStream(connection, ownsSocket: true);
            },
        })
        { BaseAddress = new("http://outlast") };
    }

    public OutlastHttpClient Client { get; }

    public HttpClient Http { get; }

    /// <summary>Of the host's data, and for whatever else a test needs.</summary>
    public string Folder => _folder.Path;

    public static async Task<RuntimeHost> StartAsync()
    {
        var host = new RuntimeHost();
        try
        {
            await host._app.StartAsync();
            return host;
        }
        catch
        {
            await host.DisposeAsync();
            throw;
        }
    }

    /// <summary>A text for the shell.</summary>
    public static SubmitRequest Shell(string script, string? cwd = null) => new() { Name = "work", Process = new() { Shell = script, Cwd = cwd } };

    public string File(string name) => _folder.File(name);

    /// <summary>A client of its own, for one that goes away.</summary>
    public OutlastHttpClient NewClient() => new(HostAddress.OfSocket(_folder.File("host.sock")));

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        Http.Dispose();
        await _app.StopAsync();
        await _app.DisposeAsync();
        _folder.Dispose();
    }
}
