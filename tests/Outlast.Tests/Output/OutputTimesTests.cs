using Outlast.Output;
using Outlast.TestKit;
using Xunit;

namespace Outlast.Tests.Output;

public sealed class OutputTimesTests : IDisposable
{
    private static readonly DateTimeOffset Start = DateTimeOffset.FromUnixTimeMilliseconds(1_800_000_000_000);
    private readonly ScratchFolder _folder = new();

    private string Log => _folder.File("log");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_log_that_nobody_looked_at_is_there_by_its_last_change()
    {
        Assert.Empty(OutputTimes.Read(Log));
        File.WriteAllText(Log, "");
        Assert.Empty(OutputTimes.Read(Log));
        File.WriteAllText(Log, "12345");
        Assert.Equal(new OutputTime(File.GetLastWriteTimeUtc(Log), 5), Assert.Single(OutputTimes.Read(Log)));
    }

    [Fact]
    public void What_is_noted_is_read_and_a_later_host_goes_on_with_it()
    {
        new OutputTimesWriter(Log).Note(At(1, 10));
        var later = new OutputTimesWriter(Log);
        later.Note(At(2, 10));
        later.Note(At(3, 25));
        Assert.Equal([At(1, 10), At(3, 25)], OutputTimes.ReadIndex(Log));
        if (!OperatingSystem.IsWindows()) Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(OutputTimes.FileOf(Log)));
    }

    [Fact]
    public void A_clock_that_was_set_back_and_a_log_that_was_cut_keep_the_order()
    {
        var writer = new OutputTimesWriter(Log);
        writer.Note(At(10, 10));
        writer.Note(At(5, 20));
        writer.Note(At(11, 3));
        writer.Note(At(12, 30));
        Assert.Equal([At(10, 10), At(10, 20), At(12, 30)], OutputTimes.ReadIndex(Log));
    }

    [Fact]
    public void A_host_that_died_amid_a_pair_costs_only_that_pair()
    {
        new OutputTimesWriter(Log).Note(At(1, 10));
        using (var file = File.Open(OutputTimes.FileOf(Log), FileMode.Append)) file.Write([1, 2, 3, 4, 5]);
        Assert.Equal([At(1, 10)], OutputTimes.ReadIndex(Log));
        new OutputTimesWriter(Log).Note(At(2, 20));
        Assert.Equal([At(1, 10), At(2, 20)], OutputTimes.ReadIndex(Log));
    }

    [Fact]
    public void What_could_not_be_noted_is_noted_with_the_next_look()
    {
        var writer = new OutputTimesWriter(Log);
        writer.Note(At(1, 10));
        File.Move(OutputTimes.FileOf(Log), Log + ".aside");
        Directory.CreateDirectory(OutputTimes.FileOf(Log));
        Assert.ThrowsAny<Exception>(() => writer.Note(At(2, 20)));
        Directory.Delete(OutputTimes.FileOf(Log));
        File.Move(Log + ".aside", OutputTimes.FileOf(Log));
        using (var file = File.Open(OutputTimes.FileOf(Log), FileMode.Append)) file.Write([1, 2, 3]);
        writer.Note(At(2, 20));
        writer.Note(At(3, 30));
        Assert.Equal([At(1, 10), At(2, 20), At(3, 30)], OutputTimes.ReadIndex(Log));
    }

    [Fact]
    public void It_stays_small_and_gets_coarser_the_longer_ago()
    {
        var writer = new OutputTimesWriter(Log);
        const int Looks = 20_000;
        for (var second = 1; second <= Looks; second++) writer.Note(At(second, second * 100L));
        var times = OutputTimes.ReadIndex(Log);
        Assert.InRange(times.Count, 1000, OutputTimesWriter.MostPairs);
        Assert.Equal(new FileInfo(OutputTimes.FileOf(Log)).Length, times.Count * OutputTimes.PairSize);
        Assert.All(times, t => Assert.Equal(t.Size, (t.At - Start).TotalSeconds * 100));
        var steps = times.Zip(times.Skip(1), (a, b) => (b.At - a.At).TotalSeconds).ToList();
        Assert.Equal(1, steps[^1]);
        Assert.True(steps[0] > 8, "what is long ago is coarser");
        Assert.Equal(Looks * 100L, times[^1].Size);
    }

    private static OutputTime At(int second, long size) => new(Start.AddSeconds(second), size);
}
