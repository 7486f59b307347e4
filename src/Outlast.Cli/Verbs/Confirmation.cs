using System.Text;
using Outlast.Cli.Rendering;

namespace Outlast.Cli.Verbs;

/// <summary>A question to the person at the terminal, before something that cannot be undone.</summary>
internal static class Confirmation
{
    private const int Input = 0;

    /// <summary>Whether anybody is there to answer.</summary>
    public static bool IsPossible(Terminal terminal) => LibC.IsTerminal(Input) && terminal.ErrorIsTerminal;

    /// <summary>Only a clear yes is one.</summary>
    public static bool Ask(Terminal terminal, string question)
    {
        terminal.WriteError(Encoding.UTF8.GetBytes($"{question} [y/N] "));
        var answer = new byte[64];
        var count = LibC.Read(Input, answer);
        return count > 0 && Encoding.UTF8.GetString(answer, 0, count).Trim().ToLowerInvariant() is "y" or "yes";
    }
}
