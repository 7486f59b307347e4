using System.Text;
using Outlast.Output;
using Outlast.TestKit;
using Xunit;

namespace Outlast.Tests.Output;

public sealed class OutputFollowerTests : IDisposable
{
    private readonly ScratchFolder _folder = new();
    private readonly ManualTime _time = new();
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly OutputLog _log;

    public OutputFollowerTests() => _log = new(_folder.File("log"));

    public void Dispose()
    {
        _log.Dispose();
        _folder.Dispose();
    }

    [Fact]
    [Trait("Requirement", "D1")]
    public void It_reads_what_comes_and_is_over_when_the_task_has_ended_and_everything_was_read()
    {
        var follower = new OutputFollower(_log, 2, _ended.Task, _time);
        Assert.Equal(("", false), Read(follower));
        File.WriteAllText(_log.Path, "abcd");
        Assert.Equal(("cd", false), Read(follower));
        Assert.Equal(("", false), Read(follower));
        File.AppendAllText(_log.Path, "ef");
        _ended.SetResult();
        Assert.Equal(("ef", false), Read(follower));
        Assert.Equal(("", true), Read(follower));
        Assert.Equal(6, follower.Offset);
    }

    [Fact]
    public void What_leftovers_print_after_the_end_is_not_followed()
    {
        File.WriteAllText(_log.Path, "abc");
        _ended.SetResult();
        var follower = new OutputFollower(_log, 0, _ended.Task, _time);
        Assert.Equal(("abc", false), Read(follower));
        File.AppendAllText(_log.Path, "more and more");
        Assert.Equal(("", true), Read(follower));
    }

    [Fact]
    public void A_log_that_was_cut_is_told_and_offsets_never_go_back()
    {
        File.WriteAllText(_log.Path, "0123456789");
        var follower = new OutputFollower(_log, 0, _ended.Task, _time);
        Read(follower);
        Assert.Equal(0, follower.MissingBefore());
        File.WriteAllText(_log.Path, "01");
        Assert.Equal((8L, 10L), (follower.MissingBefore(), follower.Offset));
        _ended.SetResult();
        Assert.Equal(("", true), Read(follower));
    }

    [Fact]
    public async Task It_looks_after_10_ms_at_first_and_each_50_ms_in_the_end()
    {
        var follower = new OutputFollower(_log, 0, _ended.Task, _time);
        foreach (var pause in (int[])[10, 20, 40, 50, 50])
        {
            var wait = follower.WaitAsync(CancellationToken.None);
            await _time.WhenArmedAsync(TimeSpan.FromMilliseconds(pause));
            _time.Advance(TimeSpan.FromMilliseconds(pause));
            await wait.Soon();
        }
        File.WriteAllText(_log.Path, "a");
        Read(follower);
        var again = follower.WaitAsync(CancellationToken.None);
        await _time.WhenArmedAsync(TimeSpan.FromMilliseconds(10));
        _time.Advance(TimeSpan.FromMilliseconds(10));
        await again.Soon();
    }

    [Fact]
    public async Task Much_output_is_looked_for_again_after_4_ms_and_a_lone_line_of_it_after_10()
    {
        var follower = new OutputFollower(_log, 0, _ended.Task, _time);
        foreach (var (size, pause) in ((int, int)[])[(OutputFollower.Flow, 4), (100, 10), (3 * OutputFollower.Flow, 4), (OutputFollower.Flow - 1, 10)])
        {
            File.AppendAllText(_log.Path, new string('x', size));
            var buffer = new byte[OutputFollower.Flow / 2 + 1];
            do Assert.True(follower.Read(buffer, out _) > 0);
            while (!follower.HasCaughtUp);
            Assert.Equal(_log.Size(), follower.Offset);
            var wait = follower.WaitAsync(CancellationToken.None);
            await _time.WhenArmedAsync(TimeSpan.FromMilliseconds(pause));
            _time.Advance(TimeSpan.FromMilliseconds(pause));
            await wait.Soon();
        }
    }

    [Fact]
    public void It_has_not_caught_up_before_a_gap_that_it_still_has_to_tell_of()
    {
        File.WriteAllText(_log.Path, "0123456789");
        File.WriteAllText(DroppedRange.FileOf(_log.Path), "4 8 end" + new string(' ', 40) + "\n");
        var follower = new OutputFollower(_log, 0, _ended.Task, _time);
        Assert.Equal(("0123", false), Read(follower));
        Assert.False(follower.HasCaughtUp);
        Assert.Equal(("", false), Read(follower));
        Assert.Equal((new DroppedRange(4, 8), false), (follower.Gap!.Value, follower.HasCaughtUp));
        Assert.Equal(("89", false), Read(follower));
        Assert.True(follower.HasCaughtUp);
    }

    [Fact]
    public async Task The_end_ends_the_wait_and_so_does_a_failure_to_learn_of_it()
    {
        var follower = new OutputFollower(_log, 0, _ended.Task, _time);
        var wait = follower.WaitAsync(CancellationToken.None);
        _ended.SetResult();
        await wait.Soon();
        var failing = new OutputFollower(_log, 0, Task.FromException(new StoreUnavailableException("gone")), _time);
        await Assert.ThrowsAsync<StoreUnavailableException>(() => failing.WaitAsync(CancellationToken.None));
        Assert.Equal(("", false), Read(failing));
        using var over = new CancellationTokenSource();
        var cancelled = new OutputFollower(_log, 0, new TaskCompletionSource().Task, _time).WaitAsync(over.Token);
        await over.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => cancelled);
    }

    private static (string Text, bool IsOver) Read(OutputFollower follower)
    {
        var buffer = new byte[100];
        var count = follower.Read(buffer, out var isOver);
        return (Encoding.ASCII.GetString(buffer, 0, count), isOver);
    }
}
