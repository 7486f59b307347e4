using System.Text;
using Outlast.Runners.Processes;

namespace Outlast.Hosting;

/// <summary>The right to be the host of a data folder: an exclusive <c>flock</c> that ends with the process, whatever ends it.</summary>
/// <remarks>By libc alone: a .NET file handle takes a lock of its own, and gives it back with everybody's who shares it. What the file says is for people only; the lock is the truth.</remarks>
public sealed class HostLock : IDisposable
{
    private static readonly TimeSpan Retry = TimeSpan.FromSeconds(2), Pause = TimeSpan.FromMilliseconds(20);
    private readonly Descriptor _descriptor;

    private HostLock(Descriptor descriptor) => _descriptor = descriptor;

    /// <summary>Takes the lock. One whose holder is dead, or unknown, is on its way to be free: it is tried again for 2 seconds.</summary>
    /// <param name="folder">The folder; it exists.</param>
    /// <param name="time">The clock.</param>
    /// <param name="program">The program that this host is part of; none for one of its own.</param>
    /// <param name="cancel">Gives up.</param>
    /// <exception cref="HostLockHeldException">A living host has it.</exception>
    /// <exception cref="DataFolderException">The file cannot be opened.</exception>
    public static async Task<HostLock> TakeAsync(DataFolder folder, TimeProvider time, EmbeddingProgram? program = null, CancellationToken cancel = default)
    {
        var descriptor = Descriptor.TryOpen(folder.HostLock, LibC.ReadWrite | LibC.Create, out var errno) ?? throw new DataFolderException(folder, $"'{folder.HostLock}' cannot be opened: {LibC.Describe(errno)}");
        var start = time.GetTimestamp();
        while (!descriptor.TryLock())
        {
            var holder = HostLockHolder.Read(folder);
            if (holder is { IsAlive: true } || time.GetElapsedTime(start) >= Retry)
            {
                descriptor.Dispose();
                throw new HostLockHeldException(folder, holder);
            }
            await Task.Delay(Pause, time, cancel).ConfigureAwait(false);
        }
        Note(descriptor, folder, HostLockHolder.Ourselves(time.GetUtcNow(), program));
        return new(descriptor);
    }

    /// <summary>The lock that the former program of this process held: it was never free.</summary>
    public static HostLock Inherit(int descriptor) => new(new(descriptor));

    /// <summary>The descriptor that holds it.</summary>
    public int Number => _descriptor.Number;

    /// <inheritdoc/>
    public void Dispose() => _descriptor.Dispose();

    private static void Note(Descriptor descriptor, DataFolder folder, HostLockHolder holder)
    {
        try
        {
            descriptor.Truncate();
            descriptor.Write(Encoding.UTF8.GetBytes(holder.ToText()), folder.HostLock);
        }
        catch (IOException)
        {
            // A full disk: nobody can read who it is, and the lock holds all the same.
        }
    }
}

/// <summary>Another host has the data folder.</summary>
/// <param name="folder">The folder.</param>
/// <param name="holder">Who has it; none if it does not say.</param>
public sealed class HostLockHeldException(DataFolder folder, HostLockHolder? holder)
    : OutlastException($"The data folder '{folder.Path}' has a host already: {holder?.Describe() ?? "it does not say which"}. One folder has one host.")
{
    /// <summary>The folder.</summary>
    public DataFolder Folder { get; } = folder;

    /// <summary>Who has it; none if it does not say.</summary>
    public HostLockHolder? Holder { get; } = holder;
}
