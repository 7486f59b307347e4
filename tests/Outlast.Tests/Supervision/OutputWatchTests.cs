using Outlast.Output;
using Outlast.TestKit;
using Xunit;

namespace Outlast.Tests.Supervision;

public sealed class OutputWatchTests : IDisposable
{
    private readonly ScratchFolder _scratch = new();

    public void Dispose() => _scratch.Dispose();

    [Fact]
    [Trait("Requirement", "U-61")]
    public async Task A_flood_is_warned_of_once_with_what_was_measured_and_how_to_look()
    {
        var store = new Outlast.Storage.InMemoryTaskStore();
        var time = new ManualTime();
        var runner = new ScriptedRunner();
        await using var host = await StartAsync(store, runner, time);
        var (id, _) = await host.RunAsync();
        await PrintAndSeeAsync(host, id, 1000);
        Assert.Empty(await WarningsOf(host, id));
        Print(host, id, 70_000);
        await EventuallyAsync(host, async () => (await WarningsOf(host, id)).Length == 1, "it is warned");
        var warning = (await WarningsOf(host, id))[0];
        Assert.Equal("output_growth", warning.Data["rule"].GetString());
        Assert.Matches("^its output grew by 68.4 KiB within [0-9.]+m?s, to 69.3 KiB; it has no cap, so only the disk bounds it; look at it with: outlast logs 1 --tail 20", warning.Data["text"].GetString());
        Assert.Equal(70_000, warning.Data["measured"].GetProperty("grownBytes").GetInt64());
        await PrintAndSeeAsync(host, id, 70_000);
        await host.AbandonAsync();

        await using var next = await StartAsync(store, runner, time);
        await PrintAndSeeAsync(next, id, 70_000);
        await PrintAndSeeAsync(next, id, 70_000);
        Assert.Single(await WarningsOf(next, id));
    }

    [Fact]
    public async Task Output_that_grows_slowly_is_never_warned_of()
    {
        await using var host = await StartAsync();
        var (id, _) = await host.RunAsync();
        for (var minute = 0; minute < 5; minute++)
        {
            await PrintAndSeeAsync(host, id, 40_000);
            host.Time.Advance(TimeSpan.FromSeconds(61));
            await PrintAndSeeAsync(host, id, 1);
        }
        Assert.Empty(await WarningsOf(host, id));
    }

    [Fact]
    [Trait("Requirement", "U-60")]
    public async Task A_cap_that_stops_is_warned_of_before()
    {
        await using var host = await StartAsync();
        var (id, _) = await host.RunAsync(SupervisedHost.Spec() with { Process = SupervisedHost.Spec().Process! with { OutputCap = 10_000, OutputPolicy = OutputPolicy.Stop } });
        await PrintAndSeeAsync(host, id, 8_999);
        Assert.Empty(await WarningsOf(host, id));
        Print(host, id, 1);
        await EventuallyAsync(host, async () => (await WarningsOf(host, id)).Length == 1, "it is warned");
        Assert.Equal("it has printed 8.8 KiB of the 9.8 KiB at which it is stopped (--output-cap, --output-policy)", (await WarningsOf(host, id))[0].Data["text"].GetString());
    }

    [Theory]
    [Trait("Requirement", "U-60")]
    [InlineData(OutputRoute.Pipe)]
    [InlineData(OutputRoute.File)]
    public async Task That_output_outgrew_its_cap_is_noted_once_and_a_log_without_a_keeper_is_cut(OutputRoute route)
    {
        await using var host = await StartAsync();
        var (id, _) = await host.RunAsync(SupervisedHost.Spec() with { Process = SupervisedHost.Spec().Process! with { OutputCap = 20_000, OutputPolicy = OutputPolicy.KeepEnds, OutputVia = route } });
        await PrintAndSeeAsync(host, id, 20_000);
        Assert.Empty((await host.ReadAsync(id)).Annotations);
        Print(host, id, 30_000);
        await EventuallyAsync(host, async () => (await host.ReadAsync(id)).Annotations.Length > 0, "it is noted");
        await PrintAndSeeAsync(host, id, 5_000);
        Assert.Equal("Its output has outgrown its cap of 19.5 KiB: the first and the last 9.8 KiB stay, what lies between goes (--output-cap, --output-policy; settings output.cap, output.policy).",
            Assert.Single((await host.ReadAsync(id)).Annotations).Text);
        Assert.Equal(route == OutputRoute.File ? new DroppedRange(12_288, 40_960) : DroppedRange.None, DroppedRange.Of(LogOf(host, id)));
    }

