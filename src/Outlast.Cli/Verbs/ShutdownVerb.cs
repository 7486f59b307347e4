using System.CommandLine;
using Outlast.Cli.Rendering;
using Outlast.Client;

namespace Outlast.Cli.Verbs;

internal static class ShutdownVerb
{
    public static Command Create(CommandContext context)
    {
        var (command, json) = Verb.Make("shutdown", "Ask the host to go, and wait until it is gone. Processes go on; the next verb starts a host that takes them over", "What goes on and what waits");
        command.SetAction((parsed, cancel) => RunAsync(context, parsed.GetValue(json), cancel));
        return command;
    }

    private static async Task<int> RunAsync(CommandContext context, bool json, CancellationToken cancel)
    {
        using var client = context.Door.OpenIfRunning();
        if (client is null)
        {
            context.Terminal.Say($"no host runs for {context.Door.Folder}");
            return ExitCodes.Ok;
        }
        var holder = context.Door.Holder();
        var left = await client.ShutdownAsync(cancel);
        await context.Door.AwaitGoneAsync(holder, cancel);
        if (json) Json.Write(context.Terminal, left, OutlastJson.Wire.ShutdownView);
        else context.Terminal.Line(Describe(left));
        return ExitCodes.Ok;
    }

    private static string Describe(ShutdownView left) => (left.Running, left.Queued) switch
    {
        (0, 0) => "the host is gone; no task was open",
        (var running, 0) => $"the host is gone; {Words.Count(running, "task goes", "tasks go")} on without it, and the next host takes over",
        (0, var queued) => $"the host is gone; {Words.Count(queued, "queued task waits", "queued tasks wait")} for the next host",
        var (running, queued) => $"the host is gone; {Words.Count(running, "task goes", "tasks go")} on without it, {Words.Count(queued, "queued task waits", "queued tasks wait")} for the next host",
    };
}
