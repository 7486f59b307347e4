using System.CommandLine;
using Outlast.Cli.Rendering;
using Outlast.Cli.Serving;
using Outlast.Client;

namespace Outlast.Cli.Verbs;

internal static class RestartVerb
{
    public static Command Create(CommandContext context)
    {
        var (command, json) = Verb.Make("restart", "Replace the host by this program, in its process: settings are read anew, tasks go on, nobody is refused. Where none runs, one is started", "host.json of the host that serves now");
        command.SetAction((parsed, cancel) => RunAsync(context, parsed.GetValue(json), cancel));
        return command;
    }

    private static async Task<int> RunAsync(CommandContext context, bool json, CancellationToken cancel)
    {
        using var client = context.Door.OpenToRestart();
        if (client is null)
        {
            context.Terminal.Say($"no host runs for {context.Door.Folder}: starting one");
            var (first, notReady) = await context.Door.AwaitSuccessorAsync(0, cancel);
            Tell(context, json, null, first, notReady);
            return ExitCodes.Ok;
        }
        var begun = await AskAsync(context, client, cancel);
        var (next, reasons) = await context.Door.AwaitSuccessorAsync(begun.Epoch, cancel);
        Tell(context, json, begun, next, reasons);
        if (next.RestartFailed is { } why) throw new CommandException($"this program could not serve, and the one before it serves again: {why}", ExitCodes.Conflict);
        return ExitCodes.Ok;
    }

    private static async Task<RestartView> AskAsync(CommandContext context, OutlastHttpClient client, CancellationToken cancel)
    {
        try
        {
            return await client.RestartAsync(new() { Program = [.. HostStarter.ProgramArguments()], Task = context.Caller.Task }, cancel);
        }
        catch (OutlastProblemException e) when (e.Type == ProblemTypes.NoRoute)
        {
            throw new CommandException($"the running host is too old to be replaced in its process. Use {context.Command("shutdown")}; commands go on, and the next verb starts the new host", ExitCodes.Conflict);
        }
    }

    private static void Tell(CommandContext context, bool json, RestartView? begun, HostFile next, IReadOnlyList<string> notReady)
    {
        if (json) Json.Write(context.Terminal, next, OutlastJson.Wire.HostFile);
        else if (next.RestartFailed is null) context.Terminal.Line(Describe(begun, next));
        foreach (var reason in notReady) context.Terminal.Say($"it serves, and starts no new work now: {reason}");
    }

    private static string Describe(RestartView? begun, HostFile next) => Words.Invariant($"host h{next.Epoch} serves, version {next.Version}, pid {next.Pid}") + (begun is null ? "" : Words.Invariant(
        $"; it follows h{begun.Epoch}, version {begun.Version}. {Words.Count(begun.Running, "task went", "tasks went")} on, {Words.Count(begun.Queued, "waits", "wait")} in the queue"));
}
