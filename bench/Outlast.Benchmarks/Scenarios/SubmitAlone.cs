using Outlast.Benchmarks.Harness;
using Outlast.Benchmarks.Hosts;
using Outlast.Benchmarks.Machine;
using Outlast.Storage;

namespace Outlast.Benchmarks.Scenarios;

/// <summary>w1a: what one caller gets who awaits each acknowledgement, against a bare commit of one row.</summary>
internal static class SubmitAlone
{
    private const int Rounds = 4;

    public static Scenario Scenario { get; } = new("w1a", "submit in process, one caller that awaits each, beside bare one-row commits; nothing is claimed", [new("n", 4000)], RunAsync);

    private static async Task RunAsync(ScenarioRun run)
    {
        var folder = run.NewDataFolder();
        var submission = Commands.Submission(Commands.True);
        using var bare = new RawCommits(folder, RecordSerializer.WriteSpec(submission.Spec));
        await using var host = await EmbeddedHost.StartClosedAsync(folder, run.Cancel);
        var each = Math.Max(1, run["n"] / Rounds);
        await SubmitAsync(Math.Min(each, 300)); // for the compiler

        Rate ours = new(), raw = new();
        for (var round = 0; round < Rounds; round++)
        {
            await raw.AddAsync(each, () => Task.Run(() => { for (var i = 0; i < each; i++) bare.Commit(); }));
            await ours.AddAsync(each, () => SubmitAsync(each));
        }
        run.WriteRaw("one row a commit, WAL sync=FULL, beside outlast", ("n", each * Rounds), ("enq_per_s", raw.PerSecond));
        run.Write("submit in process, 1 caller", ("n", each * Rounds), ("enq_per_s", ours.PerSecond), ("ratio_to_raw", ours.PerSecond / raw.PerSecond));

        async Task SubmitAsync(int count)
        {
            for (var i = 0; i < count; i++) await host.Client.SubmitAsync(submission, run.Cancel);
        }
    }
}
