using System.CommandLine;
using Outlast.Cli.Verbs;
using Outlast.Client;

namespace Outlast.Cli.Completing;

/// <summary>What only a host or the disk can tell, asked when somebody completes.</summary>
internal enum LiveWords { None, Open, Tasks, Labels, Sessions, Folders }

/// <summary>An option, as a shell completes it.</summary>
/// <param name="Names">As typed: <c>--follow</c>, <c>-f</c>.</param>
/// <param name="About">What it does.</param>
/// <param name="TakesValue">Whether a value follows.</param>
/// <param name="Words">Values that are fixed.</param>
/// <param name="Live">Values that are not.</param>
internal sealed record CompletedOption(IReadOnlyList<string> Names, string About, bool TakesValue, IReadOnlyList<string> Words, LiveWords Live);

/// <summary>A verb, as a shell completes it: read from the very tree that parses, so that it cannot say anything else.</summary>
/// <param name="Path">As typed, with a space between: <c>config explain</c>; empty at the top.</param>
/// <param name="Verbs">What may follow.</param>
/// <param name="Options">Its options.</param>
/// <param name="Words">Arguments that are fixed.</param>
/// <param name="Live">Arguments that are not.</param>
internal sealed record CompletedVerb(string Path, IReadOnlyList<(string Name, string About)> Verbs, IReadOnlyList<CompletedOption> Options, IReadOnlyList<string> Words, LiveWords Live)
{
    // What has ended cannot be stopped, steered or waited for.
    private static readonly string[] OfOpenTasks = ["stop", "extend", "send", "wait", "answer"];
    private static readonly string[] Signals = ["TERM", "INT", "HUP", "QUIT", "USR1", "USR2", "KILL"];

    /// <summary>Every verb below a command, itself first.</summary>
    public static IEnumerable<CompletedVerb> Of(Command command, IReadOnlyList<string> settings, string path = "", params Option[] inherited)
    {
        var verbs = command.Subcommands.Where(c => !c.Hidden).ToList();
        var argument = command.Arguments.FirstOrDefault()?.Name;
        Option[] options = [.. command.Options.Where(o => !o.Hidden), .. inherited];
        yield return new(path, [.. verbs.Select(v => (v.Name, FirstSentence(v.Description)))], [.. options.Select(Of)],
            argument == "KEY" ? settings : [], argument != "ID" ? LiveWords.None : OfOpenTasks.Contains(path) ? LiveWords.Open : LiveWords.Tasks);
        foreach (var below in verbs.SelectMany(v => Of(v, settings, path.Length == 0 ? v.Name : $"{path} {v.Name}", [.. options.Where(o => o.Recursive)]))) yield return below;
    }

    private static CompletedOption Of(Option option)
    {
        string[] words = option.HelpName switch
        {
            "STATE" => [.. TaskStateNames.All],
            "KIND" => ["process", "handler"],
            "SIG" => Signals,
            { } name when name.Contains('|', StringComparison.Ordinal) => [.. name.Split('|').Where(w => w.All(c => char.IsAsciiLetterLower(c) || c == '-'))],
            _ => [],
        };
        var live = option.HelpName switch
        {
            "DIR" => LiveWords.Folders,
            "S" => LiveWords.Sessions,
            "KEY[=VALUE]" => LiveWords.Labels,
            { } name when name.Split('|')[0] == "ID" => LiveWords.Open,
            _ => LiveWords.None,
        };
        var isHelp = option is System.CommandLine.Help.HelpOption;
        string[] names = isHelp ? ["--help", "-h"] : [option.Name, .. option.Aliases];
        return new(names, FirstSentence(option.Description), !isHelp && option.ValueType != typeof(bool), words, live);
    }

    private static string FirstSentence(string? text) => (text ?? "").Split(". ")[0].Split(": ")[0];
}
