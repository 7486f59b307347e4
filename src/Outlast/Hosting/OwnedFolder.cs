using Outlast.Runners.Processes;

namespace Outlast.Hosting;

/// <summary>Makes a data folder what it must be: there, and its owner's alone.</summary>
public static class OwnedFolder
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    /// <summary>Makes the folder and what must be in it, or takes the others' rights to it away.</summary>
    /// <exception cref="DataFolderException">It cannot be made, or holds somebody's other files.</exception>
    public static void Prepare(DataFolder folder)
    {
        try
        {
            Make(folder.Path);
            Close(folder);
            foreach (var part in (string[])[folder.Tasks, folder.Logs, folder.Quarantine]) Make(part);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new DataFolderException(folder, e.Message.TrimEnd('.'));
        }
    }

    /// <summary>Whether <see cref="Prepare"/> would succeed, without doing anything.</summary>
    /// <exception cref="DataFolderException">It would not.</exception>
    public static void Check(DataFolder folder)
    {
        var path = folder.Path;
        if (Directory.Exists(path) && HoldsOthersFiles(folder)) throw new DataFolderException(folder, OthersFiles);
        while (!Directory.Exists(path) && Path.GetDirectoryName(path) is { } above) path = above;
        if (LibC.Access(path, LibC.WriteAccess | LibC.ExecuteAccess) != 0) throw new DataFolderException(folder, $"'{path}' cannot be written");
    }

    private const string OthersFiles = "others can reach it, and it holds files that are not Outlast's";

    private static bool IsOpenToOthers(DataFolder folder) => !OperatingSystem.IsWindows() && (File.GetUnixFileMode(folder.Path) & ~OwnerOnly) != 0;

    private static bool HoldsOthersFiles(DataFolder folder) =>
        IsOpenToOthers(folder) && !File.Exists(folder.HostLock) && Directory.EnumerateFileSystemEntries(folder.Path).Any(e => Path.GetFileName(e) != "outlast.json");

    private static void Make(string path)
    {
        if (OperatingSystem.IsWindows()) Directory.CreateDirectory(path);
        else Directory.CreateDirectory(path, OwnerOnly);
    }

    /// <summary>Takes the others' rights to a folder away, where it is ours to decide: a folder that holds somebody's other files stays as it is.</summary>
    private static void Close(DataFolder folder)
    {
        if (OperatingSystem.IsWindows() || !IsOpenToOthers(folder)) return;
        if (HoldsOthersFiles(folder)) throw new IOException(OthersFiles);
        File.SetUnixFileMode(folder.Path, OwnerOnly);
    }
}

/// <summary>A data folder that cannot be used.</summary>
/// <param name="folder">The folder.</param>
/// <param name="why">Why, in words.</param>
public sealed class DataFolderException(DataFolder folder, string why) : OutlastException($"The data folder '{folder.Path}' cannot be used: {why}.")
{
    /// <summary>The folder.</summary>
    public DataFolder Folder { get; } = folder;
}
