using System.CommandLine;
using Outlast.Cli.Rendering;
using Outlast.Cli.Serving;

namespace Outlast.Cli.Verbs;

internal static class ConfigVerb
{
    public const string Name = "config";

    public static Command Create(CommandContext context)
    {
        var (explain, json) = Verb.Make("explain", "Every setting: its value, where it was set, what it may be, what it does. Of the running host; starts none", "One setting a line");
        var key = new Argument<string?>("KEY") { Description = "Only this setting, by its key or its environment variable", Arity = ArgumentArity.ZeroOrOne };
        explain.Arguments.Add(key);
        explain.SetAction((parsed, cancel) => ExplainAsync(context, parsed.GetValue(key), parsed.GetValue(json), cancel));
        return new Command(Name, "The settings of the host") { explain };
    }

    private static async Task<int> ExplainAsync(CommandContext context, string? key, bool json, CancellationToken cancel)
    {
        using var client = context.Door.OpenIfRunning();
        var host = client is null ? null : await client.HostAsync(cancel);
        var (settings, errors) = context.Door.Explain(host?.Limits);
        if (key is not null) settings = [Find(settings, key)];

        if (json)
            foreach (var setting in settings) Json.Write(context.Terminal, setting, CliJson.Relaxed.ExplainedSetting);
        else if (context.Terminal.OutIsTerminal)
            foreach (var line in Sheet(settings, context, host?.Program)) context.Terminal.Line(line);
        else
            Rows(settings, context, host?.Program).Write(context.Terminal);

        if (!json) context.Terminal.Say(host is null ? $"no host runs for {context.Door.Folder}: these are what one would have that is started here" : $"these are in force in the host that runs (pid {host.Pid}); it read them when it started");
        if (errors.Count == 0) return ExitCodes.Ok;
        context.Terminal.Say($"a host cannot start with these settings{(host is null ? "" : "; the one that runs goes on with what it has")}:");
        foreach (var error in errors) context.Terminal.SayMore("  " + ControlSequences.Escape(error));
        return ExitCodes.Fault;
    }

    private static ExplainedSetting Find(IReadOnlyList<ExplainedSetting> settings, string key)
    {
        if (settings.FirstOrDefault(s => s.Key == key || s.Variable == key) is { } found) return found;
        var near = NearestNames.Of(key, settings.Select(s => s.Key));
        throw CommandException.Usage($"'{key}' is no setting; {(near.Count > 0 ? $"is it {string.Join(" or ", near)}?" : $"there are: {string.Join(", ", settings.Select(s => s.Key))}")}");
    }

    /// <summary>For reading on a terminal: nothing is cut.</summary>
    internal static IEnumerable<string> Sheet(IReadOnlyList<ExplainedSetting> settings, CommandContext context, string? program = null)
    {
        foreach (var setting in settings)
        {
            var head = $"{setting.Key} = {ControlSequences.Escape(setting.Value)}";
            yield return context.Terminal.Ink ? Ink.Bold(head) : head;
            foreach (var line in TextWidth.Wrap(setting.About, context.Terminal.Width - 4)) yield return "    " + line;
            string[] facts = [setting.From.Length > 0 ? $"set by {setting.From}" : "", setting.Range, $"default {setting.Default}", setting.Variable];
            foreach (var line in TextWidth.Wrap(string.Join("; ", facts.Where(f => f.Length > 0)), context.Terminal.Width - 4)) yield return "    " + (context.Terminal.Ink ? Ink.Dim(line) : line);
            if (Note(setting, context, program) is not { Length: > 0 } note) continue;
            foreach (var line in TextWidth.Wrap(note, context.Terminal.Width - 4)) yield return "    " + (context.Terminal.Ink ? Ink.OfLevel("warn", line) : line);
        }
    }

    private static Table Rows(IReadOnlyList<ExplainedSetting> settings, CommandContext context, string? program)
    {
        var table = new Table(new("SETTING"), new("VALUE"), new("SET BY"), new("DEFAULT"), new("RANGE"), new("ENVIRONMENT"), new("NOTE"), new("ABOUT"));
        foreach (var s in settings) table.Add(s.Key, s.Value, s.From, s.Default, s.Range, s.Variable, Note(s, context, program), s.About);
        return table;
    }

    private static string Note(ExplainedSetting setting, CommandContext context, string? program) => setting.Broken is { } broken ? $"broken: {ControlSequences.Escape(broken)}" : setting.Coming switch
    {
        null => "",
        { } coming when program is not null => $"needs a new start of {program}: {coming.From} says {ControlSequences.Escape(coming.Value)}",
        { ByRestart: true } coming => $"needs restart: {coming.From} says {ControlSequences.Escape(coming.Value)}; to have it: {context.Command("restart")}",
        var coming => $"needs a new start from here: {coming.From} is {ControlSequences.Escape(coming.Value)} in this shell, and a restart keeps the environment that the host has; to have it: {context.Command("shutdown")}, then any verb",
    };
}
