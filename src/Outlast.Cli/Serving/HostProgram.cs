using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Outlast.AspNetCore;
using Outlast.Cli.Calling;
using Outlast.Cli.Rendering;
using Outlast.Cli.Verbs;
using Outlast.Client;
using Outlast.Hosting;

namespace Outlast.Cli.Serving;

/// <summary>A host from its coming to its going.</summary>
/// <remarks>
/// It comes in the order folder, lock, sockets, store, server, host.json, so that whoever reads host.json finds a host that answers. It goes in the order server, store, sockets, host.json,
/// lock: a socket closed late would delete the successor's. Where another program follows in this process, sockets and lock are handed on: who connects meanwhile waits, and nobody else becomes the host.
/// </remarks>
internal sealed class HostProgram(CommandContext context, DataFolder folder, bool onDemand, int umask, Handover? before)
{
    private static readonly TimeSpan FarewellBound = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan LongestIdle = TimeSpan.FromDays(40);
    private readonly HostStarter _starter = new(folder, context.Caller, context.Time);
    private IReadOnlyList<Socket> _sockets = [];
    private HostLock? _lock;
    private Farewell? _going;
    private bool _serves;

    public static async Task<int> RunAsync(CommandContext context, IPEndPoint? listen, bool onDemand, bool json, CancellationToken cancel)
    {
        // What a task gets whose caller says nothing is this program's own, as it was before the line below.
        var umask = LibC.SetUmask(0x3f); // 077
        Environment.SetEnvironmentVariable(Caller.ScriptVariable, null);
        var before = Handover.Take();
        var host = new HostProgram(context, DataFolder.Of(context.Caller.Variable), onDemand, umask, before);
        try
        {
            return await host.RunAsync(listen, json, cancel);
        }
        catch (HostLockHeldException) when (onDemand)
        {
            // Nothing to tell anybody: the verb that started us waits for the winner.
            return ExitCodes.Conflict;
        }
        catch (HostLockHeldException e)
        {
            throw FolderRefusal.Of(e);
        }
        catch (Exception) when (host is { _going.IsUnderWay: true, _serves: false })
        {
            // Told to go before it served: that is no failure to serve, and nobody is to serve instead.
            host.Leave();
            return ExitCodes.Ok;
        }
        catch (Exception e) when (before is { Former.Count: > 0 } && !host._serves)
        {
            context.Terminal.Say($"{ProgramVersion.Text} cannot serve: {e.Message.TrimEnd('.')}. {before.Version} serves again");
            throw host.Follow(before.Former, before with { Former = [], Failure = e.Message });
        }
    }

    private async Task<int> RunAsync(IPEndPoint? listen, bool json, CancellationToken cancel)
    {
        FolderRefusal.Prepare(folder);
        _lock = before is null ? await HostLock.TakeAsync(folder, context.Time, cancel: cancel) : HostLock.Inherit(before.Lock);
        _sockets = before?.Sockets() ?? [];
        var settings = ReadSettings(folder);
        var token = AccessToken.LoadOrCreate(folder.Token);
        if (before is null) _sockets = Open(listen);
        var left = await ServeAsync(new() { SocketPath = PathOf(_sockets), Listen = _sockets.Select(s => s.LocalEndPoint).OfType<IPEndPoint>().FirstOrDefault(), Token = token, Listening = _sockets }, settings, json, cancel);
        if (left is { } next) throw Follow(next);
        Leave();
        return ExitCodes.Ok;
    }

    /// <returns>What the program that follows in this process is to be told; none: none follows.</returns>
    private async Task<(IReadOnlyList<string> Program, Handover Left)?> ServeAsync(OutlastServerOptions server, OutlastSettings settings, bool json, CancellationToken cancel)
    {
        var restart = new HostRestart(_starter, Options(), before?.AskedByTasks ?? [], context.Time);
        var app = Build(server, settings, restart);
        var status = app.Services.GetRequiredService<IHostStatus>();
        var lifetime = app.Services.GetRequiredService<IHostApplicationLifetime>();
        var going = _going = new Farewell(app.Services.GetRequiredService<IHostDeparture>(), restart, lifetime, context.Time);
        var watch = new IdleWatch(status, going, context.Time, settings.HostIdleTimeout ?? LongestIdle);
        watch.Count(app);
        app.UseOutlast();
        using var signals = new SignalSet(going);
        try
        {
            await app.StartAsync(cancel);
            HostMilestone.Reach(HostMilestone.HostStarted);
            Announce(app, status.Facts, server.SocketPath, json);
            _serves = true;
            if (onDemand && settings.HostIdleTimeout is not null) _ = watch.WatchAsync(lifetime.ApplicationStopping);
            await AwaitGoing(lifetime, cancel);
        }
        finally
        {
            await GoAsync(app);
        }
        return restart.Next is not { } program ? null : (program, new()
        {
            Pid = Environment.ProcessId,
            Lock = _lock!.Number,
            Listening = [.. _sockets.Select(s => (int)s.Handle)],
            Former = [.. HostStarter.ProgramArguments()],
            Version = status.Facts.Version,
            Epoch = status.Facts.Epoch,
            AskedByTasks = restart.AskedByTasks,
        });
    }

    public static OutlastSettings ReadSettings(DataFolder folder)
    {
        var (settings, errors) = LocalSettings.Read(folder, Environment.GetEnvironmentVariable);
        return errors.IsEmpty ? settings : throw CommandException.Usage(new SettingsException(errors).Message);
    }

