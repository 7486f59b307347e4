using System.Diagnostics;
using Outlast.IntegrationTests.Faults.Checking;
using Outlast.TestKit;
using Xunit;
using Xunit.Abstractions;

namespace Outlast.IntegrationTests.Faults;

/// <summary>The host is killed again and again while many clients work with it; afterwards the checker judges.</summary>
/// <remarks>
/// <c>OUTLAST_FAULT_KILLS</c> (default 100) is for longer runs, and for quick looks while developing, <c>OUTLAST_FAULT_SEED</c> repeats what a run chose; when the kernel schedules what is not ours to choose.
/// </remarks>
[Collection(AloneCollection.Name)]
public sealed class RandomKillTests(ITestOutputHelper output)
{
    private const int Submitters = 64, Sessions = 8;
    private static readonly TimeSpan LatestKill = TimeSpan.FromMilliseconds(300);
    private const int LongLifeEvery = 6;
    private static readonly TimeSpan LongLife = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan Calm = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan BetweenLooks = TimeSpan.FromMilliseconds(500);
    private static readonly Dictionary<string, string> Settings = new() { ["OUTLAST_CONCURRENCY_PROCESSES"] = "24" };

    [Fact]
    [Trait("Requirement", "D3")]
    [Trait("Requirement", "U-42")]
    [Trait("Requirement", "V-54")]
    public async Task Nothing_is_lost_doubled_cut_or_misreported()
    {
        var kills = FaultRun.Setting("OUTLAST_FAULT_KILLS") ?? 100;
        var seed = FaultRun.Setting("OUTLAST_FAULT_SEED") ?? Random.Shared.Next();
        output.WriteLine($"seed {seed}, {kills} kills");
        using var scratch = new ScratchFolder();
        var data = new DataFolder(scratch.File("data"));
        var collector = new EvidenceCollector(data, scratch.Path);
        using var connection = new HostConnection(data);
        using var enough = new CancellationTokenSource();
        using var giveUp = new CancellationTokenSource();

        var clients = Enumerable.Range(0, Submitters).Select(n => new Submitter(n, seed, SessionOf(n % Sessions), connection, collector).RunAsync(enough.Token, giveUp.Token)).ToArray();
        var readers = Enumerable.Range(0, Sessions).Select(n => InboxReader.Over(connection, SessionOf(n), seed + n, collector.Noticed)).ToArray();
        var reading = readers.Select(r => r.RunAsync(enough.Token, giveUp.Token)).ToArray();
        var sampler = SampleProcessesAsync(collector, enough.Token);
        var clock = Stopwatch.StartNew();
        await KillAgainAndAgainAsync(data, kills, new Random(seed));
        output.WriteLine($"{kills} kills in {clock.Elapsed.TotalSeconds:0} s");

        using var host = await HostProcess.StartReadyAsync(data, Settings);
        await enough.CancelAsync();
        await FaultRun.CalmAsync(async () =>
        {
            await Task.WhenAll([sampler, .. clients, .. reading]);
            await connection.NothingIsOpenAsync(giveUp.Token);
            await Task.WhenAll(readers.Select(r => r.FinishAsync(giveUp.Token)));
        }, Calm, giveUp, seed, connection, host);
        await Eventually.TrueAsync(() => ProcessTable.MarkedBy(data.Path).IsEmpty, "no process of any task is left");
        output.WriteLine($"calm after {clock.Elapsed.TotalSeconds:0} s");

        var evidence = await collector.GatherAsync(connection) with { NoAttemptCanBeLost = true, ReadToTheEnd = [.. Enumerable.Range(0, Sessions).Select(SessionOf)] };
        output.WriteLine(Summary(evidence));
        Assert.False(host.HasExited, host.Log);
        var violations = Checker.Judge(evidence);
        Assert.True(violations.IsEmpty, $"seed {seed}: {violations.Length} violations\n{string.Join('\n', violations.Take(50))}");
        Assert.True(evidence.Acknowledged.Length >= Submitters, "every submitter got through");
    }

    private static string SessionOf(int n) => $"client/{n}";

    private static async Task KillAgainAndAgainAsync(DataFolder data, int kills, Random random)
    {
        for (var n = 1; n <= kills; n++)
        {
            // Most lives are counted from when the host serves; a part from its exec, so that starting and recovering are hit too.
            await LiveAndDieAsync(data, fromReady: random.Next(4) > 0, LatestKill * random.NextDouble());
            // Beyond the count, a life in which much gets done: else most tasks would wait in the queue for the calm.
            if (n % LongLifeEvery == 0) await LiveAndDieAsync(data, fromReady: true, LongLife * random.NextDouble());
        }
    }

    private static async Task LiveAndDieAsync(DataFolder data, bool fromReady, TimeSpan life)
    {
        using var host = HostProcess.Start(data, settings: Settings);
        if (fromReady) await host.ReadyAsync();
        await Task.Delay(life);
        if (host.HasExited) throw new InvalidOperationException($"The host ended by itself with code {host.ExitCode}:\n{host.Log}");
        await host.KillAsync();
    }

    private static async Task SampleProcessesAsync(EvidenceCollector collector, CancellationToken until)
    {
        while (!until.IsCancellationRequested)
        {
            await Task.Run(collector.LookAtProcesses, CancellationToken.None);
            await Task.Delay(BetweenLooks, until).ContinueWith(_ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
        }
    }

    private static string Summary(Evidence e) =>
        $"{e.Acknowledged.Length} acknowledged, {e.Starts.Length} starts, {e.StopsAsked.Count} stops, {e.Followed.Length} followed, {e.Followed.Sum(f => f.Output.Length) / 1_000_000} MB to followers, {e.Inboxes.Count(i => !i.Acknowledged)} deliveries of {e.Inboxes.Select(i => i.Key).Distinct().Count()} notices\n"
        + string.Join(", ", e.Answers.Values.GroupBy(a => $"{a.State} by {a.Cause}").OrderBy(g => g.Key).Select(g => $"{g.Count()} {g.Key}"));
}
