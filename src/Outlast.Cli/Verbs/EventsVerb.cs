using System.CommandLine;
using System.Globalization;
using Outlast.Cli.Rendering;
using Outlast.Client;

namespace Outlast.Cli.Verbs;

internal static class EventsVerb
{
    private const int PageLimit = 1000;

    public static Command Create(CommandContext context)
    {
        var (command, json) = Verb.Make("events", "What happened, in order: to one task, or to all", "One event a line");
        var id = Verb.OneTaskOrAll();
        var follow = new Option<bool>("--follow", "-f") { Description = "Go on as more happens; with a task, until it has ended" };
        var after = Verb.Number("--after", "Only events after the one with this number", least: 0);
        command.Arguments.Add(id);
        command.Options.Add(follow);
        command.Options.Add(after);
        command.SetAction((parsed, cancel) => RunAsync(context, parsed.GetValue(id), parsed.GetValue(follow), parsed.GetValue(after) ?? 0, parsed.GetValue(json), cancel));
        return command;
    }

    private static async Task<int> RunAsync(CommandContext context, string? name, bool follow, long after, bool json, CancellationToken cancel)
    {
        using var client = context.Door.Open();
        var task = name is null ? null : await TaskNames.FindAsync(client, context, name, cancel);
        // An id that nobody knows has no events; that it is unknown must be said all the same.
        var ended = task is not null && (await client.GetAsync(task, cancel: cancel)).HasEnded;
        while (true)
        {
            var page = await client.ReadEventsAsync(after, PageLimit, task, cancel: cancel);
            if (page.Gap is { } gap) TellGap(context, gap);
            foreach (var happened in page.Events)
            {
                Tell(context, happened, json);
                ended |= task is not null && happened.State is { } state && TaskStateNames.IsTerminal(state);
            }
            if (page.Next <= after) break;
            after = page.Next;
        }
        if (!follow || ended) return ExitCodes.Ok;

        await foreach (var frame in client.StreamEventsAsync(after, task, cancel: cancel))
        {
            if (frame.Gap is { } gap) TellGap(context, gap);
            if (frame.Event is not { } happened) continue;
            Tell(context, happened, json);
            if (task is not null && happened.State is { } state && TaskStateNames.IsTerminal(state)) break;
        }
        return ExitCodes.Ok;
    }

    private static void TellGap(CommandContext context, EventGapView gap) =>
        context.Terminal.Say(Words.Invariant($"events before number {gap.First} are no longer kept"));

    private static void Tell(CommandContext context, EventView happened, bool json)
    {
        var terminal = context.Terminal;
        if (json)
        {
            Json.Write(terminal, happened, OutlastJson.Wire.EventView);
            return;
        }
        var data = EventWords.Of(happened);
        var subject = happened.Task is { } id ? id[^8..] : "host";
        if (!terminal.OutIsTerminal)
        {
            terminal.Line(Words.Invariant($"{happened.Seq}\t{happened.At.UtcDateTime:yyyy-MM-ddTHH:mm:ss.fffZ}\t{happened.Task ?? "-"}\t{happened.Type}\t{happened.State ?? "-"}\t{data}"));
            return;
        }
        var (seq, at, type) = ($"{happened.Seq,6}", happened.At.ToLocalTime().ToString("HH:mm:ss.fff", CultureInfo.InvariantCulture), $"{happened.Type,-20}");
        var room = terminal.Width - seq.Length - at.Length - subject.Length - type.Length - 8;
        var rest = TextWidth.Cut(data, Math.Max(0, room));
        if (terminal.Ink)
        {
            (seq, at) = (Ink.Dim(seq), Ink.Dim(at));
            if (happened.State is { } state) type = Ink.OfState(state, type);
        }
        terminal.Line($"{seq}  {at}  {subject,-8}  {type}  {rest}".TrimEnd());
    }
}
