using Outlast.AspNetCore;
using Outlast.Cli.Rendering;
using Outlast.Hosting;
using Outlast.Runners.Processes;
using Outlast.Sqlite;

namespace Outlast.Cli.Serving;

/// <summary>Everything that a start would look at, without touching a host that serves: so its successor is known to be fit before it goes.</summary>
internal static class StartCheck
{
    /// <summary>How the one line begins that says so; the version follows.</summary>
    public const string Fine = "ok ";
    private const string Shell = "/bin/sh";

    public static int Run(CommandContext context, bool json)
    {
        var folder = DataFolder.Of(context.Caller.Variable);
        List<string> faults = [];
        Look(() => HostProgram.ReadSettings(folder));
        Look(() => OwnedFolder.Check(folder));
        Look(() => new SqliteTaskStore(folder, new(), context.Time).Check());
        Look(() => SocketPath.Choose(folder, Environment.GetEnvironmentVariable));
        Look(() => new ProcessRunner(new() { Data = folder }, context.Time).Dispose());
        if (!File.Exists(Shell)) faults.Add($"there is no {Shell}, which every command is started through");
        if (json) Json.Write(context.Terminal, new StartVerdict(faults.Count == 0, ProgramVersion.Text, faults), CliJson.Relaxed.StartVerdict);
        if (faults.Count > 0) throw new CommandException(string.Join('\n', faults), ExitCodes.Refused);
        if (!json) context.Terminal.Line(Fine + ProgramVersion.Text);
        return ExitCodes.Ok;

        void Look(Action look)
        {
            try
            {
                look();
            }
            catch (Exception e)
            {
                faults.Add(e.Message);
            }
        }
    }
}

/// <summary>Whether a host of this program could serve.</summary>
/// <param name="Ok">It could.</param>
/// <param name="Version">Of this program.</param>
/// <param name="Faults">Why not.</param>
internal sealed record StartVerdict(bool Ok, string Version, IReadOnlyList<string> Faults);
