using System.Runtime.InteropServices;
using System.Text;
using Outlast.Output;
using Outlast.TestKit;
using Xunit;

namespace Outlast.Tests.Output;

public sealed partial class OutputLogTests : IDisposable
{
    private readonly ScratchFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_log_that_is_not_there_is_empty_and_may_come_later()
    {
        using var log = new OutputLog(_folder.File("tasks/1/output.log"));
        Assert.Equal((false, 0L, 0), (log.Exists, log.Size(), log.Read(0, new byte[10])));
        Directory.CreateDirectory(_folder.File("tasks/1"));
        File.WriteAllText(log.Path, "hello");
        var buffer = new byte[10];
        Assert.Equal((true, 5L, 3, "llo"), (log.Exists, log.Size(), log.Read(2, buffer), Encoding.ASCII.GetString(buffer, 0, 3)));
        File.AppendAllText(log.Path, "!");
        Assert.Equal((6L, 0), (log.Size(), log.Read(6, buffer)));
    }

    [Fact]
    [Trait("Requirement", "V-78")]
    public void What_cannot_be_read_is_an_error_and_not_emptiness()
    {
        using var log = new OutputLog(_folder.Path);
        Assert.Contains("directory", Assert.Throws<OutputUnreadableException>(() => log.Read(0, new byte[10])).Message, StringComparison.OrdinalIgnoreCase);
        Assert.Throws<OutputUnreadableException>(() => log.Size());
        File.CreateSymbolicLink(_folder.File("loop"), _folder.File("loop"));
        using var loop = new OutputLog(_folder.File("loop"));
        Assert.Equal(loop.Path, Assert.Throws<OutputUnreadableException>(() => loop.Exists).Path);
    }

    [Fact]
    public void A_log_that_its_keeper_has_locked_can_be_read_and_stays_locked()
    {
        var path = _folder.File("output.log");
        File.WriteAllText(path, "text");
        var keeper = Open(path, 2);
        try
        {
            Assert.Equal(0, Lock(keeper, 2));
            using (var log = new OutputLog(path)) Assert.Equal(4, log.Size());
            var other = Open(path, 2);
            Assert.Equal(-1, Lock(other, 2 | 4));
            Assert.Equal(0, Close(other));
        }
        finally
        {
            Assert.Equal(0, Close(keeper));
        }
    }

    [Theory]
    [InlineData("", 3, 0)]
    [InlineData("one\ntwo\nthree\n", 1, 8)]
    [InlineData("one\ntwo\nthree\n", 2, 4)]
    [InlineData("one\ntwo\nthree\n", 3, 0)]
    [InlineData("one\ntwo\nthree\n", 9, 0)]
    [InlineData("one\ntwo\nthree", 1, 8)]
    [InlineData("one\ntwo\nthree", 2, 4)]
    [InlineData("one\ntwo\nthree", 0, 13)]
    [InlineData("\n\n\n", 1, 2)]
    [InlineData("\n\n\n", 2, 1)]
    [InlineData("\n", 1, 0)]
    [InlineData("x", 1, 0)]
    public void The_last_lines(string text, long lines, long expected)
    {
        File.WriteAllText(_folder.File("log"), text);
        using var log = new OutputLog(_folder.File("log"));
        Assert.Equal(expected, log.FindLastLines(lines, text.Length));
    }

    [Fact]
    public void The_last_lines_of_a_log_of_many_blocks()
    {
        var lines = Enumerable.Range(0, 50_000).Select(i => $"line {i}\n").ToArray();
        File.WriteAllText(_folder.File("log"), string.Concat(lines));
        using var log = new OutputLog(_folder.File("log"));
        foreach (var count in (int[])[1, 7, 10_000, 49_999, 50_000])
            Assert.Equal(lines.Take(50_000 - count).Sum(l => l.Length), log.FindLastLines(count, log.Size()));
    }

    [LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "flock")]
    private static partial int Lock(int descriptor, int operation);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int descriptor);
}
