using Outlast.Client;

namespace Outlast.Cli.Rendering;

/// <summary>A tree of tasks: with branches on a terminal, indented by two spaces elsewhere.</summary>
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
        var rest = $"{(task.Attempt > 1 ? Words.Invariant($"  attempt {task.Attempt}") : "")}  {ControlSequences.Escape(task.Name)}  {ControlSequences.Escape(Words.Command(task))}";
        if (cut) rest = TextWidth.Cut(rest, width - TextWidth.Of(number) - state.Length);
        return number + (ink ? Ink.OfState(task.State, state) : state) + rest;
    }
}
