namespace Outlast.Runners.Processes;

/// <summary>A small process that keeps an open standard input open while nobody writes: neither a host's end nor a sender's is the input's end.</summary>
/// <remarks>
/// It holds the writing end of <c>stdin</c> (1) and reads <c>stdin.eof</c> (0), of which the wrapper alone holds the writing end. So it lives until somebody writes a line there, or the wrapper is gone, however it went: nobody needs to clean up.
/// In a session of its own and marked like a keeper, it is out of reach of the stop of its task.
/// </remarks>
internal static class InputHolder
{
    private const string Script = "read -r line";

    private static readonly string[] OwnEnvironment = ["PATH=/usr/bin:/bin", "LC_ALL=C"];

    /// <summary>Starts it, and returns what the wrapper is to hold.</summary>
    public static Descriptor Start(TaskId task, AttemptFolder folder, ProcessWatcher watcher)
    {
        // In this order: a sender takes the second without the first for an input that was ended.
        Descriptor.MakeFifo(folder.Stdin);
        Descriptor.MakeFifo(folder.StdinEnd);
        // Opened for both ways a named pipe makes nobody wait, and the single ends can be opened behind it.
        using var bothInput = Descriptor.Open(folder.Stdin, LibC.ReadWrite);
        using var bothEnd = Descriptor.Open(folder.StdinEnd, LibC.ReadWrite);
        using var input = Descriptor.Open(folder.Stdin, LibC.WriteOnly);
        using var end = Descriptor.Open(folder.StdinEnd, LibC.ReadOnly);
        var wrappers = Descriptor.Open(folder.StdinEnd, LibC.WriteOnly);
        try
        {
            watcher.WatchChild(Spawner.Start(new SpawnRequest
            {
                Program = "/bin/sh",
                Arguments = ["sh", "-c", Script],
                Environment = [.. OwnEnvironment, $"{TaskEnvironment.KeeperOf}={task}"],
                Folder = "/",
                Descriptors = [(end.Number, 0), (input.Number, 1)],
            }));
            return wrappers;
        }
        catch
        {
            wrappers.Dispose();
            throw;
        }
    }
}
