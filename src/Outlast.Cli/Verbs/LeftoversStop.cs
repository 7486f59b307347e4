using Outlast.Cli.Rendering;
using Outlast.Client;

namespace Outlast.Cli.Verbs;

/// <summary>Ends what ended tasks have left behind, and says of each process what became of it.</summary>
internal static class LeftoversStop
{
    public static async Task<int> RunAsync(CommandContext context, string[] names, string? reason, bool now, bool json, CancellationToken cancel)
    {
        using var client = context.Door.Open();
        var worst = ExitCodes.Ok;
        foreach (var name in names)
        {
            try
            {
                var left = await client.StopLeftoversAsync(await TaskNames.FindAsync(client, context, name, cancel), reason, now ? true : null, cancel);
                if (json) Json.Write(context.Terminal, left, OutlastJson.Wire.LeftoversView);
                else Tell(context, left);
                if (left.Survivors.Count > 0) worst = Math.Max(worst, ExitCodes.Fault);
            }
            catch (Exception e) when (e is OutlastProblemException or CommandException)
            {
                // One that cannot be done does not keep the others from it.
                var (text, code) = Problems.Describe(e, context, "stop");
                context.Terminal.Say(e is OutlastProblemException { Type: ProblemTypes.NotEnded } open
                    ? $"task {name} has not ended ({open.Text("state")}): what it started is stopped with it by {context.Command($"stop {name}")}" : text);
                worst = Math.Max(worst, code);
            }
        }
        return worst;
    }

    private static void Tell(CommandContext context, LeftoversView left)
    {
        if (left.Ended.Count == 0 && left.Survivors.Count == 0) context.Terminal.Say(Words.Invariant($"nothing that task {left.Task.Number} left behind is alive"));
        foreach (var process in left.Ended) Tell(context, process, "ended");
        foreach (var process in left.Survivors) Tell(context, process, "alive");
    }

    private static void Tell(CommandContext context, SurvivorView process, string fate) => context.Terminal.Line(Words.Invariant($"{fate}\t{process.Pid}\t{ControlSequences.Escape(process.Command)}"));
}
