using System.CommandLine;
using Outlast.Cli.Rendering;
using Outlast.Client;

namespace Outlast.Cli.Verbs;

internal static class ShowVerb
{
    public static Command Create(CommandContext context)
    {
        var (command, json) = Verb.Make("show", "Everything about one task: what, how it is, why it ended, by whom, on what evidence", "The task");
        var id = Verb.OneTask();
        command.Arguments.Add(id);
        command.SetAction((parsed, cancel) => RunAsync(context, parsed.GetValue(id)!, parsed.GetValue(json), cancel));
        return command;
    }

    private static async Task<int> RunAsync(CommandContext context, string name, bool json, CancellationToken cancel)
    {
        using var client = context.Door.Open();
        var task = await client.GetAsync(await TaskNames.FindAsync(client, context, name, cancel), cancel: cancel);
        if (json) Json.Write(context.Terminal, task, OutlastJson.Wire.TaskView);
        else
            foreach (var line in new TaskSheet(task, context.Time.GetUtcNow(), context.Terminal.Ink, context.Command).Lines()) context.Terminal.Line(line);
        return ExitCodes.Ok;
    }
}
