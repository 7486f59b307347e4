using Outlast.Hosting;

namespace Outlast.Cli.Serving;

/// <summary>What a data folder refuses, as a command says it: with what to do next, and its exit code.</summary>
internal static class FolderRefusal
{
    private const string Elsewhere = "Set OUTLAST_DATA to use another";

    public static CommandException Of(DataFolderException e) => new($"{FirstLower(e.Message)} {Elsewhere}", ExitCodes.Refused);

    public static CommandException Of(HostLockHeldException e) => new($"{FirstLower(e.Message)} {Elsewhere}", ExitCodes.Conflict);

    /// <summary>Makes the folder ready.</summary>
    public static void Prepare(DataFolder folder)
    {
        try
        {
            OwnedFolder.Prepare(folder);
        }
        catch (DataFolderException e)
        {
            throw Of(e);
        }
    }

    private static string FirstLower(string text) => char.ToLowerInvariant(text[0]) + text[1..];
}
