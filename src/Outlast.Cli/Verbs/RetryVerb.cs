using System.CommandLine;
using Outlast.Client;

namespace Outlast.Cli.Verbs;

internal static class RetryVerb
{
    private const string Name = "retry";

    public static Command Create(CommandContext context)
    {
        var (command, json) = Verb.Make(Name, "Run an ended task again, as a new one with the same command, environment and limits: like 'run', its output here, its exit code at the end", "The new task, as the last line");
        var id = Verb.OneTask();
        var detach = new Option<bool>("--detach", "-d") { Description = "Only start it, and print its id" };
        command.Arguments.Add(id);
        command.Options.Add(detach);
        command.SetAction((parsed, cancel) => parsed.GetValue(detach)
            ? StartAsync(context, parsed.GetValue(id)!, parsed.GetValue(json), cancel)
            : RunAsync(context, parsed.GetValue(id)!, parsed.GetValue(json), cancel));
        return command;
    }

    private static async Task<int> StartAsync(CommandContext context, string name, bool json, CancellationToken cancel)
    {
        using var client = context.Door.Open();
        var id = await TaskNames.FindAsync(client, context, name, cancel);
        if ((await client.GetAsync(id, cancel: cancel)).Spec.Process?.Stdin.Kind == "fifo")
            throw CommandException.Usage($"task {name} reads what is piped in (--stdin -), and that needs this program to stay: leave out -d");
        var task = await client.RetryAsync(id, cancel: cancel);
        if (json) Json.Write(context.Terminal, task, OutlastJson.Wire.TaskView);
        else context.Terminal.Line(task.Id);
        return ExitCodes.Ok;
    }

    private static async Task<int> RunAsync(CommandContext context, string name, bool json, CancellationToken cancel)
    {
        using var client = context.Door.Open();
        try
        {
            var id = await TaskNames.FindAsync(client, context, name, cancel);
            return await new ForegroundRun(context, client, json).RunAsync(c => client.RetryAsync(id, cancel: c), cancel);
        }
        catch (Exception e) when (e is not (OperationCanceledException or Rendering.ReaderGoneException))
        {
            // The exit code is the command's, so that ours must not look like one of its own.
            var (text, code) = Problems.Describe(e, context, Name);
            throw new CommandException(text, code == ExitCodes.Usage ? code : ExitCodes.NoVerdict);
        }
    }
}
