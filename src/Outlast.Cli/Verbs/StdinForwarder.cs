using System.Runtime.InteropServices;
using Outlast.Client;

namespace Outlast.Cli.Verbs;

/// <summary>Copies this program's standard input into the named pipe that the task reads.</summary>
/// <remarks>Bound to the attempt that was running when the pipe was opened: what one attempt has read cannot be read again.</remarks>
internal sealed class StdinForwarder(CommandContext context, OutlastHttpClient client)
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);

    public async Task ForwardAsync(string id, CancellationToken cancel)
    {
        try
        {
            var pipe = await OpenAsync(id, cancel);
            if (pipe < 0) return;
            // A thread of its own: a read from a terminal or an idle pipe cannot be cancelled, and must not hold the program's end.
            new Thread(() => Copy(pipe)) { IsBackground = true, Name = "stdin" }.Start();
        }
        catch (OperationCanceledException)
        {
            // The task has ended, or the program leaves.
        }
        catch (Exception e)
        {
            context.Terminal.Say($"standard input was not forwarded: {Problems.Describe(e, context, "run").Text}");
        }
    }

    /// <summary>Waits until the attempt's pipe is there and read; -1 if the task ended first.</summary>
    private async Task<int> OpenAsync(string id, CancellationToken cancel)
    {
        while (true)
        {
            var task = await client.GetAsync(id, cancel: cancel);
            if (task.HasEnded) return -1;
            for (var tries = 0; task.Attempt > 0 && tries < 50; tries++)
            {
                var pipe = LibC.Open(Path.Combine(context.Door.Folder, "tasks", id, Rendering.Words.Invariant($"{task.Attempt}"), "stdin"), LibC.O_WRONLY | LibC.O_NONBLOCK);
                if (pipe >= 0)
                {
                    LibC.SetBlocking(pipe);
                    return pipe;
                }
                var error = Marshal.GetLastPInvokeError();
                if (error is not (LibC.ENOENT or LibC.ENXIO)) throw new IOException($"cannot open the task's standard input: error {error}");
                await Task.Delay(Pause, context.Time, cancel);
            }
            await Task.Delay(Pause, context.Time, cancel);
        }
    }

    private void Copy(int pipe)
    {
        var buffer = new byte[64 * 1024];
        int count;
        while ((count = LibC.Read(0, buffer)) > 0)
            if (LibC.WriteAll(pipe, buffer.AsSpan(0, count)) != 0) break;
        if (count < 0) context.Terminal.Say($"what is piped in here could not be read on: {Marshal.GetPInvokeErrorMessage(-count)}; the task takes that for its end");
        LibC.Close(pipe);
    }
}
