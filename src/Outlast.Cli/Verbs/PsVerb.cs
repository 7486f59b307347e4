using System.CommandLine;
using Outlast.Cli.Rendering;
using Outlast.Client;

namespace Outlast.Cli.Verbs;

internal static class PsVerb
{
    private const int PageLimit = 1000, DefaultLimit = 50;
    private static readonly string[] Open = [TaskStateNames.Queued, TaskStateNames.Running, TaskStateNames.Waiting, TaskStateNames.Stopping];

    public static Command Create(CommandContext context)
    {
        var (command, json) = Verb.Make("ps", "List tasks, newest first: those that have not ended, or with -a all", "One task a line");
        var all = new Option<bool>("--all", "-a") { Description = "Ended ones too" };
        var limit = Verb.Number("--limit", $"At most so many; otherwise {DefaultLimit}", least: 1);
        var states = new Option<string[]>("--state") { Description = "Only in this state; several times, or with commas", HelpName = "STATE" };
        var kind = new Option<string?>("--kind") { Description = "Only of this kind: process", HelpName = "KIND" };
        var session = new Option<string?>("--session") { Description = "Only of this session", HelpName = "S" };
        var label = new Option<string?>("--label") { Description = "Only with this label", HelpName = "KEY[=VALUE]" };
        foreach (var option in (Option[])[all, limit, states, kind, session, label]) command.Options.Add(option);
        command.SetAction((parsed, cancel) =>
        {
            var wanted = (parsed.GetValue(states) ?? []).SelectMany(s => s.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)).ToArray();
            return RunAsync(context, new()
            {
                States = wanted.Length > 0 ? wanted : parsed.GetValue(all) ? [] : Open,
                Kind = parsed.GetValue(kind),
                Session = parsed.GetValue(session),
                Label = parsed.GetValue(label),
                Limit = (int)Math.Min(int.MaxValue, parsed.GetValue(limit) ?? DefaultLimit),
            }, parsed.GetValue(json), cancel);
        });
        return command;
    }

    private static async Task<int> RunAsync(CommandContext context, TaskListQuery query, bool json, CancellationToken cancel)
    {
        using var client = context.Door.Open();
        var (tasks, more) = await ListAsync(client, query, cancel);

        if (json)
            foreach (var task in tasks) Json.Write(context.Terminal, task, OutlastJson.Wire.TaskView);
        else if (tasks.Count > 0 || !context.Terminal.OutIsTerminal)
            TaskTable.Of(tasks, context.Time.GetUtcNow()).Write(context.Terminal);
        else
            context.Terminal.Say($"nothing to show. Start something: {context.Command("run -- COMMAND")}");

        if (more) context.Terminal.Say($"there are more than these {query.Limit}; show more of them with --limit {query.Limit * 4L}");
        return ExitCodes.Ok;
    }

    private static async Task<(List<TaskView> Tasks, bool More)> ListAsync(OutlastHttpClient client, TaskListQuery query, CancellationToken cancel)
    {
        List<TaskView> tasks = [];
        string? cursor = null;
        do
        {
            var page = await client.ListAsync(query with { Cursor = cursor, Limit = Math.Min(PageLimit, query.Limit - tasks.Count) }, cancel);
            tasks.AddRange(page.Tasks);
            cursor = page.NextCursor;
        }
        while (cursor is not null && tasks.Count < query.Limit);
        return (tasks, cursor is not null);
    }
}
