using Outlast.Client;

namespace Outlast.Cli.Rendering;

/// <summary>A tree of tasks, each with how it ended or how long it runs: with branches on a terminal, indented by two spaces elsewhere.</summary>
internal static class TaskTreeDrawing
{
    public static IEnumerable<string> Lines(TaskTreeView tree, bool branches, bool ink, int width) => Lines(tree, "", "", branches, ink, width);

    private static IEnumerable<string> Lines(TaskTreeView node, string head, string below, bool branches, bool ink, int width)
    {
        yield return Line(node.Task, head, branches, ink, width);
        for (var i = 0; i < node.Children.Count; i++)
        {
            var last = i == node.Children.Count - 1;
            var (childHead, childBelow) = !branches ? ("  ", "  ") : last ? ("└─ ", "   ") : ("├─ ", "│  ");
            foreach (var line in Lines(node.Children[i], below + childHead, below + childBelow, branches, ink, width)) yield return line;
        }
    }

    private static string Line(TaskView task, string head, bool cut, bool ink, int width)
    {
        var number = Words.Invariant($"{head}{task.Number}  ");
        var state = Words.State(task);
        var rest = $"{(task.Attempt > 1 ? Words.Invariant($"  attempt {task.Attempt}") : "")}  {ControlSequences.Escape(task.Name)}{Fate(task)}  {ControlSequences.Escape(Words.Command(task))}";
        if (cut) rest = TextWidth.Cut(rest, width - TextWidth.Of(number) - state.Length);
        return number + (ink ? Ink.OfState(task.State, state) : state) + rest;
    }

    /// <summary>Why and when it ended, and what of it is alive. That a command ended with its own code says the state.</summary>
    private static string Fate(TaskView task)
    {
        List<string> facts = [];
        if (task.Spec.Detached == true) facts.Add("detached");
        if (task.End is { Cause: not "exit", Reason: { } reason }) facts.Add(reason);
        if (task is { StartedAt: { } started, EndedAt: { } ended }) facts.Add($"after {Words.Length(ended - started)}");
        if (task.End is { Leftovers: { Count: > 0 } left }) facts.Add($"left alive: {string.Join(", ", left.Select(p => Words.Invariant($"{p.Pid} {p.Command}")))}");
        return facts.Count == 0 ? "" : $"  ({ControlSequences.Escape(string.Join("; ", facts))})";
    }
}
