using Outlast.Benchmarks.Hosts;
using Outlast.Runners;
using Outlast.Runners.Processes;

namespace Outlast.Benchmarks.Machine;

/// <summary>The wrapper and the keeper of a process task with their files, and nothing that supervises, records or checks them.</summary>
internal sealed class BareScripts(DataFolder folder)
{
    private readonly TaskSpec _spec = Commands.Submission(Commands.True).Spec;

    /// <summary>Starts both and waits for both.</summary>
    public void Run()
    {
        var attempt = Describe();
        var files = new AttemptFolder(attempt.Folder);
        files.Create();
        int keeper, wrapper;
        using (var attemptLock = Create(files.Lock))
        {
            attemptLock.TryLock();
            using (var exit = Create(files.Exit)) exit.Write(ExitRecord.Room, files.Exit);
            using var log = Create(files.Output);
            using var lost = Create(AttemptFolder.LostOf(files.Output));
            lost.TryLock();
            var (read, write) = Descriptor.Pipe();
            using (read)
            using (write)
            {
                keeper = Spawner.Start(new SpawnRequest
                {
                    Program = "/bin/sh",
                    Arguments = ["sh", "-c", KeeperScript.Text, "sh", .. KeeperScript.Arguments(files.Output, _spec.Process!)],
                    Environment = ["PATH=/usr/bin:/bin", "LC_ALL=C"],
                    Folder = "/",
                    Descriptors = [(read.Number, 0), (lost.Number, KeeperScript.LockDescriptor), (log.Number, KeeperScript.LogDescriptor)],
                });
                var environment = TaskEnvironment.Of(attempt, folder.Path);
                wrapper = Spawner.Start(new SpawnRequest
                {
                    Program = "/bin/sh",
                    Arguments = ["sh", "-c", WrapperScript.Compose(_spec.Process!, environment, 18 /* 022 */, null), "sh", files.Path, .. _spec.Process!.Argv],
                    Environment = environment.Variables,
                    Folder = "/",
                    Descriptors = [(write.Number, WrapperScript.OutputDescriptor), (attemptLock.Number, WrapperScript.LockDescriptor)],
                });
            }
        }
        if (SystemCalls.Wait(wrapper) != 0 | SystemCalls.Wait(keeper) != 0) throw new InvalidOperationException($"The scripts of {files.Path} did not end well.");
    }

    /// <summary>An attempt whose context writes nothing down.</summary>
    public AttemptContext Describe()
    {
        var id = TaskId.New(DateTimeOffset.UtcNow);
        return new()
        {
            Task = id,
            Attempt = 1,
            Spec = _spec,
            Folder = folder.Attempt(id, 1),
            Launched = _ => Task.CompletedTask,
            Annotated = _ => Task.CompletedTask,
            StopAsked = () => null,
        };
    }

    private static Descriptor Create(string path) => Descriptor.Open(path, LibC.ReadWrite | LibC.Create | LibC.Append);
}
