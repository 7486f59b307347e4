namespace Outlast.Tests;

public sealed class LimitKeyTests
{
    private static readonly TaskId Parent = TaskId.Parse("01k9zq2m9xe4q1dz5w3h7t8v0a");

    [Fact]
    [Trait("Requirement", "U-84")]
    public void Different_things_never_share_a_key_whatever_their_names_are()
    {
        string[] names = ["a", "A", "a ", "a:b", "a=b", "a=b=c", "b", "*", "session a", "label a", "á", "a\u0301", Parent.ToString()];
        var keys = new List<LimitKey> { LimitKey.Host, LimitKey.Of(TaskKind.Process), LimitKey.Of(TaskKind.Handler), LimitKey.Of(TaskKind.Agent), LimitKey.OfParent(Parent) };
        foreach (var name in names)
        {
            keys.AddRange([LimitKey.OfHandler(name), LimitKey.OfSession(name), LimitKey.OfLabel(name)]);
            keys.AddRange(names.Select(value => LimitKey.OfLabel(name, value)));
        }
        Assert.Equal(keys.Count, keys.Distinct().Count());
    }

    [Theory]
    [InlineData("session:s1", "session s1")]
    [InlineData("session:a:b=c", "session a:b=c")]
    [InlineData("handler:mail", "handler mail")]
    [InlineData("label:gpu", "label gpu")]
    [InlineData("label:repo=x=y", "label repo=x=y")]
    [InlineData("label:repo=", "label repo=")]
    [InlineData("parent:01K9ZQ2M9XE4Q1DZ5W3H7T8V0A", "parent 01k9zq2m9xe4q1dz5w3h7t8v0a")]
    [Trait("Requirement", "U-84")]
    public void A_rule_for_one_key_reads_as_it_is_written(string pattern, string key)
    {
        Assert.True(LimitRule.TryParse(pattern, 3, out var rule, out _));
        Assert.Equal((key, 3), (rule.Key.ToString(), rule.Max));
        Assert.Equal(pattern, rule.Pattern, ignoreCase: true);
    }

    [Theory]
    [InlineData("session:*", LimitScope.Session, null)]
    [InlineData("parent:*", LimitScope.Parent, null)]
    [InlineData("handler:*", LimitScope.Handler, null)]
    [InlineData("label:repo=*", LimitScope.Label, "repo")]
    public void A_star_is_for_each(string pattern, LimitScope scope, string? label)
    {
        Assert.True(LimitRule.TryParse(pattern, 1, out var rule, out _));
        Assert.Equal((null, scope, label, pattern), (rule.Key, rule.Scope, rule.Label, rule.Pattern));
    }

    [Theory]
    [InlineData("sessions:s1", "is no key")]
    [InlineData("session", "is no key")]
    [InlineData("session:", "names no session")]
    [InlineData("label:=x", "names no label")]
    [InlineData("label:*", "names no label")]
    [InlineData("parent:17", "a whole id is expected")]
    [InlineData("host:*", "concurrency.total")]
    [InlineData("kind:process", "concurrency.processes")]
    [InlineData("kind:handler", "concurrency.handlers")]
    public void What_is_no_rule_is_refused_with_the_reason(string pattern, string problem)
    {
        Assert.False(LimitRule.TryParse(pattern, 1, out _, out var said));
        Assert.Contains(problem, said, StringComparison.Ordinal);
        Assert.Contains($"'{pattern}'", said, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(100_001)]
    public void A_limit_that_lets_nobody_in_is_refused(long max)
    {
        Assert.False(LimitRule.TryParse("session:*", max, out _, out var said));
        Assert.Contains("from 1 to 100000", said, StringComparison.Ordinal);
    }
}
