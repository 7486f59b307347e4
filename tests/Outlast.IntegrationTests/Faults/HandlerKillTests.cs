using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Net;
using System.Text.Json.Nodes;
using Outlast.Diagnostics;
using Outlast.IntegrationTests.Faults.Checking;
using Outlast.TestKit;
using Xunit;
using Xunit.Abstractions;

namespace Outlast.IntegrationTests.Faults;

/// <summary>A program with handlers is killed again and again while its trees grow, are stopped, ask, and tell their sessions; afterwards all of it is counted from outside.</summary>
/// <remarks><c>OUTLAST_FAULT_KILLS</c> counts the kills of the suite; here a quarter of them. <c>OUTLAST_FAULT_SEED</c> repeats what a run chose.</remarks>
[Collection(AloneCollection.Name)]
public sealed class HandlerKillTests(ITestOutputHelper output)
{
    private const int Gardeners = 6, Sessions = 3;
    private static readonly TimeSpan Calm = TimeSpan.FromMinutes(2);

    [Fact]
    [Trait("Requirement", "B6")]
    [Trait("Requirement", "B12")]
    [Trait("Requirement", "C8")]
    [Trait("Requirement", "U-07")]
    [Trait("Requirement", "U-41")]
    [Trait("Requirement", "U-42")]
    [Trait("Requirement", "U-100")]
    public async Task At_random_no_finished_step_runs_twice_no_child_outlives_its_parent_and_every_end_is_told_once()
    {
        var kills = (FaultRun.Setting("OUTLAST_FAULT_KILLS") ?? 100) / 4;
        var seed = FaultRun.Setting("OUTLAST_FAULT_SEED") ?? Random.Shared.Next();
        output.WriteLine($"seed {seed}, {kills} kills");
        using var garden = new Garden(seed);
        using var enough = new CancellationTokenSource();
        using var giveUp = new CancellationTokenSource();
        var work = Task.WhenAll([.. Enumerable.Range(0, Gardeners).Select(n => garden.TendAsync(n, enough.Token, giveUp.Token))]);
        var readers = Enumerable.Range(0, Sessions).Select(n => InboxReader.Over(garden.Host, $"s{n}", seed + n, garden.Noticed)).ToArray();
        var reading = Task.WhenAll(readers.Select(r => r.RunAsync(enough.Token, giveUp.Token)));
        var answering = garden.AnswerAsync(enough.Token, giveUp.Token);

        var random = new Random(seed);
        for (var n = 0; n < kills; n++)
        {
            using var life = HostProcess.StartApp(garden.Data);
            if (random.Next(5) > 0) await life.ReadyAsync();
            await Task.Delay(random.Next(n % 5 == 0 ? 3000 : 700));
            Assert.False(life.HasExited, life.Log);
            await life.KillAsync();
            garden.HostIsDead();
        }

        using var last = HostProcess.StartApp(garden.Data);
        await last.ReadyAsync();
        await enough.CancelAsync();
        await FaultRun.CalmAsync(async () =>
        {
            await Task.WhenAll(work, reading);
            await garden.Host.NothingIsOpenAsync(giveUp.Token);
            await answering;
            await Task.WhenAll(readers.Select(r => r.FinishAsync(giveUp.Token)));
        }, Calm, giveUp, seed, garden.Host, last);
        Assert.False(last.HasExited, last.Log);
        var faults = await garden.JudgeAsync();
        output.WriteLine(garden.Summary);
        Assert.True(faults.Count == 0, $"seed {seed}: {faults.Count} faults\n{string.Join('\n', faults.Take(40))}");
    }

    [Theory]
    [Trait("Requirement", "B12")]
    [InlineData(Milestone.SubmitCommitted + "#2")]
    [InlineData(Milestone.ClaimCommitted)]
    [InlineData(Milestone.ClaimCommitted + "#3")]
    [InlineData(Milestone.StepCommitted)]
    [InlineData(Milestone.StepCommitted + "#5")]
    [InlineData(Milestone.SettleDecided)]
    [InlineData(Milestone.SettleDecided + "#3")]
    [InlineData(Milestone.SettleCommitted)]
    [InlineData(Milestone.SettleCommitted + "#3")]
    [InlineData(Milestone.Published + "#2")]
    public async Task At_a_named_point_the_next_program_goes_on_from_there(string point)
    {
        using var garden = new Garden(1);
        using var giveUp = new CancellationTokenSource(Calm);
        string id;
        using (var dying = HostProcess.StartApp(garden.Data, "--at", point))
        {
            await dying.ReadyAsync();
            // Its answer may be lost with the program; the same key gives the same task then.
            try { await garden.Host.SendAsync(HttpMethod.Post, "/v1/tasks", garden.Submission("tree", "s0", new(2, 1, 2, 20, true, false)), "tree"); }
            catch (Exception e) when (e is HttpRequestException or IOException) { }
            await dying.ExitedAsync();
            Assert.Equal(137, dying.ExitCode);
        }
        garden.HostIsDead();
        using var next = HostProcess.StartApp(garden.Data);
        await next.ReadyAsync();
        id = await garden.PlantAsync("tree", "s0", new(2, 1, 2, 20, true, false), giveUp.Token);
        await garden.Host.EndAsync(id, giveUp.Token);
        await garden.Host.NothingIsOpenAsync(giveUp.Token);
        await InboxReader.Over(garden.Host, "s0", 1, garden.Noticed).FinishAsync(giveUp.Token);
        Assert.Empty(await garden.JudgeAsync());
        Assert.Equal(3, garden.Ends);
    }

