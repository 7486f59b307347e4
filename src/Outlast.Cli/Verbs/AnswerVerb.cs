using System.CommandLine;
using Outlast.Cli.Rendering;
using Outlast.Client;

namespace Outlast.Cli.Verbs;

internal static class AnswerVerb
{
    public static Command Create(CommandContext context)
    {
        var (command, json) = Verb.Make("answer", "Answer the question that a task waits for: 'show' says what it asks and which answers it takes", "The task");
        var id = Verb.OneTask();
        var text = new Argument<string>("TEXT") { Description = "The answer; after -- also one that begins with -" };
        command.Arguments.Add(id);
        command.Arguments.Add(text);
        command.SetAction((parsed, cancel) => RunAsync(context, parsed.GetValue(id)!, parsed.GetValue(text)!, parsed.GetValue(json), cancel));
        return command;
    }

    private static async Task<int> RunAsync(CommandContext context, string name, string text, bool json, CancellationToken cancel)
    {
        if (string.IsNullOrWhiteSpace(text)) throw CommandException.Usage("'answer' needs a text that says something");
        using var client = context.Door.Open();
        var task = await client.AnswerAsync(await TaskNames.FindAsync(client, context, name, cancel), text, cancel);
        if (json) Json.Write(context.Terminal, task, OutlastJson.Wire.TaskView);
        else context.Terminal.Line(Words.Invariant($"task {task.Number} is answered: {Words.State(task)}"));
        return ExitCodes.Ok;
    }
}
