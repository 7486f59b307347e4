using System.Globalization;
using System.Runtime.InteropServices;
using Outlast.Cli.Calling;
using Outlast.Cli.Rendering;
using Outlast.Client;
using Outlast.Hosting;
using Outlast.Runners.Processes;

namespace Outlast.Cli.Serving;

/// <summary>Starts a host that has nothing of this program but its user: own session, no terminal, no descriptor, no mark of a task.</summary>
/// <remarks>Several may start one at once: the lock decides, and the losers wait for the winner's socket.</remarks>
internal sealed class HostStarter(DataFolder folder, Caller caller, TimeProvider time)
{
    public const string OnDemandOption = "--on-demand";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30), Pause = TimeSpan.FromMilliseconds(10);
    private int? _child;

    /// <summary>The socket of a host that listens.</summary>
    public async Task<string> StartAsync(CancellationToken cancel)
    {
        FolderRefusal.Prepare(folder);
        var start = time.GetTimestamp();
        long? logged = null;
        while (time.GetElapsedTime(start) < Patience)
        {
            if (HostAddress.ReadHostFile(folder.Path) is { } host && HostDoor.Answers(host.Socket)) return host.Socket;
            RefuseIfEmbedded();
            if (_child is { } child && LibC.ExitCodeOf(child) is { } code)
            {
                _child = null;
                // A loser of the lock leaves the field to the winner; anything else will fail again.
                if (logged is not null && code != ExitCodes.Conflict) throw Failed($"it ended with code {code}", logged.Value);
            }
            if (_child is null && HostLockHolder.Read(folder) is not { IsAlive: true })
            {
                logged = HostLog.LengthOf(folder);
                _child = Spawn();
            }
            await Task.Delay(Pause, time, cancel);
        }
        if (HostLockHolder.Read(folder) is { Program: { } program, IsAlive: true } holder)
            throw new CommandException($"the host of '{folder.Path}' is part of {program.Name} ({Words.Invariant($"pid {holder.Pid}")}), which does not answer after {Words.Length(Patience)}", ExitCodes.Unreachable);
        throw Failed($"it does not listen after {Patience.TotalSeconds} s", logged ?? HostLog.LengthOf(folder));
    }

    /// <summary>A folder whose host was last part of another program is that program's: only it has the handlers that its tasks need, and a host in its place would keep it away.</summary>
    private void RefuseIfEmbedded()
    {
        if (HostLockHolder.Read(folder) is not { Program: { } program } holder) return;
        if (!holder.IsAlive)
            throw new CommandException($"no host runs for '{folder.Path}', which belongs to {program.Name}: start that program. To serve the folder without what only it can run: {caller.Program} serve", ExitCodes.Unreachable);
        if (!program.Listens)
            throw new CommandException($"the host of '{folder.Path}' is part of {program.Name} ({Words.Invariant($"pid {holder.Pid}")}), which lets no command reach it: it was built without AddSocket()", ExitCodes.Unreachable);
    }

    private int Spawn()
    {
        var log = LibC.Create(HostLog.FileOf(folder), LibC.O_WRONLY | LibC.O_APPEND);
        if (log < 0) throw new CommandException($"cannot write to '{HostLog.FileOf(folder)}': {Marshal.GetLastPInvokeErrorMessage()}", ExitCodes.Unreachable);
        try
        {
            string[] arguments = [.. ProgramArguments(), "serve", OnDemandOption];
            return Spawner.Start(new() { Program = arguments[0], Arguments = arguments, Environment = [.. HostEnvironment()], Folder = "/", Descriptors = [(log, 1), (log, 2)], NewSession = true });
        }
        finally
        {
            LibC.Close(log);
        }
    }

    /// <summary>This program again, however it was started.</summary>
    public static IEnumerable<string> ProgramArguments()
    {
        var program = Environment.ProcessPath!;
        return Path.GetFileName(program) == "dotnet" ? [program, "exec", typeof(HostStarter).Assembly.Location] : [program];
    }

    /// <summary>The folder by its absolute name, for the host's own is another; the limit of open files as it was before .NET raised it here.</summary>
    public IEnumerable<string> HostEnvironment() =>
        caller.Environment.Where(v => v.Key != "OUTLAST_DATA").Select(v => $"{v.Key}={v.Value}")
            .Append($"OUTLAST_DATA={folder.Path}")
            .Append($"{Caller.ScriptVariable}={caller.OpenFiles?.ToString(CultureInfo.InvariantCulture) ?? "unlimited"}");

    private CommandException Failed(string how, long logged)
    {
        var said = HostLog.Since(folder, logged);
        return new($"the host could not be started: {(said.Length > 0 ? said : how)}. Its log: {HostLog.FileOf(folder)}", ExitCodes.Unreachable);
    }
}
