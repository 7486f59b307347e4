using System.CommandLine;
using Outlast.Cli.Rendering;
using Outlast.Client;

namespace Outlast.Cli.Verbs;

internal static class PsVerb
{
    private const int DefaultLimit = 50;

    public static Command Create(CommandContext context)
    {
        var (command, json) = Verb.Make("ps", "List tasks, newest first: those that have not ended, or with -a all", "One task a line");
        var all = new Option<bool>("--all", "-a") { Description = "Ended ones too" };
        var limit = Verb.Number("--limit", $"At most so many; otherwise {DefaultLimit}", least: 1);
        var filters = new TaskFilters();
        foreach (var option in (Option[])[all, limit, .. filters.All]) command.Options.Add(option);
        command.SetAction((parsed, cancel) => RunAsync(
            context, filters.ToQuery(parsed, parsed.GetValue(all) ? [] : TaskFilters.OpenStates) with { Limit = (int)Math.Min(int.MaxValue, parsed.GetValue(limit) ?? DefaultLimit) }, parsed.GetValue(json), cancel));
        return command;
    }

    private static async Task<int> RunAsync(CommandContext context, TaskListQuery query, bool json, CancellationToken cancel)
    {
        using var client = context.Door.Open();
        var (tasks, more) = await TaskFilters.ListAsync(client, query, cancel);

        if (json)
            foreach (var task in tasks) Json.Write(context.Terminal, task, OutlastJson.Wire.TaskView);
        else if (tasks.Count > 0 || !context.Terminal.OutIsTerminal)
            TaskTable.Of(tasks, context.Time.GetUtcNow()).Write(context.Terminal);
        else
            context.Terminal.Say($"nothing to show. Start something: {context.Command("run -- COMMAND")}");

        if (more) context.Terminal.Say($"there are more than these {query.Limit}; show more of them with --limit {query.Limit * 4L}");
        return ExitCodes.Ok;
    }
}
