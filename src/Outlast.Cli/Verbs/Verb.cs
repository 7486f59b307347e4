using System.CommandLine;
using System.Globalization;

namespace Outlast.Cli.Verbs;

/// <summary>Furniture that verbs share.</summary>
internal static class Verb
{
    /// <summary>Makes a verb with <c>--json</c>.</summary>
    public static (Command Command, Option<bool> Json) Make(string name, string description, string json)
    {
        var asJson = new Option<bool>("--json") { Description = json };
        return (new Command(name, description) { asJson }, asJson);
    }

    public static Argument<string> OneTask() => RefusingOptions(new Argument<string>("ID") { Description = "The task: its number, its id, or an end of its id" });

    public static Argument<string?> OneTaskOrAll() => RefusingOptions(new Argument<string?>("ID") { Description = "The task; none: all tasks and the host", Arity = ArgumentArity.ZeroOrOne });

    public static Argument<string[]> Tasks() => RefusingOptions(new Argument<string[]>("ID") { Description = "The tasks: numbers, ids, or ends of ids", Arity = ArgumentArity.OneOrMore });

    public static Argument<string[]> TasksOrNone() => RefusingOptions(new Argument<string[]>("ID") { Description = "The tasks: numbers, ids, or ends of ids", Arity = ArgumentArity.ZeroOrMore });

    /// <summary>An option that takes a whole number from <paramref name="least"/> up.</summary>
    public static Option<long?> Number(string name, string description, long least) => new(name)
    {
        Description = description,
        HelpName = "N",
        CustomParser = result =>
        {
            if (long.TryParse(result.Tokens[0].Value, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= least) return number;
            result.AddError($"{name} '{result.Tokens[0].Value}' is no whole number from {least} up");
            return null;
        },
    };

    /// <summary>An unknown option would otherwise be taken for the name of a task.</summary>
    private static T RefusingOptions<T>(T argument) where T : Argument
    {
        argument.Validators.Add(result =>
        {
            if (result.Tokens.FirstOrDefault(t => t.Value.StartsWith('-')) is { } option) result.AddError($"unrecognized option '{option.Value}'");
        });
        return argument;
    }

    /// <summary>Reads <c>NAME=VALUE</c> pairs; the last of a name counts.</summary>
    public static Dictionary<string, string> Pairs(string option, IEnumerable<string> texts)
    {
        Dictionary<string, string> pairs = [];
        foreach (var text in texts)
        {
            var at = text.IndexOf('=', StringComparison.Ordinal);
            if (at <= 0) throw CommandException.Usage($"{option} '{text}' is no NAME=VALUE");
            pairs[text[..at]] = text[(at + 1)..];
        }
        return pairs;
    }
}
