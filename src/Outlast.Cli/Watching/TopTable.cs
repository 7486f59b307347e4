using System.Globalization;
using Outlast.Cli.Rendering;
using Outlast.Client;

namespace Outlast.Cli.Watching;

/// <summary>What the list is ordered by.</summary>
internal enum TopOrder { Task, Cpu, Memory, Output, Rate, Idle, Left, Time }

/// <summary>Tasks as rows: how they fare now.</summary>
internal static class TopTable
{
    /// <summary>Open ones first; the ended ones below them, whatever the order.</summary>
    public static IReadOnlyList<TaskView> Sort(IEnumerable<TaskView> tasks, TopOrder order, DateTimeOffset now) =>
        [.. tasks.OrderBy(t => t.HasEnded).ThenByDescending(t => Weight(t, order, now)).ThenByDescending(t => t.Number)];

    public static Table Of(IEnumerable<TaskView> tasks, DateTimeOffset now, TopOrder? order = null)
    {
        var table = new Table(
            new(Header("TASK", TopOrder.Task), Right: true), new("STATE"), new(Header("CPU%", TopOrder.Cpu), Right: true), new(Header("MEM", TopOrder.Memory), Right: true, Dropped: 2), new("PROC", Right: true, Dropped: 7),
            new(Header("OUTPUT", TopOrder.Output), Right: true, Dropped: 5), new(Header("RATE", TopOrder.Rate), Right: true, Dropped: 6), new(Header("IDLE", TopOrder.Idle), Right: true, Dropped: 3),
            new(Header("LEFT", TopOrder.Left), Right: true, Dropped: 4), new(Header("TIME", TopOrder.Time), Right: true, Dropped: 1), new("NAME", Least: 8), new("COMMAND", Least: 12, Dropped: 8));
        foreach (var task in tasks)
        {
            var left = Left(task, now);
            table.Add(
                Words.Invariant($"{task.Number}"), new(State(task), text => Ink.OfState(task.State, text)), Percent(task.Live?.CpuPercent), task.Live is { } live ? Words.ShortBytes(live.MemoryBytes) : "-",
                task.Live is { } seen ? Words.Invariant($"{seen.Processes}") : "-", Words.ShortBytes(Printed(task)), task.Live?.OutputBytesPerSecond is { } rate ? Words.ShortBytes(rate) + "/s" : "-",
                task.IdleMs is { } idle ? Words.ShortLength(TimeSpan.FromMilliseconds(idle)) : "-", left is { } rest ? new Cell($"{Words.ShortLength(rest.Left)}{(rest.OfSilence ? " idle" : "")}", rest.IsShort ? Warning : null) : "-",
                Elapsed(task, now), task.Name, new(Words.Command(task), Ink.Dim));
        }
        return table;

        string Header(string name, TopOrder column) => order == column ? name + "▾" : name;
    }

    /// <summary>What is left until the nearer of its limits; none without one.</summary>
    internal static (TimeSpan Left, bool OfSilence, bool IsShort)? Left(TaskView task, DateTimeOffset now)
    {
        if (task.State != TaskStateNames.Running) return null;
        (TimeSpan Left, bool OfSilence, bool IsShort)? deadline = task is { StartedAt: { } started, Limits.TimeoutMs: { } timeout } ? Of(TimeSpan.FromMilliseconds(timeout), now - started, false) : null;
        (TimeSpan Left, bool OfSilence, bool IsShort)? silence = task is { IdleMs: { } idle, Limits.IdleTimeoutMs: { } limit } ? Of(TimeSpan.FromMilliseconds(limit), TimeSpan.FromMilliseconds(idle), true) : null;
        return deadline is null || silence?.Left < deadline.Value.Left ? silence : deadline;

        static (TimeSpan, bool, bool) Of(TimeSpan limit, TimeSpan spent, bool ofSilence) => (limit - spent, ofSilence, limit - spent < limit * 0.1);
    }

    private static double Weight(TaskView task, TopOrder order, DateTimeOffset now) => order switch
    {
        TopOrder.Cpu => task.Live?.CpuPercent ?? -1,
        TopOrder.Memory => task.Live?.MemoryBytes ?? -1,
        TopOrder.Output => Printed(task),
        TopOrder.Rate => task.Live?.OutputBytesPerSecond ?? -1,
        TopOrder.Idle => task.IdleMs ?? -1,
        // The nearest end first.
        TopOrder.Left => Left(task, now) is { } left ? -left.Left.TotalSeconds : double.MinValue,
        TopOrder.Time => task.StartedAt is { } started ? (now - started).TotalSeconds : -1,
        TopOrder.Task => 0,
        _ => throw new ArgumentOutOfRangeException(nameof(order)),
    };

    private static long Printed(TaskView task) => task.Output.Bytes + task.Output.ErrorBytes;

    private static string Percent(double? percent) => percent is not { } value ? "-" : value < 9.95 ? value.ToString("0.0", CultureInfo.InvariantCulture) : value.ToString("0", CultureInfo.InvariantCulture);

    private static string Elapsed(TaskView task, DateTimeOffset now) =>
        task.StartedAt is not { } started ? "-" : Words.Length(TimeSpan.FromSeconds(Math.Max(0, Math.Floor(((task.EndedAt ?? now) - started).TotalSeconds)))).Replace("0ms", "0s", StringComparison.Ordinal);

    private static string State(TaskView task) => task.Queue is { } queue ? Words.Invariant($"queued #{queue.Position}") : Words.State(task);

    private static string Warning(string text) => Ink.OfLevel("warn", text);
}