    /// <summary>What is to grow; the value that it must come to follows from it.</summary>
    internal sealed record Seedling(int Steps, int Depth, int Fan, int PauseMs, bool Command, bool Asks)
    {
        public long Value => Steps * (Steps + 1L) / 2 + 100 + (Depth > 0 ? Fan * (this with { Depth = Depth - 1, Command = false, Asks = false }).Value : 0);
    }

    /// <summary>Everything that was asked for, seen and told, and the judgement on it.</summary>
    private sealed class Garden : IDisposable
    {
        private readonly ScratchFolder _scratch = new();
        private readonly int _seed;
        private readonly ConcurrentDictionary<string, (Seedling Seedling, bool StopAsked)> _planted = new();
        private readonly ConcurrentDictionary<string, string> _idOfKey = new();
        private readonly ConcurrentQueue<string> _faults = new();
        private readonly ConcurrentQueue<InboxEntry> _inboxes = new();
        // Of each step that was in the journal when a host had died: how many steps had begun by then.
        private readonly Dictionary<(string Task, string Step), int> _finished = [];
        private string _summary = "";

        public Garden(int seed)
        {
            _seed = seed;
            Data = new(_scratch.File("data"));
            Host = new(Data);
        }

        public DataFolder Data { get; }
        public HostConnection Host { get; }
        public int Ends { get; private set; }
        public string Summary => _summary;

        private string Witness => _scratch.File("witness");

        public JsonObject Submission(string name, string session, Seedling s) => new()
        {
            ["name"] = name,
            ["session"] = session,
            ["handler"] = "grow",
            ["stopGrace"] = "2s",
            ["input"] = new JsonObject
            {
                [nameof(Witness)] = Witness,
                ["Steps"] = s.Steps,
                ["Depth"] = s.Depth,
                ["Fan"] = s.Fan,
                ["PauseMs"] = s.PauseMs,
                ["Command"] = s.Command,
                ["Asks"] = s.Asks,
            },
        };

        public async Task<string> PlantAsync(string key, string session, Seedling seedling, CancellationToken giveUp)
        {
            var reply = await Host.InsistAsync(HttpMethod.Post, "/v1/tasks", Submission(key, session, seedling), key, giveUp);
            if (reply.Status != HttpStatusCode.Accepted) throw new InvalidOperationException($"Not accepted: {reply}");
            var id = (string)reply.Json["id"]!;
            _planted[id] = (seedling, false);
            if (_idOfKey.GetOrAdd(key, id) != id) _faults.Enqueue($"'{key}' became {id} and {_idOfKey[key]}");
            return id;
        }

        /// <summary>Plants, sometimes stops, waits for the end; then the next.</summary>
        public async Task TendAsync(int number, CancellationToken enough, CancellationToken giveUp)
        {
            var random = new Random(unchecked((_seed * 31) + number));
            for (var n = 0; !enough.IsCancellationRequested; n++)
            {
                var seedling = new Seedling(random.Next(1, 6), random.Next(3), random.Next(1, 4), random.Next(5, 120), random.Next(3) == 0, random.Next(4) == 0);
                var id = await PlantAsync($"g{number}-{n}", $"s{number % Sessions}", seedling, giveUp);
                if (random.Next(5) == 0)
                {
                    await Task.Delay(random.Next(800), giveUp);
                    _planted[id] = (seedling, true);
                    await Host.InsistAsync(HttpMethod.Post, $"/v1/tasks/{id}/stop", new JsonObject { ["reason"] = "chance", ["now"] = random.Next(4) == 0 }, cancel: giveUp);
                }
                await Host.EndAsync(id, giveUp);
            }
        }

        /// <summary>Answers whatever is asked.</summary>
        public async Task AnswerAsync(CancellationToken enough, CancellationToken giveUp)
        {
            // Until nothing is open, for trees that are growing still may ask after enough were planted.
            while (!enough.IsCancellationRequested || await Host.FindOpenAsync(giveUp) is not null)
            {
                var waiting = (await Host.InsistAsync(HttpMethod.Get, "/v1/tasks?state=waiting&limit=100", cancel: giveUp)).Json["tasks"]!.AsArray();
                foreach (var task in waiting) await Host.InsistAsync(HttpMethod.Post, $"/v1/tasks/{task!["id"]}/answer", new JsonObject { ["text"] = "yes" }, cancel: giveUp);
                await Task.Delay(100, giveUp);
            }
        }

