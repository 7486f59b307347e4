using System.CommandLine;
using Outlast.Cli.Rendering;
using Outlast.Client;

namespace Outlast.Cli.Verbs;

internal static class LogsVerb
{
    public static Command Create(CommandContext context)
    {
        var (command, json) = Verb.Make("logs", "What a task printed", "Each piece with its offset, one a line");
        var id = Verb.OneTask();
        var follow = new Option<bool>("--follow", "-f") { Description = "Go on until it has ended" };
        var tail = Verb.Number("--tail", "Only so many of the last lines", least: 0);
        var since = Verb.Number("--since-offset", "Only standard output, from this byte on: resumes where an earlier reader was", least: 0);
        var raw = new Option<bool>("--raw") { Description = "Control sequences too, on a terminal" };
        command.Arguments.Add(id);
        foreach (var option in (Option[])[follow, tail, since, raw]) command.Options.Add(option);
        command.SetAction((parsed, cancel) => RunAsync(
            context, parsed.GetValue(id)!, parsed.GetValue(follow), parsed.GetValue(tail), parsed.GetValue(since), parsed.GetValue(raw), parsed.GetValue(json), cancel));
        return command;
    }

    private static async Task<int> RunAsync(CommandContext context, string name, bool follow, long? tail, long? since, bool raw, bool json, CancellationToken cancel)
    {
        if (tail is not null && since is not null) throw CommandException.Usage("--tail and --since-offset exclude each other");

        using var client = context.Door.Open();
        var task = await client.GetAsync(await TaskNames.FindAsync(client, context, name, cancel), cancel: cancel);
        if (task.Output.RemovedAt is { } removed) context.Terminal.Say($"the output of task {task.Number} was removed at {Words.At(removed, context.Time.GetUtcNow())}");
        var separate = task.Spec.Process?.Stderr == "separate" && since is null;
        var (output, errors) = (new OutputPrinter(context.Terminal, false, raw, json), new OutputPrinter(context.Terminal, true, raw, json));

        // One after the other keeps each whole; only a follower needs both at once.
        if (follow && separate)
        {
            await Together.RunAsync(cancel, stop => PrintAsync(client, task, output, tail, 0, true, stop), stop => PrintAsync(client, task, errors, tail, 0, true, stop));
        }
        else
        {
            await PrintAsync(client, task, output, tail, since ?? 0, follow, cancel);
            if (separate) await PrintAsync(client, task, errors, tail, 0, false, cancel);
        }
        return ExitCodes.Ok;
    }

    private static async Task PrintAsync(OutlastHttpClient client, TaskView task, OutputPrinter printer, long? tail, long offset, bool follow, CancellationToken cancel)
    {
        try
        {
            if (tail is { } lines) offset = await TailStart.FindAsync(client, task.Id, lines, printer.IsError, cancel);
            offset = await PrintPresentAsync(client, task.Id, printer, offset, cancel);
        }
        catch (OutlastProblemException e) when (e.Type == ProblemTypes.OutOfRange)
        {
            throw CommandException.Usage($"--since-offset {offset} is beyond the output, which has {Words.Bytes(task.Output.Bytes)}");
        }
        if (!follow) return;
        await client.FollowOutputAsync(task.Id, offset, (bytes, _) =>
        {
            printer.Print(offset, bytes.Span);
            offset += bytes.Length;
            return ValueTask.CompletedTask;
        }, printer.IsError, gap =>
        {
            printer.PassOver(gap);
            offset = gap.To;
        }, cancel);
    }

    /// <summary>Prints as much as there was when the reading began.</summary>
    private static async Task<long> PrintPresentAsync(OutlastHttpClient client, string id, OutputPrinter printer, long offset, CancellationToken cancel)
    {
        long? end = null;
        while (true)
        {
            var range = await client.ReadOutputAsync(id, offset, errorStream: printer.IsError, cancel: cancel);
            end ??= range.Size;
            if (range.Offset > offset) printer.PassOver(new(offset, range.Offset, "dropped"));
            printer.Print(range.Offset, range.Bytes.Span);
            if (range.NextOffset <= offset || range.NextOffset >= end) return range.NextOffset;
            offset = range.NextOffset;
        }
    }
}
