namespace Outlast.Cli.Serving;

/// <summary>Makes a data folder what it must be: there, and its owner's alone.</summary>
internal static class OwnedFolder
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

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
            throw Unusable(folder, e.Message.TrimEnd('.'));
        }
    }

    /// <summary>Whether <see cref="Prepare"/> would succeed, without doing anything.</summary>
    public static void Check(DataFolder folder)
    {
        var path = folder.Path;
        if (Directory.Exists(path) && HoldsOthersFiles(folder)) throw Unusable(folder, "others can reach it, and it holds files that are not Outlast's");
        while (!Directory.Exists(path) && Path.GetDirectoryName(path) is { } above) path = above;
        if (!LibC.MayWrite(path)) throw Unusable(folder, $"'{path}' cannot be written");
    }

    private static CommandException Unusable(DataFolder folder, string why) => new($"the data folder '{folder.Path}' cannot be used: {why}. Set OUTLAST_DATA to use another", ExitCodes.Refused);

    private static bool IsOpenToOthers(DataFolder folder) => (File.GetUnixFileMode(folder.Path) & ~OwnerOnly) != 0;

    private static bool HoldsOthersFiles(DataFolder folder) =>
        IsOpenToOthers(folder) && !File.Exists(folder.HostLock) && Directory.EnumerateFileSystemEntries(folder.Path).Any(e => Path.GetFileName(e) != "outlast.json");

    private static void Make(string path) => Directory.CreateDirectory(path, OwnerOnly);

    /// <summary>Takes the others' rights to a folder away, where it is ours to decide: a folder that holds somebody's other files stays as it is.</summary>
    private static void Close(DataFolder folder)
    {
        if (!IsOpenToOthers(folder)) return;
        if (HoldsOthersFiles(folder)) throw new IOException("others can reach it, and it holds files that are not Outlast's");
        File.SetUnixFileMode(folder.Path, OwnerOnly);
    }
}
