using System.CommandLine;
using Outlast.Cli.Rendering;
using Outlast.Client;

namespace Outlast.Cli.Verbs;

internal static class DoctorVerb
{
    public static Command Create(CommandContext context)
    {
        var (command, json) = Verb.Make("doctor", "Look at everything that can be wrong, and at every setting and where it was set; exit code 1 if something is", "The checks");
        command.SetAction((parsed, cancel) => RunAsync(context, parsed.GetValue(json), cancel));
        return command;
    }

    private static async Task<int> RunAsync(CommandContext context, bool json, CancellationToken cancel)
    {
        using var client = context.Door.Open();
        var findings = await client.DoctorAsync(cancel);
        if (json) Json.Write(context.Terminal, findings, OutlastJson.Wire.DoctorView);
        else Tell(context, findings, await client.HostAsync(cancel));
        return findings.Ok ? ExitCodes.Ok : ExitCodes.Fault;
    }

    private static void Tell(CommandContext context, DoctorView findings, HostView host)
    {
        var terminal = context.Terminal;
        var checks = new Table(new("LEVEL"), new("CHECK"), new("FOUND", Least: 20));
        foreach (var check in findings.Checks) checks.Add(new Cell(check.Level, text => Ink.OfLevel(check.Level, text)), check.Name, check.Text);
        checks.Write(terminal);
        foreach (var check in findings.Checks.Where(c => c.Do is not null)) terminal.Line($"{check.Name}: {ControlSequences.Escape(check.Do!)}");
        terminal.Line("");
        var settings = new Table(new("SETTING"), new("VALUE"), new("SET BY", Least: 10));
        foreach (var setting in host.Limits) settings.Add(setting.Key, setting.Value, new(setting.From, setting.From == "default" ? Ink.Dim : null));
        settings.Write(terminal);
        terminal.Line("");
        terminal.Line(VersionVerb.Describe(host, context.Time.GetUtcNow()));
    }
}
