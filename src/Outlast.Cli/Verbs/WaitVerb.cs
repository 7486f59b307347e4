using System.CommandLine;
using Outlast.Cli.Calling;
using Outlast.Cli.Rendering;
using Outlast.Client;

namespace Outlast.Cli.Verbs;

/// <summary>Waits for tasks or for a group: one call that the host answers when something has ended, over as many hosts as come and go meanwhile.</summary>
internal static class WaitVerb
{
    // Of one call: the ids have to fit into the line that a server reads.
    private const int MostAtOnce = 200;

    public static Command Create(CommandContext context)
    {
        var (command, json) = Verb.Make("wait", "Wait until tasks have ended; of one task, end with its exit code", "One task a line, as they end");
        var ids = Verb.TasksOrNone();
        var group = new Option<string?>("--group") { Description = "Instead of IDs: all tasks of this group, also those that join it meanwhile", HelpName = "G" };
        var session = new Option<string?>("--session") { Description = $"The session of the group; otherwise ${Caller.SessionVariable}, or the group that has none", HelpName = "S" };
        var any = new Option<bool>("--any") { Description = "Until the first has ended; end with its exit code" };
        var timeout = new Option<string?>("--timeout") { Description = "Give up after so long, with exit code 124; nothing is stopped", HelpName = "D" };
        command.Arguments.Add(ids);
        foreach (var option in (Option[])[group, session, any, timeout]) command.Options.Add(option);
        command.SetAction((parsed, cancel) =>
        {
            var (names, whole, whose) = (parsed.GetValue(ids) ?? [], parsed.GetValue(group), parsed.GetValue(session));
            if (names.Length == 0 == whole is null) throw CommandException.Usage(whole is null ? "'wait' needs to know for what: IDs, or --group G" : "IDs and --group exclude each other");
            if (whose is not null && whole is null) throw CommandException.Usage("--session says whose group is meant; it goes with --group");
            if (parsed.GetValue(any) && names.Length > MostAtOnce) throw CommandException.Usage($"--any waits for at most {MostAtOnce} tasks; these are {names.Length}");
            if (whole is not null) whose ??= context.Caller.Variable(Caller.SessionVariable);
            return RunAsync(context, names, new() { Group = whole, Session = whose, Any = parsed.GetValue(any) }, Patience(parsed.GetValue(timeout)), parsed.GetValue(json), cancel);
        });
        return command;
    }

    private static TimeSpan? Patience(string? text) =>
        text is null or "none" ? null
        : Words.TryReadLength(text, out var length) ? length
        : throw CommandException.Usage($"--timeout '{text}' is no duration; write 90s, 10m or PT10M");

    private static async Task<int> RunAsync(CommandContext context, string[] names, WaitQuery what, TimeSpan? patience, bool json, CancellationToken cancel)
    {
        using var client = context.Door.Open();
        what = what with { Tasks = await TaskNames.FindAllAsync(client, context, names, cancel), Waiter = context.OwnTask };
        using var over = patience is { } p ? new CancellationTokenSource(p, context.Time) : new();
        using var leave = CancellationTokenSource.CreateLinkedTokenSource(cancel, over.Token);
        try
        {
            return await FollowAsync(context, client, what, json, leave.Token);
        }
        catch (OperationCanceledException) when (over.IsCancellationRequested)
        {
            context.Terminal.Say($"not ended within {Words.Length(patience!.Value)}: {(what.Group is { } group ? $"group {group}" : string.Join(", ", names))}. Nothing was stopped");
            return ExitCodes.TimedOut;
        }
    }

    /// <summary>Tells of each as it ends. Of a group it is known only at its end who belongs to it.</summary>
    private static async Task<int> FollowAsync(CommandContext context, OutlastHttpClient client, WaitQuery what, bool json, CancellationToken cancel)
    {
        var (open, codes, allCompleted) = (what.Tasks, new List<int>(), true);
        while (true)
        {
            var asked = what.Group is null ? what with { Tasks = [.. open.Take(MostAtOnce)], UntilNext = !what.Any } : what;
            var seen = await client.WaitManyAsync(asked, cancel);
            foreach (var task in seen.Ended)
            {
                await TellAsync(context, client, task, json, cancel);
                codes.Add(ExitCodes.Of(task));
                allCompleted &= task.State == TaskStateNames.Completed;
                if (what.Any) return codes[0];
            }
            foreach (var removed in seen.Removed)
            {
                context.Terminal.Say(Words.Invariant($"task {removed.Number} ended as {removed.State} and was removed"));
                codes.Add(ExitCodes.NotFound);
                allCompleted &= removed.State == TaskStateNames.Completed;
                if (what.Any) return codes[0];
            }
            open = what.Group is null ? [.. seen.Open, .. open.Skip(MostAtOnce)] : seen.Open;
            if (open.Count == 0) return codes is [var only] && what.Group is null ? only : allCompleted ? ExitCodes.Ok : ExitCodes.Fault;
        }
    }

    private static async Task TellAsync(CommandContext context, OutlastHttpClient client, TaskView task, bool json, CancellationToken cancel)
    {
        if (json) Json.Write(context.Terminal, task, OutlastJson.Wire.TaskView);
        else context.Terminal.Line(Words.Invariant($"{task.Number}\t{task.State}\t{ControlSequences.Escape(task.End?.Reason ?? "")}").TrimEnd());
        if (json || task.Below?.Stopped is null) return;
        // Who stopped a tree wants to know of each how it ended, and above all who did not.
        var tree = await client.TreeAsync(task.Id, cancel);
        context.Terminal.Say(Words.Invariant($"how the tree of task {task.Number} ended:"));
        foreach (var line in TaskTreeDrawing.Lines(tree, context.Terminal.ErrorIsTerminal, ink: false, context.Terminal.Width)) context.Terminal.SayMore("  " + line);
    }
}
