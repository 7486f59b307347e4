using Outlast.Client;

namespace Outlast.Cli.Rendering;

/// <summary>The few colours that carry meaning.</summary>
internal static class Ink
{
    public static string Bold(string text) => $"\e[1m{text}\e[0m";

    public static string Dim(string text) => $"\e[2m{text}\e[0m";

    /// <summary>A text in the colour of a task's state.</summary>
    public static string OfState(string state, string text) => state switch
    {
        TaskStateNames.Running => $"\e[36m{text}\e[0m",
        TaskStateNames.Waiting or TaskStateNames.Stopping => $"\e[33m{text}\e[0m",
        TaskStateNames.Completed => $"\e[32m{text}\e[0m",
        TaskStateNames.Failed or TaskStateNames.TimedOut or TaskStateNames.Lost => $"\e[31m{text}\e[0m",
        _ => Dim(text),
    };

    /// <summary>A text in the colour of a check's level.</summary>
    public static string OfLevel(string level, string text) => level switch
    {
        "ok" => $"\e[32m{text}\e[0m",
        "warn" => $"\e[33m{text}\e[0m",
        _ => $"\e[31m{text}\e[0m",
    };
}
