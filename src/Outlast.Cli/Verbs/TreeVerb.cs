using System.CommandLine;
using Outlast.Cli.Rendering;
using Outlast.Client;

namespace Outlast.Cli.Verbs;

internal static class TreeVerb
{
    public static Command Create(CommandContext context)
    {
        var (command, json) = Verb.Make("tree", "A task and everything below it", "The task with its children, nested");
        var id = Verb.OneTask();
        command.Arguments.Add(id);
        command.SetAction((parsed, cancel) => RunAsync(context, parsed.GetValue(id)!, parsed.GetValue(json), cancel));
        return command;
    }

    private static async Task<int> RunAsync(CommandContext context, string name, bool json, CancellationToken cancel)
    {
        using var client = context.Door.Open();
        var tree = await client.TreeAsync(await TaskNames.FindAsync(client, context, name, cancel), cancel);
        if (json) Json.Write(context.Terminal, tree, OutlastJson.Wire.TaskTreeView);
        else
            foreach (var line in TaskTreeDrawing.Lines(tree, context.Terminal.OutIsTerminal, context.Terminal.Ink, context.Terminal.Width)) context.Terminal.Line(line);
        return ExitCodes.Ok;
    }
}
