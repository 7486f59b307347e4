using System.CommandLine;
using Outlast.Cli.Rendering;
using Outlast.Cli.Watching;
using Outlast.Client;

namespace Outlast.Cli.Verbs;

internal static class TopVerb
{
    public const string Name = "top";
    private static readonly TimeSpan Shortest = TimeSpan.FromMilliseconds(100), Longest = TimeSpan.FromHours(1), Usual = TimeSpan.FromSeconds(1);

    public static Command Create(CommandContext context)
    {
        var (command, json) = Verb.Make(Name, "A live view: what runs, and what it uses; with keys to stop, extend and follow (? shows them)", "With --once: one task a line");
        var interval = new Option<string?>("--interval") { Description = "How often it looks; otherwise 1s", HelpName = "D" };
        var once = new Option<bool>("--once") { Description = "One table, as ps does, after one interval" };
        command.Options.Add(interval);
        command.Options.Add(once);
        command.SetAction((parsed, cancel) => RunAsync(context, Interval(parsed.GetValue(interval)), parsed.GetValue(once), parsed.GetValue(json), cancel));
        return command;
    }

    private static TimeSpan Interval(string? text) =>
        text is null ? Usual
        : Words.TryReadLength(text, out var length) && length >= Shortest && length <= Longest ? length
        : throw CommandException.Usage($"--interval '{text}' is no duration from {Words.Length(Shortest)} to {Words.Length(Longest)}; write 500ms or 2s");

    private static async Task<int> RunAsync(CommandContext context, TimeSpan interval, bool once, bool json, CancellationToken cancel)
    {
        if (json && !once) throw CommandException.Usage("--json needs --once: a live view is for a terminal");
        if (!once && !FullScreen.IsPossible) throw CommandException.Usage($"a live view needs a terminal; without one: {context.Command("top --once")}");

        using var client = context.Door.Open();
        using var watch = new HostWatch(context.Door, context.Time, interval);
        if (!once)
        {
            // As every verb does, it starts a host where none runs.
            await client.HealthAsync(cancel);
            return await new TopScreen(context, watch).RunAsync(cancel);
        }
        await watch.TakeAsync(client, cancel);
        // What a task uses a second can only be said after some of one.
        await Task.Delay(interval, context.Time, cancel);
        var sample = await watch.TakeAsync(client, cancel);
        var tasks = TopTable.Sort(sample.Tasks, TopOrder.Task, sample.At);
        if (json)
            foreach (var task in tasks) Json.Write(context.Terminal, task, OutlastJson.Wire.TaskView);
        else TopTable.Of(tasks, sample.At).Write(context.Terminal);
        return ExitCodes.Ok;
    }
}