        /// <summary>Called by the one client of the session, as it happens to it.</summary>
        public void Noticed(InboxEntry entry) => _inboxes.Enqueue(entry);

        /// <summary>Nobody writes now: what is in the journal has happened for good.</summary>
        public void HostIsDead()
        {
            var begun = Begun().Length;
            foreach (var step in StoreFile.FinishedSteps(Data)) _finished.TryAdd(step, begun);
        }

        public async Task<List<string>> JudgeAsync()
        {
            var tasks = await AllTasksAsync();
            Ends = tasks.Count(t => (string?)t["kind"] == "handler");
            JudgeEnds(tasks);
            JudgeSteps(tasks);
            foreach (var violation in Checker.JudgeNotices(new()
            {
                Answers = tasks.ToImmutableDictionary(t => (string)t["id"]!, t => EvidenceCollector.AnswerOf(t, settled: 1, Digest.Empty)),
                Inboxes = [.. _inboxes],
                ReadToTheEnd = [.. tasks.Select(t => (string?)t["session"]).OfType<string>()],
            })) _faults.Enqueue(violation.ToString());
            if ((int)(await Host.GetAsync("/v1/host")).Json["running"]! != 0) _faults.Enqueue("places are taken, and nothing runs");
            if (!ProcessTable.MarkedBy(Data.Path).IsEmpty) _faults.Enqueue("processes of tasks are left");
            _summary = $"{_planted.Count} trees, {tasks.Count} tasks, {_inboxes.Where(i => !i.Acknowledged).DistinctBy(i => i.Key).Count()} notices, {_finished.Count} steps finished before a death; " + string.Join(", ", tasks.GroupBy(t => (string)t["state"]!).Select(g => $"{g.Count()} {g.Key}"));
            return [.. _faults];
        }

        public void Dispose()
        {
            Host.Dispose();
            _scratch.Dispose();
        }

        private void JudgeEnds(List<JsonNode> tasks)
        {
            var byId = tasks.ToDictionary(t => (string)t["id"]!);
            foreach (var (id, (seedling, stopAsked)) in _planted)
            {
                if (!byId.TryGetValue(id, out var task)) _faults.Enqueue($"{id} was acknowledged and is not known");
                else if ((string?)task["state"] == "completed" && (long?)task["end"]!["result"] != seedling.Value) _faults.Enqueue($"{id} came to {task["end"]!["result"]}, not {seedling.Value}");
                else if ((string?)task["state"] is not "completed" && !(stopAsked && (string?)task["state"] == "stopped")) _faults.Enqueue($"{id} is {task["state"]}: {task["end"]}");
            }
            foreach (var task in tasks)
                if ((string?)task["parent"] is { } parent && byId.TryGetValue(parent, out var above) && (DateTimeOffset)task["endedAt"]! > (DateTimeOffset)above["endedAt"]!)
                    _faults.Enqueue($"{task["id"]} ended after its parent {parent}");
        }

        /// <summary>A step that is in the journal, or whose successor has begun, was finished: it may not begin again.</summary>
        private void JudgeSteps(List<JsonNode> tasks)
        {
            var known = tasks.Select(t => (string)t["id"]!).ToHashSet();
            var lines = Begun();
            foreach (var (line, n) in lines.Select((l, n) => (l.Split(' ', 3), n)))
                if (_finished.TryGetValue((line[0], line[2]), out var before) && n >= before) _faults.Enqueue($"{line[0]}: '{line[2]}' ran again, and its end was on disk when a host had died");
            foreach (var task in lines.Select(l => l.Split(' ', 3)).GroupBy(l => l[0]))
            {
                if (!known.Contains(task.Key)) _faults.Enqueue($"steps of {task.Key} ran, and nobody knows it");
                var begun = new List<string>();
                foreach (var name in task.Select(l => l[2]))
                {
                    if (begun.Contains(name) && begun[^1] != name) _faults.Enqueue($"{task.Key}: '{name}' ran again after it had finished: {string.Join(", ", task.Select(l => l[2]))}");
                    begun.Add(name);
                }
            }
        }

        /// <summary>A line for each step that has begun, in order: task, attempt, name.</summary>
        private string[] Begun() => File.Exists(Witness) ? File.ReadAllLines(Witness) : [];

        private async Task<List<JsonNode>> AllTasksAsync()
        {
            var all = new List<JsonNode>();
            for (var cursor = ""; ;)
            {
                var page = (await Host.GetAsync($"/v1/tasks?limit=1000{cursor}")).Json;
                all.AddRange(page["tasks"]!.AsArray().Select(t => t!));
                if ((string?)page["nextCursor"] is not { } next) return all;
                cursor = $"&cursor={next}";
            }
        }
    }
}
