namespace Outlast.Tests;

public sealed class FencingTokenTests
{
    [Fact]
    public void A_later_claim_and_a_later_host_have_a_larger_token()
    {
        FencingToken[] rising =
        [
            FencingToken.Of(1, 1), FencingToken.Of(1, 2), FencingToken.Of(1, uint.MaxValue), FencingToken.Of(2, 0), FencingToken.Of(2, 1), FencingToken.Of(int.MaxValue, uint.MaxValue),
        ];
        Assert.Equal(rising, rising.Reverse().Order());
        Assert.All(rising, t => Assert.True(t.Value > 0));
    }

    [Fact]
    public void A_token_tells_its_host()
    {
        var token = FencingToken.Of(7, 42);
        Assert.Equal((7, "7.42"), (token.Epoch, token.ToString()));
        Assert.Equal(token, new FencingToken(token.Value));
        Assert.Equal("h7", HostId.OfEpoch(token.Epoch).ToString());
    }
}
