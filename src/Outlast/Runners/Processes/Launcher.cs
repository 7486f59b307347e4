using System.Collections.Immutable;
using Outlast.Diagnostics;
using Outlast.Output;

namespace Outlast.Runners.Processes;

/// <summary>What became of a launch.</summary>
internal abstract record Launch
{
    /// <summary>The process exists.</summary>
    internal sealed record Started(WatchedProcess Wrapper, ImmutableArray<WatchedProcess> Keepers) : Launch;

    /// <summary>The system refuses it; nothing is left behind.</summary>
    internal sealed record Refused(string Reason) : Launch;
}

/// <summary>Starts an attempt: folder, lock, keeper, wrapper, in this order.</summary>
internal sealed class Launcher(ProcessRunnerOptions options, ProcessWatcher watcher)
{
    private const string Shell = "/bin/sh";

    private static readonly string[] KeeperEnvironment = ["PATH=/usr/bin:/bin", "LC_ALL=C"];

    /// <exception cref="NeverStartedException">The machine has no room for it now.</exception>
    public Launch Start(AttemptContext attempt, AttemptFolder folder)
    {
        var spec = attempt.Spec.Process!;
        if (spec.Argv.Concat(spec.Environment.Values).Concat(spec.Environment.Keys).Any(text => text.Contains('\0', StringComparison.Ordinal))) return Refuse(spec, "an argument or variable contains a NUL character");
        if (spec.Environment.Keys.FirstOrDefault(name => name.Length == 0 || name.Contains('=', StringComparison.Ordinal)) is { } misnamed) return Refuse(spec, $"'{misnamed}' is no name of a variable");
        var folderErrno = ProgramResolver.ProbeFolder(spec.Cwd);
        if (folderErrno != 0) return RefuseFolder(spec, folderErrno);
        var (program, programErrno) = ProgramResolver.Resolve(spec);
        if (program is null) return Refuse(spec, LibC.Describe(programErrno));
        CleanUpEarlierTry(folder);
        try
        {
            return Start(attempt, spec, folder, program);
        }
        catch (SpawnException e) when (e.Errno is LibC.ENOENT or LibC.EACCES or LibC.ENOTDIR && ProgramResolver.ProbeFolder(spec.Cwd) != 0)
        {
            folder.Remove();
            return RefuseFolder(spec, e.Errno);
        }
        catch (SpawnException e) when (e.Errno is LibC.E2BIG)
        {
            folder.Remove();
            return Refuse(spec, LibC.Describe(e.Errno));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or SpawnException)
        {
            folder.Remove();
            throw new NeverStartedException(IsDiskFull(e) ? $"The disk is full: {e.Message}." : $"The launch failed: {e.Message}", e);
        }
        catch (NeverStartedException)
        {
            folder.Remove();
            throw;
        }
    }

    private Launch.Started Start(AttemptContext attempt, ProcessSpec spec, AttemptFolder folder, string program)
    {
        folder.Create();
        using var attemptLock = CreateFile(folder.Lock, System.Text.Encoding.ASCII.GetBytes(Machine.BootId + "\n"));
        if (!attemptLock.TryLock()) throw SystemCallException.Last("flock", folder.Lock);
        Milestone.Reach(Milestone.LockTaken, attempt.Task);
        CreateFile(folder.Exit, ExitRecord.Room).Dispose();
        using var stdin = PrepareStdin(spec, folder);
        using var inputEnd = spec.Stdin.Kind == StdinKind.Open ? InputHolder.Start(attempt.Task, folder, watcher) : null;

        var keepers = ImmutableArray.CreateBuilder<WatchedProcess>();
        using var output = OpenLog(attempt, spec, folder.Output, keepers);
        using var error = spec.Stderr == StderrMode.Separate ? OpenLog(attempt, spec, folder.Error, keepers) : null;
        if (keepers.Count > 0) Milestone.Reach(Milestone.KeeperStarted, attempt.Task);

        // Read as late as possible: a stop that was asked by now reaches a task of which nothing has started.
        if (attempt.StopAsked() is not null) throw new NeverStartedException("A stop was asked before it started.");

        var environment = TaskEnvironment.Of(attempt, options.Data?.Path ?? folder.DataFolder);
        var script = WrapperScript.Compose(spec, environment, spec.Umask ?? options.Umask, Limit(spec.OpenFiles ?? options.OpenFiles));
        List<(int, int)> descriptors = [(output.Number, WrapperScript.OutputDescriptor), (attemptLock.Number, WrapperScript.LockDescriptor)];
        if (error is not null) descriptors.Add((error.Number, WrapperScript.ErrorDescriptor));
        if (stdin is not null) descriptors.Add((stdin.Number, 0));
        if (inputEnd is not null) descriptors.Add((inputEnd.Number, WrapperScript.InputEndDescriptor));
        var pid = Spawner.Start(new SpawnRequest
        {
            Program = Shell,
            Arguments = ["sh", "-c", script, "sh", folder.Path, program, .. spec.Argv.Skip(1)],
            Environment = environment.Variables,
            Folder = spec.Cwd,
            Descriptors = descriptors,
        });
        return new Launch.Started(watcher.WatchChild(pid), keepers.ToImmutable());
    }

