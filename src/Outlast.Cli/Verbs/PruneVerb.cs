using System.CommandLine;
using Outlast.Cli.Rendering;
using Outlast.Client;

namespace Outlast.Cli.Verbs;

/// <summary>Removes ended tasks: those that are named, or those that a filter shows and a person confirms.</summary>
internal static class PruneVerb
{
    private const int AtOnce = 8;
    private static readonly string[] Ended = [TaskStateNames.Completed, TaskStateNames.Failed, TaskStateNames.TimedOut, TaskStateNames.Stopped, TaskStateNames.Lost];

    public static Command Create(CommandContext context)
    {
        var (command, json) = Verb.Make("prune", "Remove ended tasks and their output now; their ids answer that they were removed. Those that are named, or with --ended-before those that it shows first", "What is left of each, one a line");
        var ids = Verb.Tasks();
        ids.Arity = ArgumentArity.ZeroOrMore;
        var before = new Option<string?>("--ended-before") { Description = "All that ended longer ago than this", HelpName = "D" };
        var filters = new TaskFilters();
        var dryRun = new Option<bool>("--dry-run") { Description = "With --ended-before: only show what would be removed" };
        var yes = new Option<bool>("--yes", "-y") { Description = "With --ended-before: do not ask" };
        var force = new Option<bool>("--force") { Description = "Also tasks that left processes behind which are alive" };
        command.Arguments.Add(ids);
        foreach (var option in (Option[])[before, .. filters.All, dryRun, yes, force]) command.Options.Add(option);
        command.SetAction((parsed, cancel) =>
        {
            var names = parsed.GetValue(ids) ?? [];
            if (names.Length > 0 == parsed.GetValue(before) is not null) throw CommandException.Usage("'prune' needs either the tasks, or --ended-before, for example: --ended-before 7d");
            if (names.Length > 0 && filters.AreGiven(parsed)) throw CommandException.Usage("filters go with --ended-before, not with IDs");
            if (names.Length > 0 && (parsed.GetValue(dryRun) || parsed.GetValue(yes))) throw CommandException.Usage("--dry-run and --yes go with --ended-before, not with IDs");
            return names.Length > 0
                ? RemoveNamedAsync(context, names, parsed.GetValue(force), parsed.GetValue(json), cancel)
                : RemoveOldAsync(context, Age(parsed.GetValue(before)!), filters.ToQuery(parsed, Ended), parsed.GetValue(yes), parsed.GetValue(dryRun), parsed.GetValue(force), parsed.GetValue(json), cancel);
        });
        return command;
    }

    private static TimeSpan Age(string text) => Words.TryReadLength(text, out var length) ? length : throw CommandException.Usage($"--ended-before '{text}' is no duration; write 7d, 12h or PT30M");

    private static async Task<int> RemoveNamedAsync(CommandContext context, string[] names, bool force, bool json, CancellationToken cancel)
    {
        using var client = context.Door.Open();
        var worst = ExitCodes.Ok;
        foreach (var name in names)
        {
            var code = await TryAsync(context, name, async () =>
            {
                var removed = await RemoveAsync(context, client, await TaskNames.FindAsync(client, context, name, cancel), force, cancel);
                if (json) Json.Write(context.Terminal, removed, OutlastJson.Wire.RemovedView);
                else context.Terminal.Line(Words.Invariant($"{removed.Number}\tremoved"));
            });
            worst = Math.Max(worst, code);
        }
        return worst;
    }

    private static async Task<int> RemoveOldAsync(CommandContext context, TimeSpan age, TaskListQuery query, bool yes, bool dryRun, bool force, bool json, CancellationToken cancel)
    {
        if (query.States.FirstOrDefault(s => !Ended.Contains(s)) is { } odd) throw CommandException.Usage($"--state '{odd}' is no state of an ended task; use {string.Join(", ", Ended)}");
        using var client = context.Door.Open();
        var (tasks, _) = await TaskFilters.ListAsync(client, query with { EndedBefore = context.Time.GetUtcNow() - age }, cancel);
        if (tasks.Count == 0)
        {
            context.Terminal.Say($"nothing that ended longer than {Words.Length(age)} ago fits; nothing was removed");
            return ExitCodes.Ok;
        }
        if (dryRun || !yes) Preview(context, tasks, json);
        if (dryRun) return ExitCodes.Ok;
        if (!yes)
        {
            if (!Confirmation.IsPossible(context.Terminal)) throw CommandException.Usage($"nothing was removed: without a terminal to ask on, --yes removes {(tasks.Count == 1 ? "it" : "these")}");
            if (!Confirmation.Ask(context.Terminal, $"Remove {Words.Count(tasks.Count, "task")} and their output for good?"))
            {
                context.Terminal.Say("nothing was removed");
                return ExitCodes.Fault;
            }
        }
        return await RemoveAllAsync(context, client, tasks, force, json, cancel);
    }

    private static async Task<int> RemoveAllAsync(CommandContext context, OutlastHttpClient client, List<TaskView> tasks, bool force, bool json, CancellationToken cancel)
    {
        var (worst, count, output) = (ExitCodes.Ok, 0, new Lock());
        await Parallel.ForEachAsync(tasks, new ParallelOptions { MaxDegreeOfParallelism = AtOnce, CancellationToken = cancel }, async (task, stop) =>
        {
            var code = await TryAsync(context, Words.Invariant($"{task.Number}"), async () =>
            {
                var removed = await RemoveAsync(context, client, task.Id, force, stop);
                lock (output)
                {
                    count++;
                    if (json) Json.Write(context.Terminal, removed, OutlastJson.Wire.RemovedView);
                }
            });
            lock (output) worst = Math.Max(worst, code);
        });
        if (!json) context.Terminal.Line($"{Words.Count(count, "task")} removed");
        return worst;
    }

    /// <summary>Removes it; whoever does so by force is told what is alive of it, for afterwards nobody knows.</summary>
    private static async Task<RemovedView> RemoveAsync(CommandContext context, OutlastHttpClient client, string id, bool force, CancellationToken cancel)
    {
        var alive = force ? (await client.GetAsync(id, cancel: cancel)).Survivors ?? [] : [];
        var removed = await client.RemoveAsync(id, force, cancel);
        foreach (var process in alive) context.Terminal.Say(Words.Invariant($"task {removed.Number} is removed, and process {process.Pid} of it is alive: {process.Command}"));
        return removed;
    }

    /// <summary>One that cannot be removed does not keep the others from it.</summary>
    private static async Task<int> TryAsync(CommandContext context, string name, Func<Task> remove)
    {
        try
        {
            await remove();
            return ExitCodes.Ok;
        }
        catch (Exception e) when (e is OutlastProblemException or CommandException)
        {
            var (text, code) = Problems.Describe(e, context, "prune");
            context.Terminal.Say(e is OutlastProblemException { Type: ProblemTypes.LeftoversAlive } ? $"{text.TrimEnd('.')}. End them: {context.Command($"stop {name} --leftovers")}, or leave them alone with --force" : text);
            return code;
        }
    }

    private static void Preview(CommandContext context, List<TaskView> tasks, bool json)
    {
        if (!json) TaskTable.Of(tasks, context.Time.GetUtcNow()).Write(context.Terminal);
        else foreach (var task in tasks) Json.Write(context.Terminal, task, OutlastJson.Wire.TaskView);
    }
}
