namespace Outlast.Tests;

public sealed class DurationTests
{
    [Theory]
    [InlineData("0", 0)]
    [InlineData("0s", 0)]
    [InlineData("500ms", 500)]
    [InlineData("90s", 90_000)]
    [InlineData("1.5s", 1_500)]
    [InlineData("10m", 600_000)]
    [InlineData("1h30m", 5_400_000)]
    [InlineData("1h 30m", 5_400_000)]
    [InlineData(" 2d ", 172_800_000)]
    [InlineData("PT10M", 600_000)]
    [InlineData("pt1h30m", 5_400_000)]
    [InlineData("P1DT1S", 86_401_000)]
    public void What_people_write_is_read(string text, long milliseconds)
    {
        Assert.True(Duration.TryParse(text, out var duration));
        Assert.Equal(TimeSpan.FromMilliseconds(milliseconds), duration);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData(" ")]
    [InlineData("banana")]
    [InlineData("10")]
    [InlineData("1.5")]
    [InlineData("-5s")]
    [InlineData("-PT5M")]
    [InlineData("PT-5M")]
    [InlineData("P")]
    [InlineData("PT")]
    [InlineData("5 s")]
    [InlineData("5S")]
    [InlineData("1,5s")]
    [InlineData("1e3s")]
    [InlineData(".5s")]
    [InlineData("5s!")]
    [InlineData("s")]
    [InlineData("3654d")]
    [InlineData("999999999999999999999999d")]
    [InlineData("P99999999Y")]
    [InlineData("\u0663s")]
    public void Everything_else_is_refused(string? text) => Assert.False(Duration.TryParse(text, out _));

    [Theory]
    [InlineData(0, "0ms")]
    [InlineData(999, "999ms")]
    [InlineData(2_500, "2.5s")]
    [InlineData(59_999, "59.9s")]
    [InlineData(60_000, "1m")]
    [InlineData(5_400_000, "1h 30m")]
    [InlineData(86_400_000, "1d")]
    [InlineData(90_061_000, "1d 1h")]
    [InlineData(-1_500, "-1.5s")]
    public void It_is_written_in_at_most_two_units(long milliseconds, string text) => Assert.Equal(text, Duration.Format(TimeSpan.FromMilliseconds(milliseconds)));

    [Fact]
    public void What_is_written_reads_back_never_longer_and_nearly_the_same()
    {
        for (var i = 0; i < 2_000; i++)
        {
            var duration = TimeSpan.FromMilliseconds(Math.Floor(Math.Exp(Random.Shared.NextDouble() * Math.Log(Duration.Max.TotalMilliseconds))));
            var text = Duration.Format(duration);
            Assert.True(Duration.TryParse(text, out var read), text);
            Assert.True(read <= duration && duration - read <= TimeSpan.FromMilliseconds(100) + duration / 24, $"{duration} is written {text} and read {read}");
            Assert.Equal(text, Duration.Format(read));
        }
    }
}
