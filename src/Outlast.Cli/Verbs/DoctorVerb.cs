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
        foreach (var check in findings.Checks) Tell(terminal, check);
        terminal.Line("");
        var settings = new Table(new("SETTING"), new("VALUE"), new("SET BY", Least: 10));
        foreach (var setting in host.Limits) settings.Add(setting.Key, setting.Value, new(setting.From, setting.From == "default" ? Ink.Dim : null));
        settings.Write(terminal);
        terminal.Line("");
        terminal.Line(VersionVerb.Describe(host, context.Time.GetUtcNow()));
    }

    /// <summary>Nothing of a finding is cut: on a terminal it goes on below itself.</summary>
    private static void Tell(Terminal terminal, CheckView check)
    {
        var text = ControlSequences.Escape(check.Do is { } next ? $"{check.Text}. Do: {next}" : check.Text);
        if (!terminal.OutIsTerminal)
        {
            terminal.Line($"{check.Level}\t{check.Name}\t{text}");
            return;
        }
        var head = $"{check.Level,-5}  {check.Name,-10}  ";
        var margin = new string(' ', head.Length);
        foreach (var (i, line) in TextWidth.Wrap(text, Math.Max(20, terminal.Width - head.Length)).Index())
            terminal.Line((i > 0 ? margin : terminal.Ink ? Ink.OfLevel(check.Level, head) : head) + line);
    }
}
