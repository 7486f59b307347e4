using System.CommandLine;
using Outlast.Cli.Calling;
using Outlast.Client;

namespace Outlast.Cli.Verbs;

internal static class RunVerb
{
    public const string Name = "run";

    /// <param name="context">What every verb works with.</param>
    /// <param name="argv">What stands after <c>--</c>, untouched; none if there is no <c>--</c>.</param>
    public static Command Create(CommandContext context, IReadOnlyList<string>? argv)
    {
        var (command, json) = Verb.Make(Name, "Run a command: its output here, its exit code at the end; with -d only start it and print its id. outlast run [options] -- COMMAND...", "The task, as the last line");
        var options = new RunOptions();
        foreach (var option in options.All) command.Options.Add(option);
        command.SetAction((parsed, cancel) => RunAsync(context, parsed, options, argv, parsed.GetValue(json), cancel));
        return command;
    }

    private static async Task<int> RunAsync(CommandContext context, ParseResult parsed, RunOptions options, IReadOnlyList<string>? argv, bool json, CancellationToken cancel)
    {
        if (argv is null or []) throw CommandException.Usage($"'run' needs the command after '--', for example: {context.Command("run -- npm test")}");
        var request = options.ToRequest(parsed, context.Caller, argv, context.Time.GetUtcNow());
        using var client = context.Door.Open();
        try
        {
            request = request with { Parent = await ParentAsync(client, context, parsed.GetValue(options.Parent), cancel) };
            if (request is { Detached: true, Parent: null }) throw CommandException.Usage("--detached lets a child go its own way, and here is no parent: give one with --parent ID, or leave --detached out");
            if (!parsed.GetValue(options.Detach))
                return await new ForegroundRun(context, client, json).RunAsync(c => client.SubmitAsync(request, parsed.GetValue(options.IdempotencyKey), c), cancel);

            var task = await client.SubmitAsync(request, parsed.GetValue(options.IdempotencyKey), cancel);
            if (json) Json.Write(context.Terminal, task, OutlastJson.Wire.TaskView);
            else context.Terminal.Line(task.Id);
            return ExitCodes.Ok;
        }
        catch (Exception e) when (e is not (OperationCanceledException or Rendering.ReaderGoneException))
        {
            // The exit code is the command's, so that ours must not look like one of its own.
            var (text, code) = Problems.Describe(e, context, Name);
            throw new CommandException(text, code == ExitCodes.Usage ? code : ExitCodes.NoVerdict);
        }
    }

    /// <summary>Inside a task: that task, unless the caller says otherwise or works with another data folder.</summary>
    private static async Task<string?> ParentAsync(OutlastHttpClient client, CommandContext context, string? asked, CancellationToken cancel) => asked switch
    {
        "none" => null,
        { } name => await TaskNames.FindAsync(client, context, name, cancel),
        _ => context.OwnTask,
    };
}
