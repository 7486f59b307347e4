using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using System.CommandLine.Parsing;
using Outlast.Cli.Rendering;
using Outlast.Cli.Verbs;

namespace Outlast.Cli;

/// <summary>From arguments to an exit code.</summary>
internal static class CommandLine
{
    private static readonly (string Name, string InShort, Func<CommandContext, Command> Create)[] Verbs =
    [
        ("ps", "List tasks: those that have not ended, or with -a all", PsVerb.Create),
        (TopVerb.Name, "A live view: what runs, what it uses; stop, extend, follow", TopVerb.Create),
        ("show", "Everything about one task: how it is, why it ended, by whom", ShowVerb.Create),
        ("tree", "A task and everything below it", TreeVerb.Create),
        ("logs", "What a task printed; with -f as it comes", LogsVerb.Create),
        ("wait", "Wait for the end of tasks; of one, end with its exit code", WaitVerb.Create),
        ("stop", "Stop tasks with all they started: by name, by filter, or all", StopVerb.Create),
        ("extend", "Move the limits of a task that has not ended", ExtendVerb.Create),
        ("answer", "Answer the question that a task waits for", AnswerVerb.Create),
        ("send", "Write to the standard input of a task, or end it", SendVerb.Create),
        ("retry", "Run an ended task again, as a new one", RetryVerb.Create),
        ("prune", "Remove ended tasks and their output: by name, or by age", PruneVerb.Create),
        ("events", "What happened, in order: to one task, or to all", EventsVerb.Create),
        (InboxVerb.Name, "What a session was told: ended tasks, warnings, questions", InboxVerb.Create),
        (SessionVerb.Name, "One session: when it is told; close it", SessionVerb.Create),
        ("serve", "Be the host, here in the foreground, or install it as a service", ServeVerb.Create),
        ("restart", "Replace the host by this program; tasks go on", RestartVerb.Create),
        ("shutdown", "Ask the host to go; processes go on without it", ShutdownVerb.Create),
        ("doctor", "Look at everything that can be wrong", DoctorVerb.Create),
        (ConfigVerb.Name, "The settings of the host, and where each was set", ConfigVerb.Create),
        (CompletionVerb.Name, "A script that makes a shell complete verbs, options and tasks", CompletionVerb.Create),
        (DemoVerb.Name, "The whole story in under a minute, in a folder of its own", DemoVerb.Create),
        ("version", "The version of this program, and of the host that runs", VersionVerb.Create),
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

    /// <summary>Every verb with one line, for the help without a verb.</summary>
    internal static IEnumerable<(string Name, string InShort)> InShort => Verbs.Select(v => (v.Name, v.InShort)).Prepend((RunVerb.Name, "Run a command: run -- COMMAND...; with -d it goes on by itself"));

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
        foreach (var option in root.Options.OfType<HelpOption>()) option.Action = new HelpInShort(context, (HelpAction)option.Action!);
        var named = Array.Find(Verbs, v => v.Name == verb).Create;
        if (named is not null) root.Subcommands.Add(named(context));
        else root.Subcommands.Add(RunVerb.Create(context, argv));
        if (named is null && verb != RunVerb.Name) Array.ForEach(Verbs, v => root.Subcommands.Add(v.Create(context)));
        return root;
    }

    /// <summary>Without a verb one line for each; what a verb takes it tells itself.</summary>
    private sealed class HelpInShort(CommandContext context, HelpAction ofVerb) : SynchronousCommandLineAction
    {
        public override int Invoke(ParseResult parseResult)
        {
            if (parseResult.CommandResult.Command is not RootCommand root) return ofVerb.Invoke(parseResult);
            var output = parseResult.InvocationConfiguration.Output;
            foreach (var line in TextWidth.Wrap(root.Description!, 80)) output.WriteLine(line);
            output.WriteLine($"\n  {context.Command("VERB [options]")}\n");
            foreach (var (name, inShort) in InShort) output.WriteLine($"  {name,-12}{inShort}");
            output.WriteLine($"\nMore about each: {context.Command("VERB --help")}");
            return ExitCodes.Ok;
        }
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
