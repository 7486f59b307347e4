using Outlast.Runners.Processes;

namespace Outlast.Tests.Runners.Processes;

/// <summary>Who was on the list and shows nothing when asked: whether that may hide a successor.</summary>
public sealed class ProcessWalkerTests
{
    private static readonly TaskId Somebody = TaskId.New(DateTimeOffset.UnixEpoch);
    private static readonly ProcessStat Living = new(4711, 1, 4711, 4711, 'S', 100, 0, 0);
    private static readonly ProcessStat Dead = Living with { State = 'Z' };

    [Theory]
    [Trait("Requirement", "U-30")]
    // It was somebody's, and is gone, or just dead.
    [InlineData("marked", "gone", false)]
    [InlineData("marked", "dead", false)]
    [InlineData("marked", "unreadable", false)]
    // It was becoming another program when it was asked first, and has done whatever it is that it does.
    [InlineData("unreadable", "gone", false)]
    [InlineData("unreadable", "dead", false)]
    // The kernel's threads, and those of other users; of some not even the state is shown.
    [InlineData("unreadable", "unreadable", true)]
    [InlineData("hidden", "gone", true)]
    // Nobody's, or dead before.
    [InlineData("unmarked", "gone", true)]
    [InlineData("unmarked", "dead", true)]
    [InlineData("dead", "dead", true)]
    [InlineData("dead", "gone", true)]
    public void Only_of_those_that_are_known_absence_hides_nothing(string before, string now, bool expected)
    {
        ProcessWalker.Seen seen = before switch
        {
            "marked" => new(100, new(Somebody, false), false),
            "unmarked" => new(100, default(ProcessMark), false),
            "unreadable" => new(100, null, false),
            "hidden" => new(-1, null, false),
            _ => new(100, null, true),
        };
        ProcessStat? asked = now switch { "gone" => null, "dead" => Dead, _ => Living };

        Assert.Equal(expected, ProcessWalker.HasNoSuccessor(seen, asked));
    }
}
