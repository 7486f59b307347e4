using Outlast.TestKit;
using Xunit;

namespace Outlast.Tests.Supervision;

public sealed class DiskGuardTests
{
    private const long Gi = 1L << 30, Mi = 1L << 20;

    [Fact]
    [Trait("Requirement", "U-60")]
    public async Task On_a_disk_that_is_nearly_full_nothing_starts_what_runs_goes_on_and_it_recovers_by_itself()
    {
        using var scratch = new ScratchFolder();
        var free = new long[] { 50 * Gi };
        await using var host = await SupervisedHost.StartAsync(folder: new(scratch.Path), disk: () => (Volatile.Read(ref free[0]), 100 * Gi));
        var (running, attempt) = await host.RunAsync();
        Volatile.Write(ref free[0], 500 * Mi);
        await EventuallyAsync(host, () => !host.Status.NotReady.IsEmpty, "it says that it is not ready");
        Assert.Equal("the disk: 500 MiB are free, 1 GiB are kept for what runs (setting disk.reserve)", Assert.Single(host.Status.NotReady));
        Assert.Contains(await host.Status.ExamineAsync(), c => c is { Name: "disk", Level: CheckLevel.Error } && c.Text.StartsWith("no new work starts: 500 MiB are free", StringComparison.Ordinal));

        var waits = await host.SubmitAsync();
        Assert.Equal("the disk: 500 MiB are free, 1 GiB are kept for what runs (setting disk.reserve)", (await host.Client.GetAsync(waits.Record.Id)).Queue!.WaitsFor);
        var refused = await Assert.ThrowsAsync<FullException>(() => host.SubmitAsync(SupervisedHost.Spec() with { RefuseWhenFull = true }));
        Assert.Equal("No room: 500 MiB are free, 1 GiB are kept for what runs (setting disk.reserve).", refused.Message);
        attempt.End(0);
        Assert.Equal(TaskState.Completed, (await host.EndOf(running)).State);
        Assert.False(host.Runner.Knows(waits.Record.Id));

        Volatile.Write(ref free[0], 2 * Gi);
        await EventuallyAsync(host, () => host.Runner.Knows(waits.Record.Id), "what waited starts");
        Assert.Empty(host.Status.NotReady);
    }

    [Theory]
    [InlineData(3, 64, "1GiB", true)]
    [InlineData(4, 64, "1GiB", false)]
    [InlineData(1, 64, "none", false)]
    [InlineData(2, 64, "2MiB", false)]
    [InlineData(1, 64, "2MiB", true)]
    public async Task A_small_disk_keeps_a_share_and_a_setting_may_say_less(int freeMi, int totalMi, string reserve, bool isLow)
    {
        await using var host = await SupervisedHost.StartAsync(disk: () => (freeMi * Mi, totalMi * Mi), settings: ("disk.reserve", reserve));
        Assert.Equal(isLow, !host.Status.NotReady.IsEmpty);
    }

    private static Task EventuallyAsync(SupervisedHost host, Func<bool> holds, string what) => Eventually.TrueAsync(() =>
    {
        host.Time.Advance(TimeSpan.FromSeconds(5));
        return holds();
    }, what);
}
