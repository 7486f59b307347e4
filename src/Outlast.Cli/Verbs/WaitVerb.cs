using System.CommandLine;
using Outlast.Cli.Rendering;
using Outlast.Client;

namespace Outlast.Cli.Verbs;

internal static class WaitVerb
{
    public static Command Create(CommandContext context)
    {
        var (command, json) = Verb.Make("wait", "Wait until tasks have ended; of one task, end with its exit code", "One task a line, as they end");
        var ids = Verb.Tasks();
        var any = new Option<bool>("--any") { Description = "Until the first has ended; end with its exit code" };
        var timeout = new Option<string?>("--timeout") { Description = "Give up after so long, with exit code 124; nothing is stopped", HelpName = "D" };
        command.Arguments.Add(ids);
        command.Options.Add(any);
        command.Options.Add(timeout);
        command.SetAction((parsed, cancel) => RunAsync(context, parsed.GetValue(ids)!, parsed.GetValue(any), Patience(parsed.GetValue(timeout)), parsed.GetValue(json), cancel));
        return command;
    }

    private static TimeSpan? Patience(string? text) =>
        text is null or "none" ? null
        : Words.TryReadLength(text, out var length) ? length
        : throw CommandException.Usage($"--timeout '{text}' is no duration; write 90s, 10m or PT10M");

    private static async Task<int> RunAsync(CommandContext context, string[] names, bool any, TimeSpan? patience, bool json, CancellationToken cancel)
    {
        using var client = context.Door.Open();
        var ids = await TaskNames.FindAllAsync(client, context, names, cancel);
        using var over = patience is { } p ? new CancellationTokenSource(p, context.Time) : new();
        using var leave = CancellationTokenSource.CreateLinkedTokenSource(cancel, over.Token);
        var waits = ids.Select(id => client.WaitAsync(id, leave.Token)).ToList();
        try
        {
            var codes = new List<int>();
            await foreach (var wait in Task.WhenEach(waits))
            {
                var task = await wait;
                Tell(context, task, json);
                codes.Add(ExitCodes.Of(task));
                if (any || ids.Count == 1) return codes[0];
            }
            return waits.All(w => w.Result.State == TaskStateNames.Completed) ? ExitCodes.Ok : ExitCodes.Fault;
        }
        catch (OperationCanceledException) when (over.IsCancellationRequested)
        {
            context.Terminal.Say($"not ended within {Words.Length(patience!.Value)}: {string.Join(", ", names)}. Nothing was stopped");
            return ExitCodes.TimedOut;
        }
        finally
        {
            await leave.CancelAsync();
        }
    }

    private static void Tell(CommandContext context, TaskView task, bool json)
    {
        if (json) Json.Write(context.Terminal, task, OutlastJson.Wire.TaskView);
        else context.Terminal.Line(Words.Invariant($"{task.Number}\t{task.State}\t{ControlSequences.Escape(task.End?.Reason ?? "")}").TrimEnd());
    }
}
