using Outlast.TestKit;

namespace Outlast.Tests.Supervision;

public sealed class LiveGaugeTests
{
    [Fact]
    [Trait("Requirement", "U-63")]
    public async Task Rates_count_from_the_measurement_before_and_are_absent_at_the_first()
    {
        await using var host = await SupervisedHost.StartAsync();
        var (id, attempt) = await host.RunAsync();

        var first = await MeasureAsync(host, id);
        Assert.Equal((null, null), (first!.CpuPercent, first.OutputBytesPerSecond));

        attempt.Print(4000);
        attempt.Compute(TimeSpan.FromSeconds(3));
        host.Time.Advance(TimeSpan.FromSeconds(2));
        var second = await MeasureAsync(host, id);
        Assert.Equal((150d, 2000d, TimeSpan.FromSeconds(3)), (second!.CpuPercent, second.OutputBytesPerSecond, second.Cpu));

        // Another looks on at nearly the same moment: too short a time to make a rate of.
        host.Time.Advance(TimeSpan.FromMilliseconds(10));
        Assert.Equal(150d, (await MeasureAsync(host, id))!.CpuPercent);

        host.Time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal((0d, 0d), ((await MeasureAsync(host, id))!.CpuPercent, (await MeasureAsync(host, id))!.OutputBytesPerSecond));
    }

    [Fact]
    public async Task Who_looks_on_does_not_make_a_silent_task_seem_alive()
    {
        await using var host = await SupervisedHost.StartAsync();
        var (id, attempt) = await host.RunAsync();
        await host.PassAsync(TimeSpan.FromSeconds(5));
        attempt.Compute(TimeSpan.FromSeconds(1));
        var seen = (await host.Client.GetAsync(id)).LastActivityAt;

        await MeasureAsync(host, id);
        Assert.Equal(seen, (await host.Client.GetAsync(id)).LastActivityAt);

        // What was seen by somebody else is still news to the watchdog.
        await host.PassAsync(TimeSpan.FromSeconds(5));
        Assert.Equal(host.Time.GetUtcNow(), (await host.Client.GetAsync(id)).LastActivityAt);
    }

    [Fact]
    public async Task What_does_not_run_is_absent()
    {
        await using var host = await SupervisedHost.StartAsync();
        var (id, attempt) = await host.RunAsync();
        attempt.End(0);
        await host.EndOf(id);
        Assert.Null(await MeasureAsync(host, id));
    }

    private static async Task<LiveFacts?> MeasureAsync(SupervisedHost host, TaskId id) => (await host.Client.MeasureAsync([id])).GetValueOrDefault(id);
}