    private IReadOnlyList<Socket> Open(IPEndPoint? listen)
    {
        var path = ChooseSocket();
        // Only the holder of the lock may: to everybody else this could be a living host's.
        File.Delete(path);
        File.Delete(folder.HostFile);
        EndPoint[] places = listen is null ? [new UnixDomainSocketEndPoint(path)] : [new UnixDomainSocketEndPoint(path), listen];
        return [.. places.Select(place =>
        {
            try
            {
                return OutlastServer.Listen(place);
            }
            catch (SocketException e)
            {
                throw new CommandException($"cannot listen at {place}: {e.Message}", ExitCodes.Refused);
            }
        })];
    }

    private string ChooseSocket()
    {
        try
        {
            return SocketPath.Choose(folder, Environment.GetEnvironmentVariable);
        }
        catch (DataFolderException e)
        {
            throw FolderRefusal.Of(e);
        }
    }

    /// <summary>Makes this process the program that follows.</summary>
    /// <returns>That neither it nor this program again could be executed.</returns>
    private CommandException Follow((IReadOnlyList<string> Program, Handover Left) next)
    {
        HostMilestone.Reach(HostMilestone.BeforeExecve);
        var refusal = Follow(next.Program, next.Left);
        return Follow(next.Left.Former, next.Left with { Former = [], Failure = refusal.Message });
    }

    private CommandException Follow(IReadOnlyList<string> program, Handover left)
    {
        string[] arguments = [.. program, .. Options()];
        LibC.SetUmask(umask);
        var errno = LibC.Execute(arguments, [.. _starter.HostEnvironment(), left.ToVariable()], [left.Lock, .. left.Listening]);
        LibC.SetUmask(0x3f);
        return new($"'{program[0]}' cannot be executed: {Marshal.GetPInvokeErrorMessage(errno)}", ExitCodes.Fault);
    }

    /// <summary>As this host was asked to serve.</summary>
    private string[] Options() =>
        [ServeVerb.Name, .. onDemand ? [HostStarter.OnDemandOption] : Array.Empty<string>(), .. _sockets.Select(s => s.LocalEndPoint).OfType<IPEndPoint>().SelectMany(tcp => new[] { ServeVerb.ListenOption, tcp.ToString() })];

    /// <summary>Nobody follows in this process.</summary>
    private void Leave()
    {
        var path = PathOf(_sockets);
        foreach (var socket in _sockets) socket.Dispose();
        File.Delete(path);
        File.Delete(folder.HostFile);
        _lock!.Dispose();
    }

    private static string PathOf(IReadOnlyList<Socket> sockets) => sockets.Select(s => s.LocalEndPoint).OfType<UnixDomainSocketEndPoint>().Single().ToString()!;

    private WebApplication Build(OutlastServerOptions options, OutlastSettings settings, IHostRestart restart)
    {
        var builder = OutlastServer.CreateBuilder(options);
        builder.Logging.AddProvider(new HostLog(context.Time, onDemand ? folder : null));
        builder.Services.AddSingleton(context.Time);
        builder.Services.Configure<HostOptions>(o => o.ShutdownTimeout = FarewellBound);
        builder.Services.AddSingleton<IHostLifetime, OwnLifetime>();
        builder.Services.AddSingleton(restart);
        if (before is not null) builder.Services.AddSingleton(new HostOrigin(HostId.OfEpoch(before.Epoch), before.Version, before.Failure));
        builder.Services.AddOutlast(folder, settings).UseSqlite().AddProcesses(new() { Data = folder, Umask = umask, OpenFiles = context.Caller.OpenFiles, TakesChildren = before is not null });
        return builder.Build();
    }

    private void Announce(WebApplication app, HostFacts facts, string socket, bool json)
    {
        var url = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()?.Addresses.FirstOrDefault(a => a.StartsWith("http://127.", StringComparison.Ordinal) || a.StartsWith("http://[::1]", StringComparison.Ordinal));
        var file = HostFileWriter.Of(facts, socket) with { Url = url, RestartFailed = before?.Failure };
        HostFileWriter.Write(folder, file);
        if (json) Json.Write(context.Terminal, file, OutlastJson.Wire.HostFile);
        else if (!onDemand) context.Terminal.Say($"host {facts.HostId} serves {folder.Path} at {socket}{(url is null ? "" : $" and {url}, token in {folder.Token}")}; Ctrl-C ends it, commands go on");
    }

    private static async Task AwaitGoing(IHostApplicationLifetime lifetime, CancellationToken cancel)
    {
        var going = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var asked = lifetime.ApplicationStopping.Register(going.SetResult);
        await going.Task.WaitAsync(cancel);
    }

    /// <summary>The server goes first, with everybody it serves; the runtime lets go of the work; the store is closed last.</summary>
    private static async Task GoAsync(WebApplication app)
    {
        await app.StopAsync(CancellationToken.None);
        HostMilestone.Reach(HostMilestone.ListenerDisposed);
        await app.DisposeAsync();
        HostMilestone.Reach(HostMilestone.StoreClosed);
    }

    /// <summary>The signals that end a host in good order; the work goes on whichever comes.</summary>
    private sealed class SignalSet(Farewell going) : IDisposable
    {
        private readonly PosixSignalRegistration[] _registrations =
            [.. new[] { PosixSignal.SIGTERM, PosixSignal.SIGINT, PosixSignal.SIGHUP, PosixSignal.SIGQUIT }.Select(s => PosixSignalRegistration.Create(s, received =>
            {
                received.Cancel = true;
                _ = going.LeaveAsync(s.ToString());
            }))];

        public void Dispose() => Array.ForEach(_registrations, r => r.Dispose());
    }

    /// <summary>The framework's own would answer some signals too, and close connections before the going is on disk.</summary>
    private sealed class OwnLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
