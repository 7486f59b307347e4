using Outlast.Client;

namespace Outlast.Cli.Rendering;

/// <summary>Tasks as rows: which, how they are, for how long, and what they run.</summary>
internal static class TaskTable
{
    public static Table Of(IEnumerable<TaskView> tasks, DateTimeOffset now)
    {
        var table = new Table(
            new("TASK", Right: true), new("STATE"), new("TIME", Right: true), new("AGE", Right: true, Dropped: 3), new("NAME", Least: 8), new("COMMAND", Least: 20, Dropped: 2),
            new("ID", Dropped: 4));
        foreach (var task in tasks)
        {
            table.Add(
                Words.Invariant($"{task.Number}"), new(State(task, now), text => Ink.OfState(task.State, text)), Elapsed(task, now), Words.Ago(task.CreatedAt, now), task.Name,
                new(Words.Command(task), Ink.Dim), new(task.Id, Ink.Dim));
        }
        return table;
    }

    /// <summary>How long it has been running, or ran.</summary>
    private static string Elapsed(TaskView task, DateTimeOffset now) =>
        task.StartedAt is not { } started ? "-" : Words.Length(task.EndedAt is { } ended ? ended - started : TimeSpan.FromSeconds(Math.Max(0, Math.Floor((now - started).TotalSeconds))));

    private static string State(TaskView task, DateTimeOffset now) =>
        task.NotBefore is { } at && task.Queue is not null ? $"starts at {Words.At(at, now)}" : task.Queue is { } queue ? Words.Invariant($"queued #{queue.Position}, {queue.WaitsFor}") : Words.State(task);
}
