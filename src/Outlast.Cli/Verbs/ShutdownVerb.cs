using System.CommandLine;
using Outlast.Cli.Rendering;
using Outlast.Client;

namespace Outlast.Cli.Verbs;

internal static class ShutdownVerb
{
    private const string Leave = "leave", Drain = "drain", StopTasks = "stop-tasks";
    private const int MostNamed = 20;

    public static Command Create(CommandContext context)
    {
        var (command, json) = Verb.Make("shutdown", "Ask the host to go, and wait until it is gone. Processes go on; the next verb starts a host that takes them over", "What goes on and what waits");
        var drain = new Option<bool>("--drain") { Description = "First wait until what runs has ended, and start nothing more. Ctrl-C calls it off: the host stays and takes work again" };
        var stopTasks = new Option<bool>("--stop-tasks") { Description = "First stop every open task, and wait until nothing of them is left" };
        var limit = new Option<string?>("--drain-limit") { Description = "How long --drain waits; what has not ended then goes on without the host (default: the setting host.drainLimit)", HelpName = "60s|none" };
        command.Options.Add(drain);
        command.Options.Add(stopTasks);
        command.Options.Add(limit);
        command.Validators.Add(result =>
        {
            if (result.GetValue(drain) && result.GetValue(stopTasks)) result.AddError("--drain and --stop-tasks exclude each other");
            if (result.GetValue(limit) is not { } text) return;
            if (!result.GetValue(drain)) result.AddError("--drain-limit is for --drain only");
            else if (text != "none" && !Words.TryReadLength(text, out _)) result.AddError($"--drain-limit '{text}' is no duration; write 90s, 10m, PT10M or none");
        });
        command.SetAction((parsed, cancel) => RunAsync(context, new()
        {
            Mode = parsed.GetValue(drain) ? Drain : parsed.GetValue(stopTasks) ? StopTasks : Leave,
            DrainLimit = parsed.GetValue(limit),
            Task = context.Caller.Task,
        }, parsed.GetValue(json), cancel));
        return command;
    }

    private static async Task<int> RunAsync(CommandContext context, ShutdownRequestBody wish, bool json, CancellationToken cancel)
    {
        using var client = context.Door.OpenIfRunning();
        if (client is null)
        {
            context.Terminal.Say($"no host runs for {context.Door.Folder}");
            return ExitCodes.Ok;
        }
        var gone = context.Door.AwaitGone();
        if (wish.Mode is Drain) context.Terminal.Say($"waiting for what runs to end, {await PatienceAsync(client, wish, cancel)}; until then the host takes no new work, but from what it waits for. Ctrl-C calls it off");
        if (wish.Mode is StopTasks) context.Terminal.Say("stopping every task; until then the host takes no new work. Ctrl-C calls it off");
        var left = await client.ShutdownAsync(wish, cancel);
        await gone(cancel);
        if (json) Json.Write(context.Terminal, left, OutlastJson.Wire.ShutdownView);
        else context.Terminal.Line(Describe(left));
        return ExitCodes.Ok;
    }

    /// <summary>How long the host waits: as asked for, or by its own setting.</summary>
    private static async Task<string> PatienceAsync(OutlastHttpClient client, ShutdownRequestBody wish, CancellationToken cancel)
    {
        var limit = wish.DrainLimit ?? (await client.HostAsync(cancel)).Limits.FirstOrDefault(s => s.Key == "host.drainLimit")?.Value ?? "none";
        // As everywhere, nought is no limit.
        return limit == "none" || Words.TryReadLength(limit, out var length) && length == TimeSpan.Zero ? "however long that takes" : $"at most {limit} (--drain-limit)";
    }

    private static string Describe(ShutdownView left)
    {
        List<string> facts = [];
        if (left.Stopped is > 0 and { } stopped) facts.Add(Words.Count(stopped, "task was stopped", "tasks were stopped"));
        if (left.Running > 0) facts.Add(Words.Count(left.Running, "task goes", "tasks go") + " on without it" + Named(left.Left) + ", and the next host takes over");
        if (left.Queued > 0) facts.Add(Words.Count(left.Queued, "queued task waits", "queued tasks wait") + " for the next host");
        return "the host is gone; " + (facts.Count == 0 ? "no task was open" : string.Join("; ", facts));
    }

    private static string Named(IReadOnlyList<TaskNameView>? left) => left is not { Count: > 0 } ? ""
        : $" ({string.Join(", ", left.Take(MostNamed).Select(t => Words.Invariant($"{t.Number} {ControlSequences.Escape(t.Name ?? "")}")))}{(left.Count > MostNamed ? ", …" : "")})";
}
