using Outlast.Cli;
using Outlast.TestKit;

namespace Outlast.Tests.Cli;

public sealed class BurialTests
{
    [Fact]
    public async Task Whoever_is_no_child_of_ours_is_not_waited_for() => await Task.Run(() => LibC.Bury(int.MaxValue)).Soon();

    [Fact]
    public void A_child_is_ended_and_buried()
    {
        var child = Outlast.Runners.Processes.Spawner.Start(new() { Program = "/bin/sleep", Arguments = ["sleep", "1000"], Environment = [] });
        LibC.Bury(child);
        Assert.False(Directory.Exists($"/proc/{child}"));
    }
}
