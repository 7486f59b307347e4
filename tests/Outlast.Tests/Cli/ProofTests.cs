using Outlast.Cli.Demonstrating;
using Outlast.Cli.Rendering;

namespace Outlast.Tests.Cli;

public sealed class ProofTests
{
    [Fact]
    public void It_holds_only_if_everything_is_so_and_something_was_looked_at()
    {
        var proof = new Proof();
        Assert.False(proof.Holds);
        proof.Add("one", "seen", so: true);
        Assert.True(proof.Holds);
        proof.Add("two", "not seen", so: false);
        proof.Add("three", "seen", so: true);
        Assert.False(proof.Holds);
    }

    [Fact]
    public void The_table_says_it_line_by_line_and_loses_nothing_of_what_was_seen()
    {
        var proof = new Proof();
        proof.Add("work outlives its host", "it does, and this is a long sentence about how that was seen by somebody who looked", so: true);
        proof.Add("stopped", "one is left", so: false);

        Assert.Equal(["PROMISED\tSEEN\tSO", "work outlives its host\tit does, and this is a long sentence about how that was seen by somebody who looked\tyes", "stopped\tone is left\tNO"], proof.Table(false, 80, false));
        var lines = proof.Table(true, 60, false).ToList();
        Assert.StartsWith("yes  work outlives its host  it does", lines[0], StringComparison.Ordinal);
        Assert.Equal("NO   stopped                 one is left", lines[^1]);
        Assert.All(lines, l => Assert.InRange(TextWidth.Of(l), 1, 60));
        Assert.Contains("who looked", string.Join(' ', lines), StringComparison.Ordinal);
    }
}
