using Outlast.Cli;
using Outlast.Cli.Verbs;

namespace Outlast.Tests.Cli;

public sealed class LocalTimeTests
{
    private static readonly DateTimeOffset Now = new(2026, 3, 28, 22, 0, 0, TimeSpan.Zero);

    /// <summary>Berlin's rules, made here so that the machine need not know them: an hour forward on 29 March at 2:00, back on 25 October at 3:00.</summary>
    private static readonly TimeZoneInfo Zone = TimeZoneInfo.CreateCustomTimeZone("test", TimeSpan.FromHours(1), "test", "winter", "summer",
    [
        TimeZoneInfo.AdjustmentRule.CreateAdjustmentRule(new(2000, 1, 1), new(2099, 12, 31), TimeSpan.FromHours(1),
            TimeZoneInfo.TransitionTime.CreateFixedDateRule(new(1, 1, 1, 2, 0, 0), 3, 29), TimeZoneInfo.TransitionTime.CreateFixedDateRule(new(1, 1, 1, 3, 0, 0), 10, 25)),
    ]);

    [Theory]
    [InlineData("2026-03-28T08:30", "2026-03-28T07:30:00Z")]
    [InlineData("2026-07-01 08:30:15", "2026-07-01T06:30:15Z")]
    [InlineData("2026-03-28T08:30:00Z", "2026-03-28T08:30:00Z")]
    [InlineData("2026-03-28T08:30+05:00", "2026-03-28T03:30:00Z")]
    // 23:00 here: today is still to come, or else tomorrow, when the clocks have moved.
    [InlineData("23:30", "2026-03-28T22:30:00Z")]
    [InlineData("8:30", "2026-03-29T06:30:00Z")]
    public void A_time_is_meant_where_it_is_typed(string text, string moment) => Assert.Equal(DateTimeOffset.Parse(moment, null), LocalTime.Read("--at", text, Now, Zone));

    [Theory]
    [InlineData("banana", "is no time; write")]
    [InlineData("2026-13-01T08:00", "is no time; write")]
    [InlineData("2026-03-29T02:30", "the clocks are set forward over it")]
    [InlineData("2026-10-25T02:30", "is there twice")]
    public void What_is_no_time_or_two_is_refused_by_name(string text, string complaint)
    {
        var refusal = Assert.Throws<CommandException>(() => LocalTime.Read("--at", text, Now, Zone));
        Assert.StartsWith($"--at '{text}'", refusal.Message);
        Assert.Contains(complaint, refusal.Message);
        Assert.Equal(ExitCodes.Usage, refusal.ExitCode);
    }

    [Fact]
    public void A_length_of_time_is_the_hosts_to_count()
    {
        Assert.Equal("10m", LocalTime.ReadUnlessLength("--start-by", "10m", Now, Zone));
        Assert.Equal("2026-03-28T22:30:00.000Z", LocalTime.ReadUnlessLength("--start-by", "23:30", Now, Zone));
    }
}
