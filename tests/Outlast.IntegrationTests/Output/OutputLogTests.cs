using Outlast.Output;
using Outlast.TestKit;
using Xunit;

namespace Outlast.IntegrationTests.Output;

public sealed class OutputLogTests
{
    /// <summary>A start that came to nothing leaves an empty log; the next start makes the folder anew.</summary>
    [Fact]
    public void A_log_that_was_looked_at_while_empty_and_then_made_anew_is_read()
    {
        using var scratch = new ScratchFolder();
        var attempt = scratch.File("1");
        var path = Path.Combine(attempt, "output.log");
        Directory.CreateDirectory(attempt);
        File.WriteAllText(path, "");
        using var log = new OutputLog(path);
        var ended = new TaskCompletionSource();
        var follower = new OutputFollower(log, 0, ended.Task, TimeProvider.System);
        var buffer = new byte[16];
        Assert.True(log.Exists);
        Assert.Equal(0, follower.Read(buffer, out _));

        Directory.Delete(attempt, recursive: true);
        Directory.CreateDirectory(attempt);
        File.WriteAllText(path, "hello");

        Assert.Equal(5, follower.Read(buffer, out var isOver));
        Assert.False(isOver);
        ended.SetResult();
        Assert.Equal(0, follower.Read(buffer, out isOver));
        Assert.True(isOver);
    }
}
