using Microsoft.Extensions.Hosting;

namespace Outlast.Hosting;

/// <summary>Has the data folder for a host that is part of another program: there, its owner's alone, and locked until the last that uses it has been disposed.</summary>
internal sealed class FolderHold(DataFolder folder, IEnumerable<SocketMark> sockets, TimeProvider time, IHostEnvironment? program = null) : IDisposable
{
    private HostLock? _lock;

    public DataFolder Folder => folder;

    public string Program { get; } = program?.ApplicationName ?? AppDomain.CurrentDomain.FriendlyName;

    /// <exception cref="HostLockHeldException">Another host has it.</exception>
    /// <exception cref="DataFolderException">It cannot be used.</exception>
    public async Task TakeAsync(CancellationToken cancel)
    {
        OwnedFolder.Prepare(folder);
        _lock = await HostLock.TakeAsync(folder, time, new(Program, sockets.Any()), cancel);
    }

    public void Dispose() => _lock?.Dispose();
}

/// <summary>That the host answers at its folder's socket; added by what makes it do so.</summary>
public sealed record SocketMark;
