using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Outlast.AspNetCore;
using Outlast.Client;
using Outlast.Delivery;
using Outlast.Hosting;
using Outlast.Sqlite;
using Outlast.Supervision;

namespace Outlast.Benchmarks.Hosts;

/// <summary>A host inside this program with the HTTP door before it, on a Unix socket, and a client for it: for what must be timed on both sides of the door.</summary>
internal sealed class EmbeddedDoor : IAsyncDisposable
{
    private readonly WebApplication _app;

    private EmbeddedDoor(WebApplication app, OutlastHttpClient client) => (_app, Client) = (app, client);

    public OutlastHttpClient Client { get; }

    public ITaskClient Tasks => _app.Services.GetRequiredService<ITaskClient>();

    public IInbox Inbox => _app.Services.GetRequiredService<IInbox>();

    /// <summary>Tells of what has become durable.</summary>
    public TaskFeed Feed => _app.Services.GetRequiredService<TaskFeed>();

    public static async Task<EmbeddedDoor> StartAsync(DataFolder folder, Handlers handlers, CancellationToken cancel, INoticeChannel? channel = null, string settings = "{}")
    {
        var socket = Path.Combine(folder.Path, "door.sock");
        var builder = OutlastServer.CreateBuilder(new() { SocketPath = socket });
        handlers.AddTo(builder.Services.AddOutlast(folder, OutlastSettings.Load(settings, _ => null)).UseSqlite());
        if (channel is not null) builder.Services.AddSingleton(channel);
        var app = builder.Build();
        app.UseOutlast();
        await app.StartAsync(cancel);
        return new(app, new(HostAddress.OfSocket(socket)));
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await _app.StopAsync();
        await _app.DisposeAsync();
    }
}
