using System.CommandLine;
using System.CommandLine.Parsing;
using Outlast.Cli.Rendering;
using Outlast.Cli.Verbs;

namespace Outlast.Cli;

/// <summary>From arguments to an exit code.</summary>
internal static class CommandLine
{
    private static readonly (string Name, Func<CommandContext, Command> Create)[] Verbs =
    [
        ("ps", PsVerb.Create), (TopVerb.Name, TopVerb.Create), ("show", ShowVerb.Create), ("tree", TreeVerb.Create), ("logs", LogsVerb.Create), ("wait", WaitVerb.Create), ("stop", StopVerb.Create),
        ("extend", ExtendVerb.Create), ("send", SendVerb.Create), ("retry", RetryVerb.Create), ("prune", PruneVerb.Create), ("events", EventsVerb.Create),
        ("serve", ServeVerb.Create), ("restart", RestartVerb.Create), ("shutdown", ShutdownVerb.Create), ("doctor", DoctorVerb.Create),
        (ConfigVerb.Name, ConfigVerb.Create), (CompletionVerb.Name, CompletionVerb.Create), (DemoVerb.Name, DemoVerb.Create), ("version", VersionVerb.Create),
    ];

    public static async Task<int> RunAsync(CommandContext context, string[] args)
    {
        var verb = args.FirstOrDefault() ?? "";
        try
        {
            if (verb == "--version") args = ["version", .. args[1..]];
            var parsed = Parse(context, args);
            if (args.Length == 0)
            {
                Root(context, null, null).Parse(["--help"]).Invoke(new() { Output = Console.Error });
                return ExitCodes.Usage;
            }
            if (parsed.Errors.Count > 0) throw CommandException.Usage($"{Complaint(context, parsed)}. See {context.Command(Help(parsed))}");
            return await parsed.InvokeAsync(new() { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null });
        }
        catch (ReaderGoneException)
        {
            return ExitCodes.OfSignal(13);
        }
        catch (OperationCanceledException)
        {
            return ExitCodes.Stopped;
        }
        catch (Exception e)
        {
            var (text, code) = Problems.Describe(e, context, verb);
            foreach (var line in text.Split('\n'))
            {
                if (line.StartsWith("  ", StringComparison.Ordinal)) context.Terminal.SayMore(ControlSequences.Escape(line));
                else context.Terminal.Say(line);
            }
            return code;
        }
    }

    /// <summary>Parses; what stands after the first <c>--</c> of <c>run</c> is nobody's business but the command's.</summary>
    public static ParseResult Parse(CommandContext context, string[] args)
    {
        IReadOnlyList<string>? argv = null;
        if (args is [RunVerb.Name, ..] && Array.IndexOf(args, "--") is >= 0 and var at) (args, argv) = (args[..at], args[(at + 1)..]);
        return Root(context, args.FirstOrDefault(), argv).Parse(args, new ParserConfiguration { ResponseFileTokenReplacer = null });
    }

    /// <summary>All verbs.</summary>
    public static RootCommand Tree(CommandContext context) => Root(context, null, null);

    /// <summary>The verb that is named, or all where none is: each takes time to make, and a verb is to answer at once.</summary>
    private static RootCommand Root(CommandContext context, string? verb, IReadOnlyList<string>? argv)
    {
        var root = new RootCommand("Background work that outlasts its host: run a command, and it goes on whatever happens to this program, this terminal, or the host.");
        root.Directives.Clear();
        foreach (var option in root.Options.OfType<VersionOption>().ToArray()) root.Options.Remove(option);
        var named = Array.Find(Verbs, v => v.Name == verb).Create;
        if (named is not null) root.Subcommands.Add(named(context));
        else root.Subcommands.Add(RunVerb.Create(context, argv));
        if (named is null && verb != RunVerb.Name) Array.ForEach(Verbs, v => root.Subcommands.Add(v.Create(context)));
        return root;
    }

    private static string Help(ParseResult parsed)
    {
        List<string> words = ["--help"];
        for (SymbolResult? at = parsed.CommandResult; at is CommandResult { Command: not RootCommand } named; at = at.Parent) words.Insert(0, named.Command.Name);
        return string.Join(' ', words);
    }

    private static string Complaint(CommandContext context, ParseResult parsed)
    {
        if (parsed.UnmatchedTokens is [var token, ..] && !token.StartsWith('-'))
        {
            if (parsed.CommandResult.Command is RootCommand) return $"there is no verb '{token}'";
            if (parsed.CommandResult.Command.Name == RunVerb.Name) return $"'{token}': the command stands after '--', for example: {context.Command($"run -- {token}")}";
        }
        var text = parsed.Errors[0].Message.TrimEnd('.');
        return text.Length > 1 && char.IsUpper(text[0]) && char.IsLower(text[1]) ? char.ToLowerInvariant(text[0]) + text[1..] : text;
    }
}