    [Fact]
    [Trait("Requirement", "U-60")]
    public async Task A_log_without_a_keeper_is_cut_though_its_times_cannot_be_noted()
    {
        await using var host = await StartAsync();
        var (id, _) = await host.RunAsync(SupervisedHost.Spec() with { Process = SupervisedHost.Spec().Process! with { OutputCap = 20_000, OutputPolicy = OutputPolicy.KeepEnds, OutputVia = OutputRoute.File } });
        Directory.CreateDirectory(OutputTimes.FileOf(LogOf(host, id)));
        Print(host, id, 50_000);
        await EventuallyAsync(host, () => Task.FromResult(DroppedRange.Of(LogOf(host, id)) == new DroppedRange(12_288, 36_864)), "it is cut");
        Directory.Delete(OutputTimes.FileOf(LogOf(host, id)));
        await EventuallyAsync(host, () => Task.FromResult(OutputTimes.ReadIndex(LogOf(host, id)) is [.., { Size: 50_000 }]), "what failed is noted later");
    }

    [Fact]
    public async Task What_a_silent_task_prints_is_noted_with_the_time_of_its_change()
    {
        await using var host = await StartAsync();
        var (id, _) = await host.RunAsync();
        await PrintAndSeeAsync(host, id, 10);
        host.Time.Advance(TimeSpan.FromMinutes(1));
        var changed = await PrintAndSeeAsync(host, id, 10);
        Assert.Equal(new OutputTime(changed, 20), OutputTimes.ReadIndex(LogOf(host, id))[^1]);
    }

    private Task<SupervisedHost> StartAsync(Outlast.Storage.ITaskStore? store = null, ScriptedRunner? runner = null, ManualTime? time = null) =>
        SupervisedHost.StartAsync(store, runner, time, folder: new(_scratch.Path), settings: ("output.growthPerMinute", "64KiB"));

    private static string LogOf(SupervisedHost host, TaskId id) => Path.Combine(host.Folder.Attempt(id, 1), "output.log");

    private static void Print(SupervisedHost host, TaskId id, int bytes)
    {
        var log = LogOf(host, id);
        Directory.CreateDirectory(Path.GetDirectoryName(log)!);
        using var file = new FileStream(log, FileMode.Append, FileAccess.Write, FileShare.ReadWrite);
        file.Write(new byte[bytes]);
    }

    /// <summary>Prints, and waits until the watch has noted it.</summary>
    private static async Task<DateTimeOffset> PrintAndSeeAsync(SupervisedHost host, TaskId id, int bytes)
    {
        Print(host, id, bytes);
        var log = new FileInfo(LogOf(host, id));
        await EventuallyAsync(host, () => Task.FromResult(OutputTimes.ReadIndex(log.FullName) is [.., var last] && last.Size == log.Length), "its growth is noted");
        return DateTimeOffset.FromUnixTimeMilliseconds(new DateTimeOffset(log.LastWriteTimeUtc).ToUnixTimeMilliseconds());
    }

    private static Task EventuallyAsync(SupervisedHost host, Func<Task<bool>> holds, string what) => Eventually.TrueAsync(() =>
    {
        host.Time.Advance(TimeSpan.FromSeconds(1));
        return holds();
    }, what);

    private static async Task<TaskEvent[]> WarningsOf(SupervisedHost host, TaskId id) => [.. (await host.EventsOf(id)).Where(e => e.Type == TaskEventType.Warning)];
}
