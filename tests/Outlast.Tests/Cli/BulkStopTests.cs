using Outlast.Cli.Verbs;
using Outlast.Client;

namespace Outlast.Tests.Cli;

public sealed class BulkStopTests
{
    [Fact]
    public void What_the_stop_of_another_reaches_is_counted_below_it_and_not_stopped_again()
    {
        // 1 has 2 and 3 below it, 2 has 4; 5 stands alone; 6 is below one that does not fit.
        IReadOnlyList<TaskView> open = [Of(7), Of(6, 7), Of(5), Of(4, 2), Of(3, 1), Of(2, 1), Of(1)];

        Assert.Equal([(1, 3), (5, 0), (6, 0)], Tops(open, 1, 4, 5, 6, 2));
        Assert.Equal([(2, 1), (3, 0)], Tops(open, 2, 3));
        Assert.Equal([(4, 0)], Tops(open, 4));
        Assert.Empty(Tops(open));
    }

    [Fact]
    public void What_was_detached_is_not_reached_by_the_stop_of_its_parent_and_stopped_for_itself()
    {
        var detached = Of(3, 1) with { Spec = Of(3).Spec with { Detached = true } };
        IReadOnlyList<TaskView> open = [Of(4, 3), detached, Of(2, 1), Of(1)];

        Assert.Equal([(1, 1), (3, 1)], Tops(open, 1, 2, 3, 4));
        Assert.Equal([(1, 1)], Tops(open, 1, 2));
    }

    private static (long, int)[] Tops(IReadOnlyList<TaskView> open, params int[] fitting) => [.. BulkStop.Tops([.. open.Where(t => fitting.Contains((int)t.Number))], open).Select(t => (t.Task.Number, t.Below))];

    private static TaskView Of(int number, int? parent = null) =>
        Tasks.Running(number) with { Id = $"id{number}", Parent = parent is { } p ? $"id{p}" : null, Depth = number switch { 4 => 2, 2 or 3 or 6 => 1, _ => 0 } };
}
