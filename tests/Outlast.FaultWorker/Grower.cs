using Outlast.Runners.Handlers;

namespace Outlast.FaultWorker;

/// <summary>What is to grow: steps, then children, then a last step.</summary>
/// <param name="Witness">A file in which each step leaves a line as it begins.</param>
/// <param name="Steps">How many steps before the children.</param>
/// <param name="Depth">How many levels of children.</param>
/// <param name="Fan">How many children each has.</param>
/// <param name="PauseMs">How long a step takes.</param>
/// <param name="Command">Whether a command is among the children.</param>
/// <param name="Asks">Whether it asks somebody before its last step.</param>
internal sealed record Plant(string Witness, int Steps, int Depth, int Fan, int PauseMs, bool Command, bool Asks);

/// <summary>A handler whose every step can be counted from outside.</summary>
internal static class Grower
{
    private static readonly Lock Noting = new();

    public static async Task<long> GrowAsync(Plant plant, TaskContext task)
    {
        long sum = 0;
        for (var i = 1; i <= plant.Steps; i++)
        {
            var value = i;
            sum += await task.StepAsync($"step {i}", hard => StepAsync(plant, task, $"step {value}", value, hard));
        }
        var children = new List<ChildTask>();
        for (var i = 0; i < plant.Fan && plant.Depth > 0; i++)
            children.Add(await task.StartHandlerAsync($"child {i}", "grow", plant with { Depth = plant.Depth - 1, Command = false, Asks = false }));
        var command = plant.Command ? await task.StartProcessAsync("command", ["/bin/sh", "-c", "sleep 0.4; echo grown"]) : null;
        await task.WaitAllAsync([.. children.Select(c => c.Id), .. command is null ? Array.Empty<TaskId>() : [command.Id]]);
        foreach (var child in children) sum += await child.ResultAsync<long>();
        if (plant.Asks) await task.AskAsync("go on", "Shall it go on?", ["yes", "no"]);
        return sum + await task.StepAsync("last", hard => StepAsync(plant, task, "last", 100, hard));
    }

    private static async Task<long> StepAsync(Plant plant, TaskContext task, string name, long value, CancellationToken hard)
    {
        Note(plant.Witness, $"{task.Task} {task.Attempt} {name}\n");
        await Task.Delay(plant.PauseMs, hard);
        return value;
    }

    /// <summary>One at a time: appending finds the end first and writes there then, so two at once would lose a line. All that write to it are in this one host.</summary>
    private static void Note(string file, string line)
    {
        lock (Noting) File.AppendAllText(file, line);
    }
}