    /// <summary>What the command writes to: the log itself, or a pipe with a keeper behind it.</summary>
    private Descriptor OpenLog(AttemptContext attempt, ProcessSpec spec, string path, ImmutableArray<WatchedProcess>.Builder keepers)
    {
        CreateFile(path, []).Dispose();
        using var lost = CreateFile(AttemptFolder.LostOf(path), "0 end                   \n"u8);
        var log = Descriptor.Open(path, LibC.WriteOnly | LibC.Append);
        if (spec.OutputVia == OutputRoute.File)
        {
            // Its room is taken now: when the cap has to free some, the disk may be full.
            if (OutputCapRule.WithoutKeeper(spec) is not null) CreateFile(DroppedRange.FileOf(path), DroppedRange.None.ToBytes()).Dispose();
            return log;
        }
        using (log)
        {
            // Not the log itself is locked: a .NET reader takes a shared lock of whatever it opens, and would be refused.
            if (!lost.TryLock()) throw SystemCallException.Last("flock", path);
            var (read, write) = Descriptor.Pipe();
            using (read)
            {
                try
                {
                    keepers.Add(watcher.WatchChild(Spawner.Start(new SpawnRequest
                    {
                        Program = Shell,
                        Arguments = ["sh", "-c", KeeperScript.Text, "sh", .. KeeperScript.Arguments(path, spec)],
                        Environment = [.. KeeperEnvironment, $"{TaskEnvironment.KeeperOf}={attempt.Task}"],
                        Folder = "/",
                        Descriptors = [(read.Number, 0), (lost.Number, KeeperScript.LockDescriptor), (log.Number, KeeperScript.LogDescriptor)],
                    })));
                    return write;
                }
                catch
                {
                    write.Dispose();
                    throw;
                }
            }
        }
    }

    private static Descriptor? PrepareStdin(ProcessSpec spec, AttemptFolder folder)
    {
        switch (spec.Stdin.Kind)
        {
            case StdinKind.None or StdinKind.Open:
                return null;
            case StdinKind.Text:
                CreateFile(folder.Stdin, System.Text.Encoding.UTF8.GetBytes(spec.Stdin.Text ?? "")).Dispose();
                return Descriptor.Open(folder.Stdin, LibC.ReadOnly);
            case StdinKind.Fifo:
                Descriptor.MakeFifo(folder.Stdin);
                return null;
            default:
                throw new ArgumentOutOfRangeException(nameof(spec));
        }
    }

    /// <summary>An attempt whose folder is there already: allowed only if it provably never started, for otherwise it would run twice.</summary>
    private static void CleanUpEarlierTry(AttemptFolder folder)
    {
        if (!Directory.Exists(folder.Path)) return;
        using var held = Descriptor.TryOpen(folder.Lock, LibC.ReadWrite, out _);
        if (held is not null && !held.TryLock()) throw new NeverStartedException($"An earlier start of this attempt still holds {folder.Lock}.");
        if (folder.ReadPid().Pid is { } pid) throw new InvalidOperationException($"The attempt in {folder.Path} has started before, as process {pid}; it is not started twice.");
        folder.Remove();
    }

    private static Descriptor CreateFile(string path, ReadOnlySpan<byte> content)
    {
        var file = Descriptor.Open(path, LibC.ReadWrite | LibC.Create | LibC.Exclusive);
        try
        {
            if (content.Length > 0) file.Write(content, path);
            return file;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    private static unsafe long? Limit(long? openFiles)
    {
        var limits = stackalloc ulong[2];
        return openFiles is { } wanted && LibC.GetLimit(LibC.OpenFilesLimit, limits) == 0 ? (long)Math.Min((ulong)wanted, limits[1]) : openFiles;
    }

    private static Launch.Refused RefuseFolder(ProcessSpec spec, int errno) => Refuse(spec, $"its folder '{spec.Cwd}' cannot be entered: {LibC.Describe(errno)}");

    private static Launch.Refused Refuse(ProcessSpec spec, string why) => new($"cannot start '{spec.Argv[0]}': {why}");

    private static bool IsDiskFull(Exception e) => e is SystemCallException { IsDiskFull: true } || e.HResult is LibC.ENOSPC or LibC.EDQUOT;
}
