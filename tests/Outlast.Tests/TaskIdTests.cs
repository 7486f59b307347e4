namespace Outlast.Tests;

public sealed class TaskIdTests
{
    private static readonly DateTimeOffset Noon = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);

    [Fact]
    public void Ids_sort_by_birth_as_values_and_as_texts()
    {
        var born = Enumerable.Range(0, 200).Select(ms => TaskId.New(Noon.AddMilliseconds(ms))).ToList();
        var shuffled = born.OrderBy(_ => Random.Shared.Next()).ToList();
        Assert.Equal(born, shuffled.Order());
        Assert.Equal(born.Select(id => id.ToString()), shuffled.Select(id => id.ToString()).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void An_id_reads_back_in_either_case()
    {
        for (var i = 0; i < 200; i++)
        {
            var id = TaskId.New(Noon);
            Assert.Equal(id, TaskId.Parse(id.ToString()));
            Assert.Equal(id, TaskId.Parse(id.ToString().ToUpperInvariant()));
            Assert.Matches("^[0-7][0-9a-hjkmnp-tv-z]{25}$", id.ToString());
        }
        Assert.True(TaskId.TryParse("7zzzzzzzzzzzzzzzzzzzzzzzzz", out var last));
        Assert.Equal("7zzzzzzzzzzzzzzzzzzzzzzzzz", last.ToString());
        Assert.Equal(new string('0', 26), default(TaskId).ToString());
    }

    [Fact]
    public void Ids_of_one_moment_differ_in_every_random_bit()
    {
        var bits = Enumerable.Range(0, 400).Select(_ => Bits(TaskId.New(Noon))).ToList();
        var varying = Enumerable.Range(0, 130).Count(i => bits.Select(b => b[i]).Distinct().Count() == 2);
        Assert.Equal(74, varying);
        Assert.Equal(bits.Count, bits.Select(b => new string(b)).Distinct().Count());

        static char[] Bits(TaskId id) => [.. id.ToString().SelectMany(c => Convert.ToString("0123456789abcdefghjkmnpqrstvwxyz".IndexOf(c, StringComparison.Ordinal), 2).PadLeft(5, '0'))];
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("17")]
    [InlineData("01k9zq2m9xe4q1dz5w3h7t8v0")]
    [InlineData("01k9zq2m9xe4q1dz5w3h7t8v0aa")]
    [InlineData(" 1k9zq2m9xe4q1dz5w3h7t8v0a")]
    [InlineData("81k9zq2m9xe4q1dz5w3h7t8v0a")]
    [InlineData("01k9zq2m9xe4q1dz5w3h7t8v0i")]
    [InlineData("01k9zq2m9xe4q1dz5w3h7t8v0l")]
    [InlineData("01k9zq2m9xe4q1dz5w3h7t8v0o")]
    [InlineData("01k9zq2m9xe4q1dz5w3h7t8v0u")]
    [InlineData("../../../../../etc/passwd0")]
    [InlineData("0\u212A9zq2m9xe4q1dz5w3h7t8v0aa")]
    public void Whatever_is_no_id_is_refused(string? text)
    {
        Assert.False(TaskId.TryParse(text, out var id));
        Assert.Equal(default, id);
        if (text is not null) Assert.Contains(text, Assert.Throws<FormatException>(() => TaskId.Parse(text)).Message, StringComparison.Ordinal);
    }
}
