using System.Net.Sockets;
using Outlast.Cli.Calling;
using Outlast.Cli.Rendering;
using Outlast.Client;
using Outlast.Hosting;

namespace Outlast.Cli.Serving;

/// <summary>The way to the host of this user's data folder; starts one where none runs.</summary>
internal sealed class HostDoor
{
    private static readonly TimeSpan RetryFor = TimeSpan.FromSeconds(10), GoneWithin = TimeSpan.FromSeconds(30), SuccessorWithin = TimeSpan.FromSeconds(30), ReadyWithin = TimeSpan.FromSeconds(5), Pause = TimeSpan.FromMilliseconds(10);
    private readonly DataFolder _folder;
    private readonly Caller _caller;
    private readonly Terminal _terminal;
    private readonly TimeProvider _time;
    private readonly HostStarter _starter;

    public HostDoor(Caller caller, Terminal terminal, TimeProvider time)
    {
        _folder = DataFolder.Of(caller.Variable);
        _caller = caller;
        _terminal = terminal;
        _time = time;
        _starter = new(_folder, caller, time);
    }

    public string Folder => _folder.Path;

    public string LogFile => HostLog.FileOf(_folder);

    /// <summary>A client that starts the host where none runs, and again if it dies.</summary>
    public OutlastHttpClient Open()
    {
        var host = HostAddress.ReadHostFile(_folder.Path);
        WarnIfOther(host);
        return new(HostAddress.OfSocket(host?.Socket ?? _folder.HostSocket), new() { RetryFor = RetryFor, HostAway = StartAsync, Via = "cli", Time = _time });
    }

    /// <summary>A client of the host that runs; none if none does.</summary>
    public OutlastHttpClient? OpenIfRunning()
    {
        if (HostAddress.ReadHostFile(_folder.Path) is not { } host || !Answers(host.Socket)) return null;
        WarnIfOther(host);
        return new(HostAddress.OfSocket(host.Socket), new() { Via = "cli", Time = _time });
    }

    /// <summary>A patient client of the host that runs; none if none does.</summary>
    public OutlastHttpClient? OpenToRestart() => HostAddress.ReadHostFile(_folder.Path) is { } host && Answers(host.Socket)
        ? new(HostAddress.OfSocket(host.Socket), new() { RetryFor = RetryFor, Via = "cli", Time = _time }) : null;

    /// <summary>Waits for a host of a greater epoch; starts one where none is left. One that serves and would not accept work is given a moment, then told with its reasons: a full disk may stay full.</summary>
    public async Task<(HostFile Host, IReadOnlyList<string> NotReady)> AwaitSuccessorAsync(long epoch, CancellationToken cancel)
    {
        var start = _time.GetTimestamp();
        long? served = null;
        while (_time.GetElapsedTime(start) < SuccessorWithin)
        {
            if (HostAddress.ReadHostFile(_folder.Path) is { } host && host.Epoch > epoch && Answers(host.Socket))
            {
                using var client = new OutlastHttpClient(HostAddress.OfSocket(host.Socket), new() { RetryFor = RetryFor, Via = "cli", Time = _time });
                var ready = await client.ReadyAsync(cancel);
                if (ready.Ready || _time.GetElapsedTime(served ??= _time.GetTimestamp()) > ReadyWithin) return (host, ready.Reasons);
            }
            else if (Holder() is not { IsAlive: true }) await _starter.StartAsync(cancel);
            await Task.Delay(Pause, _time, cancel);
        }
        throw new CommandException($"no new host serves after {Words.Length(SuccessorWithin)}; see {Words.Quote(LogFile)}", ExitCodes.Unreachable);
    }

    /// <summary>A client for somebody who looks on: of the host that runs, or of one in the place of one that died. None while there is none, because somebody shut it down or it is being changed.</summary>
    public async Task<OutlastHttpClient?> ReopenAsync(CancellationToken cancel)
    {
        if (HostAddress.ReadHostFile(_folder.Path) is not { } host) return null;
        if (Answers(host.Socket)) return new(HostAddress.OfSocket(host.Socket), new() { Via = "cli", Time = _time });
        return Holder() is { IsAlive: true } ? null : new(HostAddress.OfSocket(await _starter.StartAsync(cancel)), new() { Via = "cli", Time = _time });
    }

    /// <summary>What waits until whoever has the lock now has gone.</summary>
    public Func<CancellationToken, Task> AwaitGone()
    {
        var holder = Holder();
        return cancel => AwaitGoneAsync(holder, cancel);
    }

    private async Task AwaitGoneAsync(HostLockHolder? holder, CancellationToken cancel)
    {
        var start = _time.GetTimestamp();
        while (holder is { IsAlive: true })
        {
            if (_time.GetElapsedTime(start) > GoneWithin) throw new CommandException($"the host (pid {holder.Pid}) was asked to go and is still there after {Words.Length(GoneWithin)}; see {Words.Quote(LogFile)}", ExitCodes.Fault);
            await Task.Delay(Pause, _time, cancel);
        }
    }

    private HostLockHolder? Holder() => HostLockHolder.Read(_folder);

    /// <summary>Every setting, of the host that runs where one does, and everything that is wrong with what is set here.</summary>
    public (IReadOnlyList<ExplainedSetting> Settings, IReadOnlyList<string> Errors) Explain(IReadOnlyList<SettingView>? running)
    {
        var (local, errors) = LocalSettings.Read(_folder, _caller.Variable);
        var (file, _) = LocalSettings.Read(_folder, _ => null);
        return (ExplainedSetting.Of(running, local, file, errors), errors);
    }

    /// <summary>Whether somebody listens at a socket.</summary>
    internal static bool Answers(string path)
    {
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            socket.Connect(new UnixDomainSocketEndPoint(path));
            return true;
        }
        catch (Exception e) when (e is SocketException or ArgumentException)
        {
            return false;
        }
    }

    private async Task<HostAddress?> StartAsync(CancellationToken cancel) => HostAddress.OfSocket(await _starter.StartAsync(cancel));

    private void WarnIfOther(HostFile? host)
    {
        if (host is null || host.Version == ProgramVersion.Text || Holder() is not { IsAlive: true } holder) return;
        if (ProgramVersion.Warning(host.Version, holder.Program is { } program ? $"update {program.Name}, which it is part of" : $"{_caller.Program} restart") is { } warning) _terminal.Say(warning);
    }
}
