using System.Text;
using Outlast.Output;
using Xunit;

namespace Outlast.Tests.Output;

public sealed class Utf8CutTests
{
    [Theory]
    [InlineData("")]
    [InlineData("a")]
    [InlineData("é")]
    [InlineData("€")]
    [InlineData("𐍈")]
    [InlineData("mixed: aé€𐍈!")]
    public void Every_cut_of_a_text_is_at_the_begin_of_a_character(string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        for (var length = 0; length <= bytes.Length; length++)
        {
            var whole = Utf8Cut.Whole(bytes.AsSpan(0, length));
            Assert.InRange(whole, Math.Max(0, length - 3), length);
            Assert.DoesNotContain('\uFFFD', Encoding.UTF8.GetString(bytes, 0, whole));
            if (length == bytes.Length) Assert.Equal(length, whole);
        }
    }

    [Theory]
    [InlineData(new byte[] { 0x80 }, 1)]
    [InlineData(new byte[] { 0x80, 0x80, 0x80, 0x80 }, 4)]
    [InlineData(new byte[] { 0xFF }, 1)]
    [InlineData(new byte[] { 0x61, 0xF8 }, 2)]
    [InlineData(new byte[] { 0x61, 0xE2 }, 1)]
    [InlineData(new byte[] { 0x61, 0xC3, 0xA9, 0xA9 }, 4)]
    public void What_is_no_text_is_held_back_only_while_it_could_become_one(byte[] bytes, int whole) => Assert.Equal(whole, Utf8Cut.Whole(bytes));
}
