using System.CommandLine;
using Outlast.Cli.Rendering;
using Outlast.Client;

namespace Outlast.Cli.Verbs;

internal static class ExtendVerb
{
    public static Command Create(CommandContext context)
    {
        var (command, json) = Verb.Make("extend", "Move the limits of a task that has not ended: +30m adds to what is left, 2h counts from now, none lifts the limit", "The task");
        var id = Verb.OneTask();
        var timeout = new Option<string?>("--timeout") { Description = "The limit on its whole time", HelpName = "[+]D" };
        var idle = new Option<string?>("--idle") { Description = "The limit on its silence", HelpName = "[+]D" };
        command.Arguments.Add(id);
        command.Options.Add(timeout);
        command.Options.Add(idle);
        command.SetAction((parsed, cancel) => RunAsync(context, parsed.GetValue(id)!, new(parsed.GetValue(timeout), parsed.GetValue(idle)), parsed.GetValue(json), cancel));
        return command;
    }

    private static async Task<int> RunAsync(CommandContext context, string name, ExtendRequestBody request, bool json, CancellationToken cancel)
    {
        if (request is { Timeout: null, IdleTimeout: null }) throw CommandException.Usage("'extend' needs --timeout or --idle, for example --timeout +30m");
        using var client = context.Door.Open();
        var task = await client.ExtendAsync(await TaskNames.FindAsync(client, context, name, cancel), request, cancel);
        if (json) Json.Write(context.Terminal, task, OutlastJson.Wire.TaskView);
        else context.Terminal.Line($"timeout {Limit(task.Limits?.TimeoutMs)}, idle timeout {Limit(task.Limits?.IdleTimeoutMs)}");
        return ExitCodes.Ok;
    }

    private static string Limit(long? milliseconds) => milliseconds is { } limit ? Words.Length(limit) : "none";
}
