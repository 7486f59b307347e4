using System.CommandLine;
using Outlast.Cli.Rendering;
using Outlast.Client;

namespace Outlast.Cli.Verbs;

internal static class StopVerb
{
    public static Command Create(CommandContext context)
    {
        var (command, json) = Verb.Make("stop", "Ask tasks to stop, each with its tree. Returns when the request is on disk; 'wait' waits for the end", "One task a line");
        var ids = Verb.Tasks();
        var now = new Option<bool>("--now") { Description = "Without the grace" };
        var reason = new Option<string?>("--reason") { Description = "Kept with the task", HelpName = "TEXT" };
        command.Arguments.Add(ids);
        command.Options.Add(now);
        var leftovers = new Option<bool>("--leftovers") { Description = "Not the tasks, which have ended, but the processes that they left behind; waits, and says which are gone" };
        command.Options.Add(reason);
        command.Options.Add(leftovers);
        command.SetAction((parsed, cancel) => parsed.GetValue(leftovers)
            ? LeftoversStop.RunAsync(context, parsed.GetValue(ids)!, parsed.GetValue(reason), parsed.GetValue(now), parsed.GetValue(json), cancel)
            : RunAsync(context, parsed.GetValue(ids)!, new(parsed.GetValue(reason), parsed.GetValue(now) ? true : null), parsed.GetValue(json), cancel));
        return command;
    }

    private static async Task<int> RunAsync(CommandContext context, string[] names, StopRequestBody request, bool json, CancellationToken cancel)
    {
        using var client = context.Door.Open();
        var worst = ExitCodes.Ok;
        foreach (var name in names)
        {
            try
            {
                var task = await client.StopAsync(await TaskNames.FindAsync(client, context, name, cancel), request, cancel);
                if (json) Json.Write(context.Terminal, task, OutlastJson.Wire.TaskView);
                else context.Terminal.Line(names.Length == 1 ? task.State : Words.Invariant($"{task.Number}\t{task.State}"));
            }
            catch (Exception e) when (e is OutlastProblemException or CommandException)
            {
                // One that cannot be stopped does not keep the others from it.
                var (text, code) = Problems.Describe(e, context, "stop");
                context.Terminal.Say(e is OutlastProblemException { Type: ProblemTypes.Ended } ended ? $"task {name} has ended already: {ended.Text("state")}" : text);
                worst = Math.Max(worst, code);
            }
        }
        return worst;
    }
}
