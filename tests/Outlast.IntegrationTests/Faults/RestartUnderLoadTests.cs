using System.Diagnostics;
using System.Globalization;
using Outlast.Client;
using Outlast.IntegrationTests.Faults.Checking;
using Outlast.TestKit;
using Xunit;
using Xunit.Abstractions;

namespace Outlast.IntegrationTests.Faults;

/// <summary>The host is replaced again and again while many clients work with it; none of them may notice more than a pause, and the checker judges.</summary>
[Collection(AloneCollection.Name)]
public sealed class RestartUnderLoadTests(ITestOutputHelper output)
{
    private const int Submitters = 64, Sessions = 4, Processes = 200, Restarts = 20;
    private static readonly Dictionary<string, string> Settings = new() { ["OUTLAST_CONCURRENCY_PROCESSES"] = "300" };
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3), Timeout = TimeSpan.FromHours(10);

    [Fact]
    [Trait("Requirement", "V-07")]
    [Trait("Requirement", "V-35")]
    [Trait("Requirement", "B3")]
    [Trait("Requirement", "V-41")]
    public async Task Nothing_acknowledged_is_lost_and_no_client_meets_an_error()
    {
        using var scratch = new ScratchFolder();
        var data = new DataFolder(scratch.File("data"));
        var collector = new EvidenceCollector(data, scratch.Path);
        using var host = await HostProcess.StartReadyAsync(data, Settings);
        using var giveUp = new CancellationTokenSource(Patience);
        using var enough = new CancellationTokenSource();
        using var allEnded = new CancellationTokenSource();
        var clock = Stopwatch.StartNew();

        var gate = scratch.File("gate");
        using (var made = Process.Start("/usr/bin/mkfifo", [gate])) await made.WaitForExitAsync();
        var lasting = await Task.WhenAll(Enumerable.Range(0, Processes / 10).Select(n => StartLastingAsync(data, collector, gate, n * 10, 10, giveUp.Token)));
        var ids = lasting.SelectMany(l => l).ToList();
        output.WriteLine($"{ids.Count} processes after {clock.Elapsed.TotalSeconds:0} s");
        var clients = Enumerable.Range(0, Submitters).Select(n => WorkAsync(data, collector, n, ids[n], enough.Token, giveUp.Token)).ToArray();
        var readers = Enumerable.Range(0, Sessions).Select(n => ReadInboxAsync(data, collector, n, allEnded.Token, giveUp.Token)).ToArray();
        var events = FollowEventsAsync(data, ids[^1], giveUp.Token);

        using var person = Connect(data);
        for (var n = 1; n <= Restarts; n++)
        {
            var begun = await person.RestartAsync(cancel: giveUp.Token);
            Assert.InRange(begun.Running, Processes, Processes + Submitters);
            await Eventually.TrueAsync(() => HostAddress.ReadHostFile(data.Path) is { } file && file.Epoch > begun.Epoch, $"restart {n} has come about");
        }
        output.WriteLine($"{Restarts} restarts after {clock.Elapsed.TotalSeconds:0} s");
        Assert.False(host.HasExited, host.Log);

        await enough.CancelAsync();
        var extensions = await Task.WhenAll(clients);
        // Who has read everything that there is reads on as long as something may come.
        await allEnded.CancelAsync();
        await Task.WhenAll(readers);
        foreach (var (n, id) in ids.Index())
        {
            var task = await person.GetAsync(id, cancel: giveUp.Token);
            // Each extension was heard, and none twice.
            Assert.Equal((long)(Timeout + TimeSpan.FromMinutes(n < Submitters ? extensions[n] : 0)).TotalMilliseconds, task.Limits?.TimeoutMs);
            Assert.Equal(("running", 1), (task.State, task.Attempt));
            // A host that goes soon after its coming leaves some to the next.
            Assert.InRange(task.Adoptions, 1, Restarts);
        }
        await OpenAsync(gate, person, ids, giveUp.Token);
        Assert.Equal((await person.GetAsync(ids[^1], cancel: giveUp.Token)).Adoptions, await events);
        using var connection = new HostConnection(data);
        await Eventually.TrueAsync(() => ProcessTable.MarkedBy(data.Path).IsEmpty, "no process of any task is left");
        output.WriteLine($"calm after {clock.Elapsed.TotalSeconds:0} s");

        var evidence = await collector.GatherAsync(connection) with { NoAttemptCanBeLost = true, ReadToTheEnd = [.. Enumerable.Range(0, Sessions).Select(SessionOf)] };
        output.WriteLine($"{evidence.Acknowledged.Length} acknowledged, {evidence.StopsAsked.Count} stops, {evidence.Followed.Length} followed");
        var violations = Checker.Judge(evidence);
        Assert.True(violations.IsEmpty, $"{violations.Length} violations\n{string.Join('\n', violations.Take(50))}");
        Assert.True(evidence.Acknowledged.Length >= Processes + Submitters, "every client got through");
    }

    /// <summary>A client that is more patient than the command line, which is so for ten seconds, and that never starts a host, for there always is one.</summary>
    private static OutlastHttpClient Connect(DataFolder data) =>
        // Twenty restarts without a pause, on a machine that is loaded besides: one call may meet several hosts in a row that are just going away.
        new(HostAddress.Find(data.Path)!, new() { RetryFor = TimeSpan.FromSeconds(40) });

    private static async Task<List<string>> StartLastingAsync(DataFolder data, EvidenceCollector collector, string gate, int first, int count, CancellationToken giveUp)
    {
        using var client = Connect(data);
        List<string> ids = [];
        for (var n = first; n < first + count; n++)
        {
            var plan = new PlannedTask($"lasting-{n}", new(1, 2), 7, Repeatable: false);
            ids.Add(await SubmitAsync(client, collector, plan, collector.Witness.Command(plan, 1, $"read -r _ <'{gate}'"), giveUp));
        }
        foreach (var id in ids) await Eventually.TrueAsync(async () => (await client.GetAsync(id, cancel: giveUp)).Process is not null, $"{id} runs");
        return ids;
    }

    /// <summary>Submits, extends, looks, follows or stops, awaits, again and again. Any exception is an error that a person would have seen.</summary>
    /// <returns>How often it has given a lasting task a minute more.</returns>
    private static async Task<int> WorkAsync(DataFolder data, EvidenceCollector collector, int number, string lasting, CancellationToken enough, CancellationToken giveUp)
    {
        using var client = Connect(data);
        var random = new Random(number);
        var n = 0;
        for (; !enough.IsCancellationRequested; n++)
        {
            var plan = new PlannedTask(Invariant($"s{number}-{n}"), new(1, random.Next(1, 2000)), random.Next(3), Repeatable: false);
            var id = await SubmitAsync(client, collector, plan, collector.Witness.Command(plan, 500, TimeSpan.FromMilliseconds(random.Next(100, 600))), giveUp, SessionOf(number % Sessions));
            await client.ExtendAsync(lasting, new("+1m"), giveUp);
            await client.GetAsync(id, cancel: giveUp);
            await client.ListAsync(new() { Limit = 5 }, giveUp);
            if (random.Next(10) == 0)
            {
                collector.StopAsked(id);
                await StopAsync(client, id, giveUp);
            }
            else if (random.Next(2) == 0) collector.Followed(await FollowAsync(client, id, giveUp));
            await client.WaitAsync(id, giveUp);
        }
        return n;
    }

    private static string SessionOf(int n) => $"client {n}";

    private static async Task ReadInboxAsync(DataFolder data, EvidenceCollector collector, int n, CancellationToken enough, CancellationToken giveUp)
    {
        using var client = Connect(data);
        var session = SessionOf(n);
        var reader = new InboxReader(
            session, n, async cancel => [.. (await client.ReadInboxAsync(session, wait: TimeSpan.FromSeconds(1), cancel: cancel)).Notices.Select(notice => (notice.Key, notice.Seq))],
            (keys, cancel) => client.AcknowledgeAsync(session, new(Keys: keys), cancel), collector.Noticed);
        await reader.RunAsync(enough, giveUp);
        await reader.FinishAsync(giveUp);
    }

    private static async Task<string> SubmitAsync(OutlastHttpClient client, EvidenceCollector collector, PlannedTask plan, IReadOnlyList<string> argv, CancellationToken giveUp, string? session = null)
    {
        collector.Planned(plan);
        var task = await client.SubmitAsync(new() { Name = plan.Key, Session = session, Process = new() { Argv = argv, Cwd = "/" }, StopGrace = "400ms", Timeout = "10h" }, plan.Key, giveUp);
        collector.Acknowledged(task.Id, plan.Key);
        return task.Id;
    }

    private static async Task StopAsync(OutlastHttpClient client, string id, CancellationToken giveUp)
    {
        try
        {
            await client.StopAsync(id, new() { Reason = "chance" }, giveUp);
        }
        catch (OutlastProblemException e) when (e.Type == ProblemTypes.Ended)
        {
            // It was faster.
        }
    }

    private static async Task<FollowedOutput> FollowAsync(OutlastHttpClient client, string id, CancellationToken giveUp)
    {
        using var all = new MemoryStream();
        await client.FollowOutputAsync(id, 0, async (bytes, cancel) => await all.WriteAsync(bytes, cancel), cancel: giveUp);
        return new(id, Digest.Of(all.ToArray()), SawEnd: true);
    }

    /// <summary>Follows a task's events over every restart by their cursor.</summary>
    /// <returns>How often it was adopted, each told once.</returns>
    private static async Task<int> FollowEventsAsync(DataFolder data, string id, CancellationToken giveUp)
    {
        using var client = Connect(data);
        long seen = 0;
        var adoptions = 0;
        await foreach (var frame in client.StreamEventsAsync(task: id, cancel: giveUp))
        {
            Assert.Null(frame.Gap);
            Assert.Equal(++seen, frame.Event!.TaskSeq);
            if (frame.Event.Type == "task.adopted") adoptions++;
            if (frame.Event.Type == "task.ended") return adoptions;
        }
        throw new InvalidOperationException("The stream has no end of its own.");
    }

    /// <summary>Whoever waits at the gate passes when somebody opens it for writing.</summary>
    private static async Task OpenAsync(string gate, OutlastHttpClient client, List<string> ids, CancellationToken giveUp)
    {
        for (var left = ids; left.Count > 0;)
        {
            using (var open = Process.Start("/usr/bin/timeout", ["1", "/bin/sh", "-c", ": >\"$0\"", gate])) await open.WaitForExitAsync(giveUp);
            List<string> waiting = [];
            foreach (var id in left)
            {
                var task = await client.GetAsync(id, cancel: giveUp);
                if (!task.HasEnded) waiting.Add(id);
                else Assert.Equal(7, task.End!.ExitCode);
            }
            left = waiting;
        }
    }

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
