using System.CommandLine;
using Outlast.Cli.Rendering;
using Outlast.Client;

namespace Outlast.Cli.Verbs;

internal static class StopVerb
{
    public static Command Create(CommandContext context)
    {
        var (command, json) = Verb.Make("stop", "Ask tasks to stop, each with its tree. Returns when the request is on disk; 'wait' waits for the end", "One task a line");
        var ids = Verb.TasksOrNone();
        var now = new Option<bool>("--now") { Description = "Without the grace" };
        var reason = new Option<string?>("--reason") { Description = "Kept with the task", HelpName = "TEXT" };
        var leftovers = new Option<bool>("--leftovers") { Description = "Not the tasks, which have ended, but the processes that they left behind; waits, and says which are gone" };
        var filters = new TaskFilters();
        var all = new Option<bool>("--all") { Description = "Instead of IDs: everything that is open" };
        var dryRun = new Option<bool>("--dry-run") { Description = "With filters: only show what would be stopped" };
        var yes = new Option<bool>("--yes", "-y") { Description = "With filters: do not ask" };
        command.Arguments.Add(ids);
        foreach (var option in (Option[])[now, reason, leftovers, .. filters.All, all, dryRun, yes]) command.Options.Add(option);
        command.SetAction((parsed, cancel) =>
        {
            var (names, request, asJson) = (parsed.GetValue(ids) ?? [], new StopRequestBody(parsed.GetValue(reason), parsed.GetValue(now) ? true : null), parsed.GetValue(json));
            if (!filters.AreGiven(parsed) && !parsed.GetValue(all))
            {
                if (names.Length == 0) throw CommandException.Usage("'stop' needs to know which: IDs, or filters as in 'ps' (--session, --label, --state, --kind, --query), or --all");
                if (parsed.GetValue(dryRun) || parsed.GetValue(yes)) throw CommandException.Usage("--dry-run and --yes go with filters, not with IDs");
                return parsed.GetValue(leftovers) ? LeftoversStop.RunAsync(context, names, request.Reason, request.Now ?? false, asJson, cancel) : RunAsync(context, names, request, asJson, cancel);
            }
            if (names.Length > 0) throw CommandException.Usage("IDs and filters exclude each other");
            if (parsed.GetValue(all) && filters.AreGiven(parsed)) throw CommandException.Usage("--all is everything that is open, and a filter only some of it; leave one of them out");
            if (parsed.GetValue(leftovers)) throw CommandException.Usage("--leftovers goes with IDs, not with filters");
            return new BulkStop(context, request, asJson).RunAsync(filters.ToQuery(parsed, TaskFilters.OpenStates), parsed.GetValue(yes), parsed.GetValue(dryRun), cancel);
        });
        return command;
    }

    private static async Task<int> RunAsync(CommandContext context, string[] names, StopRequestBody request, bool json, CancellationToken cancel)
    {
        using var client = context.Door.Open();
        return await StopAsync(context, client, names.Select(n => (n, (string?)null)), request, json, names.Length == 1, cancel);
    }

    /// <summary>Asks each to stop and tells what came of it. One that cannot be stopped does not keep the others from it; the highest code is returned, to which one that has ended adds nothing where it may have.</summary>
    internal static async Task<int> StopAsync(
        CommandContext context, OutlastHttpClient client, IEnumerable<(string Name, string? Id)> tasks, StopRequestBody request, bool json, bool one, CancellationToken cancel, bool mayHaveEnded = false)
    {
        var worst = ExitCodes.Ok;
        foreach (var (name, id) in tasks)
        {
            try
            {
                var task = await client.StopAsync(id ?? await TaskNames.FindAsync(client, context, name, cancel), request, cancel);
                if (json) Json.Write(context.Terminal, task, OutlastJson.Wire.TaskView);
                else context.Terminal.Line(one ? task.State : Words.Invariant($"{task.Number}\t{task.State}"));
            }
            catch (Exception e) when (e is OutlastProblemException or CommandException)
            {
                var (text, code) = Problems.Describe(e, context, "stop");
                var ended = e is OutlastProblemException { Type: ProblemTypes.Ended } problem ? problem : null;
                context.Terminal.Say(ended is null ? text : $"task {name} has ended already: {ended.Text("state")}");
                if (ended is null || !mayHaveEnded) worst = Math.Max(worst, code);
            }
        }
        return worst;
    }
}
