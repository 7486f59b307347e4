using Outlast.Cli.Serving;
using Outlast.TestKit;
using Xunit;

namespace Outlast.Tests.Cli;

public sealed class RepeatFilterTests
{
    [Fact]
    [Trait("Requirement", "U-62")]
    public void A_storm_of_one_line_is_a_line_a_minute_and_says_how_often_it_came()
    {
        var time = new ManualTime();
        var filter = new RepeatFilter(time);
        var written = new List<string>();
        for (var second = 0; second < 180; second++)
        {
            for (var i = 0; i < 100; i++)
            {
                if (filter.Take("broken pipe") is { } line) written.Add(line);
            }
            time.Advance(TimeSpan.FromSeconds(1));
        }
        Assert.Equal(["broken pipe", "broken pipe (the line before came 5999 times more)", "broken pipe (the line before came 5999 times more)"], written);
        Assert.Equal("other (the line before came 5999 times more)", filter.Take("other"));
        Assert.Equal("broken pipe", filter.Take("broken pipe"));
    }
}
