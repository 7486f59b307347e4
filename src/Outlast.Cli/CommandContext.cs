using Outlast.Cli.Calling;
using Outlast.Cli.Rendering;
using Outlast.Cli.Serving;

namespace Outlast.Cli;

/// <summary>What every verb works with.</summary>
internal sealed record CommandContext(Caller Caller, Terminal Terminal, HostDoor Door, TimeProvider Time)
{
    /// <summary>The task inside which the caller runs, if it is one of this data folder.</summary>
    public string? OwnTask => Caller.Task is { } task && Directory.Exists(Path.Combine(Door.Folder, "tasks", task)) ? task : null;

    /// <summary>A command of ours, as it works when typed here.</summary>
    public string Command(string rest) => $"{Caller.Program} {rest}";
}
