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
            throw new CommandException($"the data folder '{folder.Path}' cannot be used: {e.Message.TrimEnd('.')}. Set OUTLAST_DATA to use another", ExitCodes.Refused);
        }
    }

    private static void Make(string path) => Directory.CreateDirectory(path, OwnerOnly);

    /// <summary>Takes the others' rights to a folder away, where it is ours to decide: a folder that holds somebody's other files stays as it is.</summary>
    private static void Close(DataFolder folder)
    {
        if ((File.GetUnixFileMode(folder.Path) & ~OwnerOnly) == 0) return;
        if (!File.Exists(folder.HostLock) && Directory.EnumerateFileSystemEntries(folder.Path).Any(e => Path.GetFileName(e) != "outlast.json"))
            throw new IOException("others can reach it, and it holds files that are not Outlast's");
        File.SetUnixFileMode(folder.Path, OwnerOnly);
    }
}
