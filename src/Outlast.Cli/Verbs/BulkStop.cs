using Outlast.Cli.Rendering;
using Outlast.Client;

namespace Outlast.Cli.Verbs;

/// <summary>Stops all tasks that filters fit: shows first which they are, and stops exactly these.</summary>
internal sealed class BulkStop(CommandContext context, StopRequestBody request, bool json)
{
    /// <param name="query">Which.</param>
    /// <param name="yes">Nobody is asked.</param>
    /// <param name="dryRun">They are only shown.</param>
    /// <param name="cancel">Ends the call; what was stopped stays so.</param>
    public async Task<int> RunAsync(TaskListQuery query, bool yes, bool dryRun, CancellationToken cancel)
    {
        if (query.States.FirstOrDefault(s => TaskStateNames.IsTerminal(s)) is { } ended) throw CommandException.Usage($"--state '{ended}': a task that has ended cannot be stopped");
        using var client = context.Door.Open();
        var (fitting, _) = await TaskFilters.ListAsync(client, query, cancel);
        var (open, _) = await TaskFilters.ListAsync(client, new() { States = TaskFilters.OpenStates, Limit = int.MaxValue }, cancel);
        var tops = Tops(fitting, open);
        if (tops.Count == 0)
        {
            context.Terminal.Say("no open task fits; nothing was stopped");
            return ExitCodes.Ok;
        }
        if (dryRun || !yes) Preview(tops);
        if (dryRun) return ExitCodes.Ok;
        var what = Words.Count(tops.Sum(t => 1 + t.Below), "task");
        if (!yes && !Confirmation.IsPossible(context.Terminal)) throw CommandException.Usage($"nothing was stopped: without a terminal to ask on, --yes stops {(tops.Count == 1 ? "it" : "these")}");
        if (!yes && !Confirmation.Ask(context.Terminal, $"Stop {(tops.Sum(t => 1 + t.Below) == 1 ? "this task" : $"these {what}")}?"))
        {
            context.Terminal.Say("nothing was stopped");
            return ExitCodes.Fault;
        }
        return await StopVerb.StopAsync(context, client, tops.Select(t => (Words.Invariant($"{t.Task.Number}"), (string?)t.Task.Id)), request, json, one: false, cancel, mayHaveEnded: true);
    }

    /// <summary>Those that fit, without the ones that the stop of another reaches, each with how many open ones it reaches below it.</summary>
    internal static IReadOnlyList<(TaskView Task, int Below)> Tops(IReadOnlyList<TaskView> fitting, IReadOnlyList<TaskView> open)
    {
        // The stop of a task does not reach what was detached from it.
        var children = open.Where(t => t is { Parent: not null, Spec.Detached: not true }).ToLookup(t => t.Parent!);
        var reached = new HashSet<string>();
        List<(TaskView, int)> tops = [];
        foreach (var task in fitting.OrderBy(t => t.Depth))
        {
            if (reached.Contains(task.Id)) continue;
            var below = Below(task.Id).ToList();
            reached.UnionWith(below);
            tops.Add((task, below.Count));
        }
        return [.. tops.OrderBy(t => t.Item1.Number)];

        IEnumerable<string> Below(string id) => children[id].SelectMany(child => Below(child.Id).Prepend(child.Id));
    }

    private void Preview(IReadOnlyList<(TaskView Task, int Below)> tops)
    {
        if (json)
        {
            foreach (var (task, _) in tops) Json.Write(context.Terminal, task, OutlastJson.Wire.TaskView);
            return;
        }
        var now = context.Time.GetUtcNow();
        var table = new Table(new("TASK", Right: true), new("STATE"), new("BELOW", Right: true), new("AGE", Right: true, Dropped: 2), new("NAME", Least: 8), new("COMMAND", Least: 20, Dropped: 1));
        foreach (var (task, below) in tops)
            table.Add(Words.Invariant($"{task.Number}"), new(Words.State(task), text => Ink.OfState(task.State, text)), below == 0 ? "-" : Words.Invariant($"{below}"), Words.Ago(task.CreatedAt, now), task.Name, new(Words.Command(task), Ink.Dim));
        table.Write(context.Terminal);
    }
}
