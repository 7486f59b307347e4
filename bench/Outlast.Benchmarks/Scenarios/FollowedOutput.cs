using System.Diagnostics;
using Outlast.Benchmarks.Harness;
using Outlast.Benchmarks.Hosts;
using Outlast.Benchmarks.Machine;

namespace Outlast.Benchmarks.Scenarios;

/// <summary>w4f: output that somebody reads over HTTP while it is being printed.</summary>
internal static class FollowedOutput
{
    private const int Rounds = 3;

    public static Scenario Scenario { get; } = new("w4f", "a follower that reads a task's output over HTTP: live while it is printed, and again afterwards", [new("mb", 100)], RunAsync);

    private static async Task RunAsync(ScenarioRun run)
    {
        var megabytes = run["mb"];
        await using var host = await HostProcess.StartAsync(run.NewDataFolder(), run.Cancel);
        await FollowAsync(await SubmitAsync("pipe", 1), 1); // for the compilers
        foreach (var via in (string[])["pipe", "file"])
        {
            Rate live = new(), again = new();
            var end = new Latencies();
            TimeSpan cpu = default;
            for (var round = 0; round < Rounds; round++)
            {
                SystemCalls.Sync();
                var (cpuBefore, start) = (SystemCalls.CpuOf(host.Pid), Stopwatch.GetTimestamp());
                var id = await SubmitAsync(via, megabytes);
                var lastByteAt = await FollowAsync(id, megabytes);
                live.Add(megabytes, Stopwatch.GetElapsedTime(start, lastByteAt));
                end.Add(Stopwatch.GetElapsedTime(lastByteAt).TotalMilliseconds);
                cpu += SystemCalls.CpuOf(host.Pid) - cpuBefore;
                start = Stopwatch.GetTimestamp();
                again.Add(megabytes, Stopwatch.GetElapsedTime(start, await FollowAsync(id, megabytes)));
            }
            run.Write($"follower over HTTP, live, output via {via}, from submit to the last byte", ("mb_per_s", live.PerSecond), ("host_cpu_ms", cpu.TotalMilliseconds / Rounds), ("end_after_ms", end.Median), ("bytes", megabytes * 1e6));
            run.Write($"follower over HTTP, of an ended task, output via {via}", ("mb_per_s", again.PerSecond), ("bytes", megabytes * 1e6));
        }

        async Task<string> SubmitAsync(string via, int mb) => (await host.Client.SubmitAsync(Commands.Request(Commands.Shell(Commands.Print(mb)), via), cancel: run.Cancel)).Id;

        async Task<long> FollowAsync(string id, int mb)
        {
            long bytes = 0, lastByteAt = 0;
            await host.Client.FollowOutputAsync(id, 0, (chunk, _) =>
            {
                bytes += chunk.Length;
                lastByteAt = Stopwatch.GetTimestamp();
                return ValueTask.CompletedTask;
            }, cancel: run.Cancel);
            return bytes == mb * 1_000_000L ? lastByteAt : throw new InvalidOperationException($"Of {mb} MB {bytes} bytes were followed.");
        }
    }
}
