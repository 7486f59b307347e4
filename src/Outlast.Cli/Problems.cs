using System.Text;
using Outlast.Cli.Rendering;
using Outlast.Client;

namespace Outlast.Cli;

/// <summary>Turns what went wrong into what to say and what to end with.</summary>
internal static class Problems
{
    public static (string Text, int ExitCode) Describe(Exception exception, CommandContext context, string verb) => exception switch
    {
        CommandException e => (e.Message, e.ExitCode),
        OutlastProblemException e => (Text(e, context, verb), ExitCodes.Of(e)),
        HostUnreachableException e => ($"{FirstLower(e.Message)}{(e.MaybeDone ? "; nobody knows if it did what was asked" : "")}. See what is wrong: {context.Command("doctor")}, and {Words.Quote(context.Door.LogFile)}", ExitCodes.Unreachable),
        _ => ($"{exception.GetType().Name}: {exception.Message}", ExitCodes.Fault),
    };

    /// <summary>The name of a field as its option is typed: <c>idleTimeout</c> is <c>--idle-timeout</c>.</summary>
    public static string Option(string field, string verb)
    {
        var name = field.StartsWith("process.", StringComparison.Ordinal) ? field["process.".Length..] : field;
        if (name == "retry.backoff") return "--retry-backoff";
        name = name.Split('.', '[')[0];
        return name switch
        {
            "argv" or "shell" => "the command",
            "env" or "envExact" or "envNames" => "--env",
            "labels" => "--label",
            "whenFull" => "--refuse-when-full",
            "idleTimeout" when verb == "extend" => "--idle",
            "idempotencyKey" or "Idempotency-Key" => "--idempotency-key",
            _ => name.Aggregate(new StringBuilder("--"), (kebab, c) => char.IsUpper(c) ? kebab.Append('-').Append(char.ToLowerInvariant(c)) : kebab.Append(c)).ToString(),
        };
    }

    private static string Text(OutlastProblemException problem, CommandContext context, string verb) => problem.Type switch
    {
        ProblemTypes.Invalid when problem.Errors.Count > 0 => string.Join('\n', problem.Errors.SelectMany(e => e.Value.Select(v => $"{Option(e.Key, verb)} {v}"))),
        ProblemTypes.NotFound => $"{FirstLower(problem.Detail ?? problem.Title).TrimEnd('.')}. See which there are: {context.Command("ps -a")}",
        ProblemTypes.Full => $"{FirstLower(problem.Detail ?? problem.Title).TrimEnd('.')}. Leave out --refuse-when-full to wait in the queue",
        ProblemTypes.ParentEnded => $"{FirstLower(problem.Detail ?? problem.Title).TrimEnd('.')}. To start it without a parent: --parent none",
        ProblemTypes.TreeFull => $"{FirstLower(problem.Detail ?? problem.Title).TrimEnd('.')}. To start it without a parent: --parent none",
        ProblemTypes.NotEnded => $"{FirstLower(problem.Detail ?? problem.Title).TrimEnd('.')}. Wait for its end: {context.Command($"wait {problem.Extensions["number"]}")}",
        ProblemTypes.StoreUnavailable => $"nothing was accepted: {problem.Detail ?? problem.Title}. See what is wrong: {context.Command("doctor")}",
        _ => FirstLower(problem.Detail ?? problem.Title),
    };

    private static string FirstLower(string text) => text.Length > 1 && char.IsUpper(text[0]) && char.IsLower(text[1]) ? char.ToLowerInvariant(text[0]) + text[1..] : text;
}
