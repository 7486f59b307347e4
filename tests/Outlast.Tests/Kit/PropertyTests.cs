using Outlast.TestKit.Properties;

namespace Outlast.Tests.Kit;

/// <summary>The generator and the shrinker that the property tests stand on.</summary>
public sealed class PropertyTests
{
    [Fact]
    public void A_broken_rule_is_shown_with_the_shortest_walk_and_its_seed()
    {
        var broken = Assert.Throws<PropertyBrokenException>(() => Property.Holds(r => r.Next(1000), Halves, walk =>
        {
            if (walk.Count(n => n >= 10) >= 3) throw new InvalidOperationException("three large numbers");
        }));
        Assert.Equal(["10", "10", "10"], broken.Steps.Select(s => int.Parse(s, null) is >= 10 and < 20 ? "10" : s));
        Assert.Matches(@"^Broken after 3 steps \(OUTLAST_SEED=\d+\): three large numbers\n  1\. ", broken.Message);
    }

    [Fact]
    public void A_rule_that_holds_is_quiet_and_sees_many_different_walks()
    {
        var walks = new List<string>();
        Property.Holds(r => r.Next(1000), Halves, walk => walks.Add(string.Join(',', walk)), walks: 100, length: 20);
        Assert.Equal(100, walks.Count);
        Assert.True(walks.Distinct().Count() > 90);
    }

    [Fact]
    public void Steps_that_only_fail_together_stay_together_in_their_order()
    {
        int[] steps = [.. Enumerable.Range(0, 200)];
        var shortest = Shrinker.Shrink(steps, _ => [], s => s.Contains(17) && s.Contains(150) && s.ToList().IndexOf(17) < s.ToList().IndexOf(150));
        Assert.Equal([17, 150], shortest);
    }

    [Fact]
    public void A_walk_that_breaks_only_the_first_time_is_told_as_it_broke()
    {
        var walks = 0;
        var broken = Assert.Throws<PropertyBrokenException>(() => Property.Holds(r => r.Next(), _ => [], _ =>
        {
            if (walks++ == 0) throw new InvalidOperationException("the first time");
        }, walks: 1));
        Assert.Contains("the first time", broken.Message);
    }

    private static IEnumerable<int> Halves(int n) => n > 0 ? [n / 2, n - 1] : [];
}
