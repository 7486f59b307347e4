using Outlast.Benchmarks.Harness;
using Outlast.Benchmarks.Hosts;
using Outlast.Benchmarks.Machine;

namespace Outlast.Benchmarks.Scenarios;

/// <summary>w1b: what many callers get together, whose commits share their fsyncs; and one who hands over many at once.</summary>
internal static class SubmitTogether
{
    public static Scenario Scenario { get; } = new("w1b", "submit in process, many callers, and one caller with batches; nothing is claimed", [new("n", 40_000), new("callers", 64), new("batch", 1000)], RunAsync);

    private static async Task RunAsync(ScenarioRun run)
    {
        var (n, callers, size) = (run["n"], run["callers"], run["batch"]);
        var submission = Commands.Submission(Commands.True);
        var batch = new TaskBatch([.. Enumerable.Repeat(submission, size)]);
        await using var host = await EmbeddedHost.StartClosedAsync(run.NewDataFolder(), run.Cancel);
        Task OneByOneAsync(int count) => Callers.ShareAsync(count, callers, _ => host.Client.SubmitAsync(submission, run.Cancel));
        Task InBatchesAsync(int count) => Callers.ShareAsync(count / size, 1, _ => host.Client.SubmitManyAsync(batch, run.Cancel));
        await OneByOneAsync(n / 4); // for the compiler
        await InBatchesAsync(n / 4);

        await MeasureAsync($"submit in process, {callers} callers", OneByOneAsync);
        await MeasureAsync($"submit in process, 1 caller, batches of {size}", InBatchesAsync);

        async Task MeasureAsync(string variant, Func<int, Task> submit)
        {
            var before = host.Store.Committed;
            var cost = new Cost();
            var rate = new Rate();
            await rate.AddAsync(n, () => submit(n));
            var commits = host.Store.Committed.Transactions - before.Transactions;
            run.Write(variant, [("n", n), ("enq_per_s", rate.PerSecond), ("commits", commits), ("commits_per_task", (double)commits / n), .. cost.For(n)]);
        }
    }
}
