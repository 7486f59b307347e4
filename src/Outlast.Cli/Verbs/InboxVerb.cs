using System.CommandLine;
using Outlast.Cli.Calling;
using Outlast.Cli.Rendering;
using Outlast.Client;

namespace Outlast.Cli.Verbs;

internal static class InboxVerb
{
    public const string Name = "inbox";
    private const int Page = 100;

    public static Command Create(CommandContext context)
    {
        var (command, json) = Verb.Make(Name, $"What a session was told and has not acknowledged: ended tasks, warnings, questions. Without a session a summary of all", "One notice a line; of the summary, one session");
        var session = new Option<string?>("--session") { Description = $"Of this session; otherwise ${Caller.SessionVariable}", HelpName = "S" };
        var acknowledge = new Option<bool>("--ack") { Description = "Acknowledge what is printed: it does not come again" };
        var follow = new Option<bool>("--follow", "-f") { Description = "Go on as more comes" };
        var all = new Option<bool>("--all") { Description = "A summary of all sessions" };
        foreach (var option in (Option[])[session, acknowledge, follow, all]) command.Options.Add(option);
        command.SetAction((parsed, cancel) =>
        {
            var (given, asJson) = (parsed.GetValue(session), parsed.GetValue(json));
            if (given is not null && parsed.GetValue(all)) throw CommandException.Usage("--session is one and --all is all of them; leave one out");
            var name = parsed.GetValue(all) ? null : given ?? context.Caller.Variable(Caller.SessionVariable);
            if (name is not null)
                return parsed.GetValue(follow) ? FollowAsync(context, name, parsed.GetValue(acknowledge), asJson, cancel) : ListAsync(context, name, parsed.GetValue(acknowledge), asJson, cancel);
            if (parsed.GetValue(acknowledge) || parsed.GetValue(follow)) throw CommandException.Usage($"--ack and --follow need to know whose: --session S, or ${Caller.SessionVariable}");
            return SummariseAsync(context, asJson, cancel);
        });
        return command;
    }

    private static async Task<int> ListAsync(CommandContext context, string session, bool acknowledge, bool json, CancellationToken cancel)
    {
        using var client = context.Door.Open();
        var (count, after) = (0, 0L);
        while (true)
        {
            var page = await client.ReadInboxAsync(session, after, Page, peek: !acknowledge, cancel: cancel);
            foreach (var notice in page.Notices) Tell(context, notice, json);
            // Only what has been printed.
            if (acknowledge && page.Notices.Count > 0) await client.AcknowledgeAsync(session, new(Keys: [.. page.Notices.Select(n => n.Key)]), cancel);
            count += page.Notices.Count;
            after = page.Next;
            if (page.Notices.Count == 0) break;
        }
        if (json) return ExitCodes.Ok;
        if (count == 0) context.Terminal.Say($"nothing is open for session {session}");
        else if (!acknowledge) context.Terminal.Say($"{(count == 1 ? "it stays" : $"these {Words.Count(count, "notice")} stay")} until acknowledged: {context.Command($"inbox --session {Words.Quote(session)} --ack")}");
        return ExitCodes.Ok;
    }

    private static async Task<int> FollowAsync(CommandContext context, string session, bool acknowledge, bool json, CancellationToken cancel)
    {
        using var client = context.Door.Open();
        await foreach (var notice in client.StreamInboxAsync(session, peek: !acknowledge, cancel: cancel))
        {
            Tell(context, notice, json);
            if (acknowledge) await client.AcknowledgeAsync(session, new(Keys: [notice.Key]), cancel);
        }
        return ExitCodes.Ok;
    }

    private static async Task<int> SummariseAsync(CommandContext context, bool json, CancellationToken cancel)
    {
        using var client = context.Door.Open();
        var sessions = await client.SessionsAsync(cancel);
        if (json)
        {
            foreach (var session in sessions) Json.Write(context.Terminal, session, OutlastJson.Wire.SessionView);
            return ExitCodes.Ok;
        }
        if (sessions.Count == 0)
        {
            context.Terminal.Say($"there are no sessions: a task has one with {context.Command("run --session S -- COMMAND...")}");
            return ExitCodes.Ok;
        }
        SessionVerb.TableOf(sessions).Write(context.Terminal);
        if (sessions.FirstOrDefault(s => s.Queued + s.HandedOver > 0) is { } waiting) context.Terminal.Say($"read one: {context.Command($"inbox --session {Words.Quote(waiting.Name)}")}");
        return ExitCodes.Ok;
    }

    private static void Tell(CommandContext context, NoticeView notice, bool json)
    {
        var terminal = context.Terminal;
        if (json)
        {
            Json.Write(terminal, notice, OutlastJson.Wire.NoticeView);
            return;
        }
        var (title, text) = (ControlSequences.Escape(notice.Title), ControlSequences.Escape(notice.Text));
        if (!terminal.OutIsTerminal)
        {
            terminal.Line(Words.Invariant($"{notice.Seq}\t{notice.At.UtcDateTime:yyyy-MM-ddTHH:mm:ss.fffZ}\t{notice.Kind}\t{notice.Key}\t{notice.Delivery}\t{title}\t{text}"));
            return;
        }
        var head = Words.Invariant($"{notice.Seq,6}  ");
        var when = $"{Words.At(notice.At, context.Time.GetUtcNow())}{(notice.Deliveries > 1 ? Words.Invariant($", for the {notice.Deliveries}. time") : "")}";
        terminal.Line(terminal.Ink ? $"{Ink.Dim(head)}{(notice.Kind == "ended" ? Ink.OfState(notice.State, title) : Ink.Bold(title))}  {Ink.Dim(when)}" : $"{head}{title}  {when}");
        foreach (var line in TextWidth.Wrap(text, Math.Max(20, terminal.Width - head.Length))) terminal.Line(new string(' ', head.Length) + line);
    }
}
