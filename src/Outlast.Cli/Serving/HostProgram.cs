using System.Net;
using System.Runtime.InteropServices;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Outlast.AspNetCore;
using Outlast.Cli.Calling;
using Outlast.Cli.Rendering;
using Outlast.Client;
using Outlast.Hosting;
using Outlast.Runners.Processes;
using Outlast.Sqlite;

namespace Outlast.Cli.Serving;

/// <summary>A host from its coming to its going.</summary>
/// <remarks>
/// It comes in the order folder, lock, store, listener, host.json, so that whoever reads host.json finds a host that answers. It goes in the order listener, store, host.json,
/// lock: a listener disposed late would delete the successor's socket.
/// </remarks>
internal sealed class HostProgram(CommandContext context, DataFolder folder, bool onDemand)
{
    private static readonly TimeSpan FarewellBound = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan LongestIdle = TimeSpan.FromDays(40);

    public static async Task<int> RunAsync(CommandContext context, IPEndPoint? listen, bool onDemand, bool json, CancellationToken cancel)
    {
        // What a task gets whose caller says nothing is this program's own, as it was before the line below.
        var umask = LibC.SetUmask(0x3f); // 077
        Environment.SetEnvironmentVariable(Caller.ScriptVariable, null);
        var folder = DataFolder.Of(context.Caller.Variable);
        OwnedFolder.Prepare(folder);
        try
        {
            using var ours = await HostLock.TakeAsync(folder, context.Time, cancel);
            return await new HostProgram(context, folder, onDemand).ServeAsync(listen, umask, json, cancel);
        }
        catch (HostLockHeldException e) when (onDemand)
        {
            // Nothing to tell anybody: the verb that started us waits for the winner.
            return e.ExitCode;
        }
    }

    private async Task<int> ServeAsync(IPEndPoint? listen, int umask, bool json, CancellationToken cancel)
    {
        var settings = ReadSettings();
        var socket = SocketPath.Choose(folder, Environment.GetEnvironmentVariable);
        // Only the holder of the lock may: to everybody else this could be a living host's.
        File.Delete(socket);
        File.Delete(folder.HostFile);

        var app = Build(new() { SocketPath = socket, Listen = listen, Token = AccessToken.LoadOrCreate(folder.Token) }, settings, umask);
        var status = app.Services.GetRequiredService<IHostStatus>();
        var lifetime = app.Services.GetRequiredService<IHostApplicationLifetime>();
        var watch = new IdleWatch(status, lifetime, context.Time, settings.HostIdleTimeout ?? LongestIdle);
        watch.Count(app);
        app.UseOutlast();
        using var signals = new SignalSet(lifetime);
        try
        {
            await app.StartAsync(cancel);
            Announce(app, status.Facts, socket, json);
            if (onDemand && settings.HostIdleTimeout is not null) _ = watch.WatchAsync(lifetime.ApplicationStopping);
            await AwaitGoing(lifetime, cancel);
        }
        finally
        {
            await GoAsync(app);
        }
        return ExitCodes.Ok;
    }

    private OutlastSettings ReadSettings()
    {
        try
        {
            return OutlastSettings.Load(File.Exists(folder.Settings) ? File.ReadAllText(folder.Settings) : null, Environment.GetEnvironmentVariable);
        }
        catch (SettingsException e)
        {
            throw CommandException.Usage(e.Message);
        }
    }

    private WebApplication Build(OutlastServerOptions options, OutlastSettings settings, int umask)
    {
        var builder = OutlastServer.CreateBuilder(options);
        builder.Logging.AddProvider(new HostLog(context.Time, onDemand ? folder : null));
        builder.Services.AddSingleton(context.Time);
        builder.Services.Configure<HostOptions>(o => o.ShutdownTimeout = FarewellBound);
        builder.Services.AddOutlast(folder, settings);
        builder.Services.UseSqlite(folder);
        builder.Services.AddProcessRunner(new() { Data = folder, Umask = umask, OpenFiles = context.Caller.OpenFiles });
        return builder.Build();
    }

    private void Announce(WebApplication app, HostFacts facts, string socket, bool json)
    {
        var url = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()?.Addresses.FirstOrDefault(a => a.StartsWith("http://127.", StringComparison.Ordinal) || a.StartsWith("http://[::1]", StringComparison.Ordinal));
        var file = new HostFile
        {
            Pid = Environment.ProcessId,
            BootId = facts.BootId,
            Epoch = facts.Epoch,
            StartedAt = facts.StartedAt,
            Version = facts.Version,
            Socket = socket,
            Url = url,
            DataFolder = folder.Path,
        };
        var next = folder.HostFile + ".next";
        File.WriteAllBytes(next, JsonSerializer.SerializeToUtf8Bytes(file, OutlastJson.Wire.HostFile));
        File.Move(next, folder.HostFile, overwrite: true);
        if (json) Json.Write(context.Terminal, file, OutlastJson.Wire.HostFile);
        else if (!onDemand) context.Terminal.Say($"host {facts.HostId} serves {folder.Path} at {socket}{(url is null ? "" : $" and {url}, token in {folder.Token}")}; Ctrl-C ends it, commands go on");
    }

    private static async Task AwaitGoing(IHostApplicationLifetime lifetime, CancellationToken cancel)
    {
        var going = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var asked = lifetime.ApplicationStopping.Register(going.SetResult);
        await going.Task.WaitAsync(cancel);
    }

    /// <summary>The listener goes first, with everybody it serves; the runtime lets go of the work; the store is closed last.</summary>
    private async Task GoAsync(WebApplication app)
    {
        await app.StopAsync(CancellationToken.None);
        HostMilestone.Reach(HostMilestone.ListenerDisposed);
        await app.DisposeAsync();
        HostMilestone.Reach(HostMilestone.StoreClosed);
        File.Delete(folder.HostFile);
    }

    /// <summary>The signals that end a host in good order; the work goes on whichever comes.</summary>
    private sealed class SignalSet(IHostApplicationLifetime lifetime) : IDisposable
    {
        private readonly PosixSignalRegistration[] _registrations =
            [.. new[] { PosixSignal.SIGTERM, PosixSignal.SIGINT, PosixSignal.SIGHUP, PosixSignal.SIGQUIT }.Select(s => PosixSignalRegistration.Create(s, received =>
            {
                received.Cancel = true;
                lifetime.StopApplication();
            }))];

        public void Dispose() => Array.ForEach(_registrations, r => r.Dispose());
    }
}
