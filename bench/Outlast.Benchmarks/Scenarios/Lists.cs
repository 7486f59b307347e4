using System.Globalization;
using Outlast.Benchmarks.Harness;
using Outlast.Benchmarks.Hosts;
using Outlast.Client;

namespace Outlast.Benchmarks.Scenarios;

/// <summary>w6b: what people ask of a host with a long history.</summary>
internal static class Lists
{
    private const int Page = 50, Warming = 50;

    public static Scenario Scenario { get; } = new("w6b", "the newest 50, a page in the middle and counts, with ended tasks stored: in process and over HTTP", [new("stored", 100_000), new("n", 200)], RunAsync);

    private static async Task RunAsync(ScenarioRun run)
    {
        var folder = await run.HistoryAsync(run["stored"]);
        var middle = run["stored"] / 2;
        await using (var host = await EmbeddedHost.StartAsync(folder, run.Cancel))
        {
            var first = await MeasureAsync(() => host.Client.ListAsync(new TaskQuery { Limit = Page }, run.Cancel), 1);
            await MeasureAsync(() => host.Client.ListAsync(new TaskQuery { Limit = Page }, run.Cancel), Warming); // for the compiler
            var newest = await MeasureAsync(() => host.Client.ListAsync(new TaskQuery { Limit = Page }, run.Cancel));
            var between = await MeasureAsync(() => host.Client.ListAsync(new TaskQuery { Limit = Page, Before = middle }, run.Cancel));
            var counts = await MeasureAsync(() => host.Store.CountAsync(run.Cancel));
            run.Write($"in process, {run["stored"]} ended tasks stored", Figures(first, newest, between, counts));
        }
        await using (var host = await HostProcess.StartAsync(folder, run.Cancel))
        {
            var cursor = middle.ToString(CultureInfo.InvariantCulture);
            var first = await MeasureAsync(() => host.Client.ListAsync(new TaskListQuery { Limit = Page }, run.Cancel), 1);
            await MeasureAsync(() => host.Client.ListAsync(new TaskListQuery { Limit = Page }, run.Cancel), Warming); // for the compilers
            var newest = await MeasureAsync(() => host.Client.ListAsync(new TaskListQuery { Limit = Page }, run.Cancel));
            var between = await MeasureAsync(() => host.Client.ListAsync(new TaskListQuery { Limit = Page, Cursor = cursor }, run.Cancel));
            var counts = await MeasureAsync(() => host.Client.HostAsync(run.Cancel));
            run.Write($"over HTTP, {run["stored"]} ended tasks stored", Figures(first, newest, between, counts));
        }

        Task<Latencies> MeasureAsync(Func<Task> ask, int? times = null) => Latencies.OfAsync(times ?? run["n"], _ => ask());
    }

    private static Figure[] Figures(Latencies first, Latencies newest, Latencies middle, Latencies counts) =>
    [
        ("newest50_first_ms", first.Median), ("newest50_ms", newest.Median), ("newest50_p99_ms", newest.Percentile(99)), ("middle50_ms", middle.Median), ("middle50_p99_ms", middle.Percentile(99)),
        ("counts_ms", counts.Median), ("counts_p99_ms", counts.Percentile(99)),
    ];
}
