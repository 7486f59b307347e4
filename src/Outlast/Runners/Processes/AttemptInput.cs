using System.Runtime.InteropServices;

namespace Outlast.Runners.Processes;

/// <summary>The open standard input of an attempt, as senders reach it.</summary>
internal sealed class AttemptInput(AttemptFolder folder)
{
    // One sender at a time, so that what two of them send is not mixed.
    private readonly Lock _gate = new();

    /// <summary>Hands over what fits, and end-of-file if all of it did and that is wanted.</summary>
    /// <exception cref="SystemCallException">The pipe cannot be used.</exception>
    public InputReceipt Send(ReadOnlySpan<byte> bytes, bool end)
    {
        lock (_gate)
        {
            // That the pipe can be opened proves no reader: whoever starts the holder has both ends for a moment. What is written then, and ended, would never be read.
            if (!File.Exists(folder.StdinOpened)) return new(0, InputState.NotStarted);
            using var pipe = Descriptor.TryOpen(folder.Stdin, LibC.WriteOnly | LibC.NonBlocking, out var errno);
            if (pipe is null) return new(0, WhyClosed(errno));
            using var holder = Descriptor.TryOpen(folder.StdinEnd, LibC.WriteOnly | LibC.NonBlocking, out errno);
            if (holder is null) return new(0, WhyUnheld(errno));
            var receipt = Write(pipe, bytes);
            if (end && receipt.State == InputState.Taken) End(holder);
            return receipt;
        }
    }

    private InputState WhyClosed(int errno) => errno switch
    {
        LibC.ENXIO => InputState.Unread,
        LibC.ENOENT or LibC.ENOTDIR => File.Exists(folder.StdinEnd) ? InputState.Ended : InputState.NotStarted,
        _ => throw new SystemCallException("open", errno, folder.Stdin),
    };

    private InputState WhyUnheld(int errno) => errno switch
    {
        LibC.ENXIO => InputState.Ended,
        LibC.ENOENT or LibC.ENOTDIR => InputState.NotStarted,
        _ => throw new SystemCallException("open", errno, folder.StdinEnd),
    };

    /// <summary>The command has opened its end by now, so that the name is needed no more; without it nobody can write behind the end.</summary>
    private void End(Descriptor holder)
    {
        holder.Write("\n"u8, folder.StdinEnd);
        File.Delete(folder.Stdin);
    }

    private unsafe InputReceipt Write(Descriptor pipe, ReadOnlySpan<byte> bytes)
    {
        var taken = 0;
        fixed (byte* start = bytes)
        {
            while (taken < bytes.Length)
            {
                var written = LibC.Write(pipe.Number, start + taken, bytes.Length - taken);
                if (written > 0)
                {
                    taken += (int)written;
                    continue;
                }
                switch (Marshal.GetLastPInvokeError())
                {
                    case LibC.EINTR: continue;
                    case LibC.EAGAIN: return new(taken, InputState.Full);
                    case LibC.EPIPE: return new(taken, InputState.Unread);
                    case var errno: throw new SystemCallException("write", errno, folder.Stdin);
                }
            }
        }
        return new(taken, InputState.Taken);
    }
}
