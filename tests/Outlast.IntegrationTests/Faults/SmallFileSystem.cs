using System.Diagnostics;
using Outlast.TestKit;

namespace Outlast.IntegrationTests.Faults;

/// <summary>Where a host runs: as this process does, or in a mount namespace of its own.</summary>
/// <param name="Inside">The command that starts something there.</param>
/// <param name="Root">What its paths begin with, seen from here.</param>
internal sealed record Place(string[] Inside, string Root)
{
    public static Place Here { get; } = new([], "");
}

/// <summary>A real file system of a few MiB that can be filled to the last block: a tmpfs, mounted as root or else in a user namespace.</summary>
internal sealed class SmallFileSystem : IDisposable
{
    private static readonly byte[] Block = new byte[4096];
    private readonly ScratchFolder _scratch = new();
    private readonly Process? _namespace;
    private readonly string _path;

    private SmallFileSystem(int mebibytes)
    {
        _path = Directory.CreateDirectory(_scratch.File("small")).FullName;
        string[] mount = ["mount", "-t", "tmpfs", "-o", $"size={mebibytes}m,mode=0700", "outlast-test", _path];
        if (Run(mount, out var asRoot))
        {
            Place = Place.Here;
            return;
        }
        _namespace = Process.Start(new ProcessStartInfo("unshare", ["-rm", "/bin/sh", "-c", "\"$@\" && echo mounted && exec sleep infinity", "sh", .. mount]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        if (_namespace.StandardOutput.ReadLine() != "mounted")
            throw new InvalidOperationException($"A small file system can be mounted neither as root ({asRoot}) nor in a user namespace ({_namespace.StandardError.ReadToEnd()}): a full disk cannot be tested here, and that is no pass.");
        Place = new(["nsenter", "--target", $"{_namespace.Id}", "--user", "--mount", "--preserve-credentials", "--"], $"/proc/{_namespace.Id}/root");
    }

    /// <summary>Mounts one.</summary>
    /// <exception cref="InvalidOperationException">It cannot be done on this machine; the message says why.</exception>
    public static SmallFileSystem Mount(int mebibytes = 16) => new(mebibytes);

    public Place Place { get; }

    /// <summary>All of it is a data folder.</summary>
    public DataFolder Data => new(_path);

    /// <summary>A folder of the test's beside it, with room.</summary>
    public ScratchFolder Roomy => _scratch;

    /// <summary>Takes every block that is left.</summary>
    public void Fill()
    {
        using var filler = new FileStream(Filler, FileMode.Append, FileAccess.Write, FileShare.Read, bufferSize: 0);
        try
        {
            while (true) filler.Write(Block);
        }
        catch (IOException)
        {
            // Full.
        }
    }

    /// <summary>How many blocks are left.</summary>
    public long FreeBlocks => new DriveInfo(Place.Root + _path).AvailableFreeSpace / Block.Length;

    /// <summary>Gives them back.</summary>
    public void MakeRoom() => File.Delete(Filler);

    public void Dispose()
    {
        if (_namespace is null)
        {
            if (!Run(["umount", "--lazy", _path], out var why)) throw new InvalidOperationException(why);
        }
        else
        {
            _namespace.Kill();
            _namespace.WaitForExit();
            _namespace.Dispose();
        }
        _scratch.Dispose();
    }

    private string Filler => Path.Combine(Place.Root + _path, "filler");

    private static bool Run(string[] command, out string error)
    {
        using var process = Process.Start(new ProcessStartInfo(command[0], command[1..]) { RedirectStandardError = true })!;
        error = process.StandardError.ReadToEnd().Trim();
        process.WaitForExit();
        return process.ExitCode == 0;
    }
}
