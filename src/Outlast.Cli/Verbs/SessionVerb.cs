using System.CommandLine;
using Outlast.Cli.Rendering;
using Outlast.Client;

namespace Outlast.Cli.Verbs;

/// <summary>One session: what there is of it, when it is told, and that it is over.</summary>
internal static class SessionVerb
{
    public const string Name = "session";

    public static Command Create(CommandContext context)
    {
        var (command, json) = Verb.Make(Name, "One session: its open tasks and notices. Sets when it is told, or closes it", "The session");
        var name = new Argument<string>("S") { Description = "The session" };
        var notify = RunOptions.Word("--notify", "When it is told: at once (push), when it asks (hold), or not at all (never)", "push", "hold", "never");
        var close = new Option<bool>("--close") { Description = "It is over: its open tasks are stopped, and it is told nothing more" };
        var yes = new Option<bool>("--yes", "-y") { Description = "With --close: do not ask" };
        command.Arguments.Add(name);
        foreach (var option in (Option[])[notify, close, yes]) command.Options.Add(option);
        command.SetAction((parsed, cancel) =>
        {
            if (parsed.GetValue(close) && parsed.GetValue(notify) is not null) throw CommandException.Usage("--close and --notify exclude each other");
            if (parsed.GetValue(yes) && !parsed.GetValue(close)) throw CommandException.Usage("--yes goes with --close");
            var session = parsed.GetValue(name)!;
            return parsed.GetValue(close) ? CloseAsync(context, session, parsed.GetValue(yes), parsed.GetValue(json), cancel) : ShowAsync(context, session, parsed.GetValue(notify), parsed.GetValue(json), cancel);
        });
        return command;
    }

    public static Table TableOf(IReadOnlyList<SessionView> sessions)
    {
        var table = new Table(new("SESSION", Least: 8), new("TOLD"), new("OPEN TASKS", Right: true), new("QUEUED", Right: true), new("HANDED OVER", Right: true), new("DROPPED", Right: true, Dropped: 1));
        foreach (var s in sessions)
            table.Add(s.Name, s.Notify, Words.Invariant($"{s.OpenTasks}"), new(Words.Invariant($"{s.Queued}"), s.Queued > 0 ? Ink.Bold : Ink.Dim), new(Words.Invariant($"{s.HandedOver}"), s.HandedOver > 0 ? Ink.Bold : Ink.Dim), new(Words.Invariant($"{s.Dropped}"), Ink.Dim));
        return table;
    }

    private static async Task<int> ShowAsync(CommandContext context, string name, string? notify, bool json, CancellationToken cancel)
    {
        using var client = context.Door.Open();
        Tell(context, notify is null ? await client.SessionAsync(name, cancel) : await client.SetSessionAsync(name, notify, cancel), json);
        return ExitCodes.Ok;
    }

    private static async Task<int> CloseAsync(CommandContext context, string name, bool yes, bool json, CancellationToken cancel)
    {
        using var client = context.Door.Open();
        if (!yes)
        {
            var session = await client.SessionAsync(name, cancel);
            var what = $"{Words.Count(session.OpenTasks, "open task")} {(session.OpenTasks == 1 ? "is" : "are")} stopped and {Words.Count(session.Queued + session.HandedOver, "notice")} dropped";
            if (!Confirmation.IsPossible(context.Terminal)) throw CommandException.Usage($"nothing was closed: without a terminal to ask on, --yes closes it ({what})");
            if (!Confirmation.Ask(context.Terminal, $"Close session {ControlSequences.Escape(name)}: {what}?"))
            {
                context.Terminal.Say("nothing was closed");
                return ExitCodes.Fault;
            }
        }
        var closed = await client.CloseSessionAsync(name, cancel);
        if (json) Tell(context, closed, json);
        else context.Terminal.Line($"closed; {(closed.Stopped is { Count: > 0 } stopped ? $"asked to stop: {string.Join(' ', stopped)}" : "none of its tasks was open")}");
        return ExitCodes.Ok;
    }

    private static void Tell(CommandContext context, SessionView session, bool json)
    {
        if (json) Json.Write(context.Terminal, session, OutlastJson.Wire.SessionView);
        else TableOf([session]).Write(context.Terminal);
    }
}
