using System.Net;
using Outlast.IntegrationTests.Faults.Checking;
using Outlast.TestKit;
using Xunit;
using Xunit.Abstractions;

namespace Outlast.IntegrationTests.Faults;

/// <summary>How large a host may become.</summary>
[Collection(AloneCollection.Name)]
public sealed class LimitTests(ITestOutputHelper output)
{
    private const long MostMemory = 150_000_000;
    private const int Queued = 10_000;
    private const int Ended = 100_000;
    private const long Flood = 1L << 30;

    [Fact]
    [Trait("Requirement", "D4")]
    [Trait("Requirement", "V-58")]
    public async Task Many_tasks_and_much_output_with_slow_readers_leave_the_host_small()
    {
        using var scratch = new ScratchFolder();
        var data = new DataFolder(scratch.File("data"));
        await StoreFile.AddEndedAsync(data, Ended);
        using var host = await HostProcess.StartReadyAsync(data, new Dictionary<string, string> { ["OUTLAST_CONCURRENCY_PROCESSES"] = "1" });
        using var http = new HostConnection(data);
        Tell("100,000 ended tasks stored");

        var gate = scratch.File("gate");
        var flood = (string)(await http.SubmitAsync("flood", ["/bin/sh", "-c", $"head -c {Flood} /dev/zero | tr '\\0' x; while [ ! -e {gate} ]; do sleep 0.1; done"]))["id"]!;
        using var over = new CancellationTokenSource();
        var slow = Enumerable.Range(0, 3).Select(n => new OutputFollower(http, flood) { Slowness = TimeSpan.FromMilliseconds(100 * (n + 1)) }).ToArray();
        var slowly = slow.Select(f => f.FollowAsync(over.Token)).ToArray();
        var fast = new OutputFollower(http, flood).FollowAsync();

        await Parallel.ForEachAsync(Enumerable.Range(0, Queued), new ParallelOptions { MaxDegreeOfParallelism = 32 }, async (n, cancel) =>
            await http.SubmitAsync($"queued-{n}", ["/bin/true"], cancel: cancel));
        Assert.Equal(Queued, (int)(await http.GetAsync("/v1/host")).Json["queued"]!);
        Tell("10,000 tasks queued");

        await Eventually.TrueAsync(async () => (long)(await http.TaskAsync(flood))["output"]!["bytes"]! == Flood, "all output is written", TimeSpan.FromMinutes(2));
        File.WriteAllText(gate, "");
        Assert.Equal(Flood, (await fast.WaitAsync(TimeSpan.FromMinutes(3))).Output.Length);
        Tell("1 GiB followed");
        Assert.All(slow, follower => Assert.InRange(follower.Offset, 1, Flood - 1));
        await over.CancelAsync();
        await Task.WhenAll(slowly);

        Assert.Equal(HttpStatusCode.OK, (await http.GetAsync("/v1/tasks?limit=1000")).Status);
        Assert.Equal(HttpStatusCode.OK, (await http.GetAsync("/v1/tasks?q=old&state=stopped&limit=1000")).Status);
        Tell("listed");
        var peak = ProcessTable.MemoryOf(host.Pid, "VmHWM")!.Value;
        Assert.True(peak <= MostMemory, $"The host had {peak / 1_000_000} MB in memory at its peak; {MostMemory / 1_000_000} are allowed.");

        void Tell(string when) => output.WriteLine($"{when}: {ProcessTable.MemoryOf(host.Pid, "VmRSS") >> 20} MiB, at most {ProcessTable.MemoryOf(host.Pid, "VmHWM") >> 20} MiB");
    }
}
