using System.Collections.Concurrent;
using System.Globalization;
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
    [Trait("Requirement", "B12")]
    [Trait("Requirement", "C8")]
    [Trait("Requirement", "U-07")]
    [Trait("Requirement", "U-41")]
    [Trait("Requirement", "U-42")]
    [Trait("Requirement", "U-100")]
    public async Task At_random_no_finished_step_runs_twice_no_child_outlives_its_parent_and_every_end_is_told_once()
    {
        var kills = (Setting("OUTLAST_FAULT_KILLS") ?? 100) / 4;
        var seed = Setting("OUTLAST_FAULT_SEED") ?? Random.Shared.Next();
        output.WriteLine($"seed {seed}, {kills} kills");
        using var garden = new Garden(seed);
        using var enough = new CancellationTokenSource();
        using var giveUp = new CancellationTokenSource();
        var work = Task.WhenAll([.. Enumerable.Range(0, Gardeners).Select(n => garden.TendAsync(n, enough.Token, giveUp.Token))]);
        var readers = Task.WhenAll([.. Enumerable.Range(0, Sessions).Select(n => garden.ReadAsync($"s{n}", enough.Token, giveUp.Token)), garden.AnswerAsync(enough.Token, giveUp.Token)]);

        var random = new Random(seed);
        for (var n = 0; n < kills; n++)
        {
            using var life = HostProcess.StartApp(garden.Data);
            if (random.Next(5) > 0) await life.ReadyAsync();
            await Task.Delay(random.Next(n % 5 == 0 ? 3000 : 700));
            Assert.False(life.HasExited, life.Log);
            await life.KillAsync();
        }

        using var last = HostProcess.StartApp(garden.Data);
        await last.ReadyAsync();
        await enough.CancelAsync();
        giveUp.CancelAfter(Calm);
        try
        {
            await work;
            await garden.NothingIsOpenAsync(giveUp.Token);
            await readers;
        }
        catch (OperationCanceledException) when (giveUp.IsCancellationRequested)
        {
            var open = await garden.Host.GetAsync("/v1/tasks?state=queued,running,waiting,stopping&limit=20");
            Assert.Fail($"seed {seed}: not calm within {Calm.TotalSeconds} s: {open}\n{string.Join('\n', last.Log.Split('\n').TakeLast(60))}");
        }
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
        using var next = HostProcess.StartApp(garden.Data);
        await next.ReadyAsync();
        id = await garden.PlantAsync("tree", "s0", new(2, 1, 2, 20, true, false), giveUp.Token);
        await garden.Host.EndAsync(id, giveUp.Token);
        await garden.NothingIsOpenAsync(giveUp.Token);
        using var enough = new CancellationTokenSource();
        await enough.CancelAsync();
        await garden.ReadAsync("s0", enough.Token, giveUp.Token);
        Assert.Empty(await garden.JudgeAsync());
        Assert.Equal(3, garden.Ends);
    }

    private static int? Setting(string name) => Environment.GetEnvironmentVariable(name) is { Length: > 0 } text ? int.Parse(text, CultureInfo.InvariantCulture) : null;

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
        // Of each session: keys in the order of their first delivery, and those whose acknowledgement was answered.
        private readonly ConcurrentDictionary<string, (List<(long Seq, string Key)> Delivered, HashSet<string> Acknowledged)> _inboxes = new();
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
            while (!enough.IsCancellationRequested || await AnyOpenAsync(giveUp))
            {
                var waiting = (await Host.InsistAsync(HttpMethod.Get, "/v1/tasks?state=waiting&limit=100", cancel: giveUp)).Json["tasks"]!.AsArray();
                foreach (var task in waiting) await Host.InsistAsync(HttpMethod.Post, $"/v1/tasks/{task!["id"]}/answer", new JsonObject { ["text"] = "yes" }, cancel: giveUp);
                await Task.Delay(100, giveUp);
            }
        }

        /// <summary>Reads a session's inbox and acknowledges most of it, at last all of it.</summary>
        public async Task ReadAsync(string session, CancellationToken enough, CancellationToken giveUp)
        {
            var random = new Random(_seed);
            var (delivered, acknowledged) = _inboxes.GetOrAdd(session, _ => ([], []));
            while (true)
            {
                // Asked before the fetch: what it brings then is the last.
                var over = enough.IsCancellationRequested && !await AnyOpenAsync(giveUp);
                var reply = await Host.InsistAsync(HttpMethod.Get, $"/v1/sessions/{session}/inbox?wait={(over ? "0s" : "500ms")}", cancel: giveUp);
                if (reply.Status != HttpStatusCode.OK) throw new InvalidOperationException($"The inbox of {session}: {reply}");
                var notices = reply.Json["notices"]!.AsArray().Select(n => (Seq: (long)n!["seq"]!, Key: (string)n["key"]!)).ToList();
                foreach (var notice in notices)
                {
                    if (acknowledged.Contains(notice.Key)) _faults.Enqueue($"{session}: {notice.Key} came after its acknowledgement");
                    if (!delivered.Exists(d => d.Key == notice.Key)) delivered.Add(notice);
                }
                var keys = notices.Select(n => n.Key).Where(_ => over || random.Next(4) > 0).ToList();
                if (keys.Count > 0)
                {
                    var ack = new JsonObject { ["keys"] = new JsonArray([.. keys.Select(k => (JsonNode)k)]) };
                    var answer = await Host.InsistAsync(HttpMethod.Post, $"/v1/sessions/{session}/inbox/ack", ack, cancel: giveUp);
                    if (answer.Status != HttpStatusCode.OK) throw new InvalidOperationException($"The acknowledgement of {session}: {answer}");
                    acknowledged.UnionWith(keys);
                }
                if (over && notices.Count == 0) return;
            }
        }

        public async Task NothingIsOpenAsync(CancellationToken giveUp)
        {
            while (await AnyOpenAsync(giveUp)) await Task.Delay(50, giveUp);
        }

        public async Task<List<string>> JudgeAsync()
        {
            var tasks = await AllTasksAsync();
            Ends = tasks.Count(t => (string?)t["kind"] == "handler");
            JudgeEnds(tasks);
            JudgeSteps(tasks);
            JudgeNotices(tasks);
            if ((int)(await Host.GetAsync("/v1/host")).Json["running"]! != 0) _faults.Enqueue("places are taken, and nothing runs");
            if (!ProcessTable.MarkedBy(Data.Path).IsEmpty) _faults.Enqueue("processes of tasks are left");
            _summary = $"{_planted.Count} trees, {tasks.Count} tasks, {_inboxes.Values.Sum(i => i.Delivered.Count)} notices; " + string.Join(", ", tasks.GroupBy(t => (string)t["state"]!).Select(g => $"{g.Count()} {g.Key}"));
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

        /// <summary>A step whose successor has begun was finished: it may not begin again.</summary>
        private void JudgeSteps(List<JsonNode> tasks)
        {
            var known = tasks.Select(t => (string)t["id"]!).ToHashSet();
            var lines = File.Exists(Witness) ? File.ReadAllLines(Witness) : [];
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

        private void JudgeNotices(List<JsonNode> tasks)
        {
            foreach (var (session, (delivered, _)) in _inboxes)
            {
                var expected = tasks.Where(t => (string?)t["session"] == session).Select(t => $"task:{t["id"]}:ended").ToHashSet();
                var told = delivered.Where(d => d.Key.EndsWith(":ended", StringComparison.Ordinal)).Select(d => d.Key).ToList();
                foreach (var missing in expected.Except(told)) _faults.Enqueue($"{session}: {missing} was never delivered");
                foreach (var foreign in told.Except(expected)) _faults.Enqueue($"{session}: {foreign} is no end of its tasks");
                if (!delivered.Select(d => d.Seq).SequenceEqual(delivered.Select(d => d.Seq).Order())) _faults.Enqueue($"{session}: not in order: {string.Join(' ', delivered.Select(d => d.Seq))}");
            }
        }

        private async Task<bool> AnyOpenAsync(CancellationToken giveUp) =>
            (await Host.InsistAsync(HttpMethod.Get, "/v1/tasks?state=queued,running,waiting,stopping&limit=1", cancel: giveUp)).Json["tasks"]!.AsArray().Count > 0;

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
