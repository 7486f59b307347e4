using System.Net;
using System.Text.Json.Nodes;
using Outlast.Diagnostics;
using Outlast.IntegrationTests.Faults.Checking;
using Outlast.TestKit;
using Xunit;

namespace Outlast.IntegrationTests.Faults;

/// <summary>The host dies at each instant that process-protocol.md names; what is on disk then, and what the next host must conclude.</summary>
public sealed class CrashPointTests
{
    private const string Key = "crash";

    /// <summary>Instants in the life of a task that nobody stops.</summary>
    private static readonly Dictionary<string, LifePoint> Life = new()
    {
        ["after submit commit"] = new([Milestone.SubmitCommitted]) { State = TaskState.Queued, Concluded = Conclusion.RunsFirst },
        ["after claim commit"] = new([Milestone.ClaimCommitted]) { State = TaskState.Running, Concluded = Conclusion.NeverStarted },
        ["after lock"] = new([Milestone.LockTaken]) { State = TaskState.Running, Files = ["lock"], Concluded = Conclusion.NeverStarted },
        ["after keeper"] = new([Milestone.KeeperStarted]) { State = TaskState.Running, Files = ["lock"], Concluded = Conclusion.NeverStarted },
        ["after spawn"] = new([Milestone.Spawned]) { State = TaskState.Running, Files = ["lock"], Concluded = Conclusion.Adopted },
        ["after pid file"] = new([Milestone.Spawned, "--then", "pid"]) { State = TaskState.Running, Files = ["lock", "pid"], Concluded = Conclusion.Adopted },
        ["after record knows pid"] = new([Milestone.ProcessRecorded]) { State = TaskState.Running, Files = ["lock"], Concluded = Conclusion.Adopted },
        ["after output"] = new([Milestone.Spawned, "--then", "output"]) { State = TaskState.Running, Files = ["lock", "pid", "output.log"], Concluded = Conclusion.Adopted },
        ["after exit record"] = new([Milestone.Spawned, "--then", "exit"]) { State = TaskState.Running, Files = ["lock", "pid", "output.log", "exit"], Ends = true, Concluded = Conclusion.Settled },
        ["after exit was seen"] = new([Milestone.ExitSeen]) { State = TaskState.Running, Files = ["lock", "pid", "output.log", "exit"], Ends = true, Concluded = Conclusion.Settled },
        ["after output was synced"] = new([Milestone.OutputSynced]) { State = TaskState.Running, Files = ["lock", "pid", "output.log", "exit"], Ends = true, Concluded = Conclusion.Settled },
        ["after settle was decided"] = new([Milestone.SettleDecided]) { State = TaskState.Running, Files = ["lock", "pid", "output.log", "exit"], Ends = true, Concluded = Conclusion.Settled },
        ["after settle commit"] = new([Milestone.SettleCommitted]) { State = TaskState.Failed, Files = ["lock", "pid", "output.log", "exit"], Ends = true, Concluded = Conclusion.Ended },
        ["after publishing"] = new([Milestone.Published]) { State = TaskState.Failed, Files = ["lock", "pid", "output.log", "exit"], Ends = true, Concluded = Conclusion.Ended },
    };

    /// <summary>Instants in the life of a task that somebody stops; it ignores TERM, so that every rung is needed.</summary>
    private static readonly Dictionary<string, string> Stops = new()
    {
        ["after stop commit"] = Milestone.StopCommitted,
        ["after signal sent"] = Milestone.StopSignalSent,
        ["after KILL sent"] = Milestone.KillSent,
        ["after verified"] = Milestone.StopVerified,
    };

    public static TheoryData<string> LifePoints => [.. Life.Keys];
    public static TheoryData<string> StopPoints => [.. Stops.Keys];

    [Theory]
    [MemberData(nameof(LifePoints))]
    [Trait("Requirement", "U-10")]
    public async Task Dies_in_the_life_of_a_task(string name)
    {
        var point = Life[name];
        using var stage = new Stage();
        if (point.Ends) stage.Command.Open();

        using (var dying = HostProcess.Start(stage.Data, ["--at", .. point.Crash]))
        {
            await dying.ReadyAsync();
            await stage.TrySubmitAsync();
            await dying.ExitedAsync();
            Assert.Equal(137, dying.ExitCode);
        }

        var id = await StoreFile.OnlyTaskAsync(stage.Data);
        Assert.Equal(point.State, (await StoreFile.PeekAsync(stage.Data, id))!.State);
        Assert.Equal(point.Files, point.Files.Intersect(stage.FilesOf(id)));
        if (point.Concluded is Conclusion.RunsFirst) Assert.False(Directory.Exists(stage.Data.Task(TaskId.Parse(id))));
        if (point.Concluded is Conclusion.NeverStarted) Assert.DoesNotContain("pid", stage.FilesOf(id));

        using var next = await HostProcess.StartReadyAsync(stage.Data);
        Assert.Equal(id, (string)(await stage.SubmitAsync())["id"]!);
        if (!point.Ends)
        {
            await Eventually.TrueAsync(() => stage.Evidence.Witness.Read().Starts.Length > 0, "the command runs");
            await Eventually.TrueAsync(async () => (string)(await stage.Host.TaskAsync(id))["state"]! == "running", "the next host has it in hand");
            if (point.Concluded is Conclusion.Adopted) await Eventually.TrueAsync(async () => (int)(await stage.Host.TaskAsync(id))["adoptions"]! == 1, "the next host adopts it");
            stage.Command.Open();
        }
        var task = await stage.Host.EndAsync(id);

        Assert.Equal("failed", (string)task["end"]!["state"]!);
        Assert.Equal("exit", (string)task["end"]!["cause"]!);
        Assert.Equal(7, (int)task["end"]!["exitCode"]!);
        Assert.Equal(1, (int)task["attempt"]!);
        Assert.Equal(point.Concluded is Conclusion.Adopted ? 1 : 0, (int?)task["adoptions"] ?? 0);
        if (point.Concluded is Conclusion.Settled)
            Assert.Contains(task["end"]!["evidence"]!.AsArray(), e => ((string)e!).Contains("exit record found by host h2 after host h1 was gone", StringComparison.Ordinal));
        if (point.Concluded is Conclusion.NeverStarted)
            Assert.Contains(task["annotations"]!.AsArray(), a => ((string)a!["text"]!).Contains("found by host h2 after host h1 was gone", StringComparison.Ordinal));
        await stage.JudgeAsync();
    }

    [Theory]
    [MemberData(nameof(StopPoints))]
    [Trait("Requirement", "C16")]
    public async Task Dies_in_the_stop_of_a_task(string name)
    {
        using var stage = new Stage();
        string id;
        using (var dying = HostProcess.Start(stage.Data, ["--at", Stops[name]]))
        {
            await dying.ReadyAsync();
            id = (string)(await stage.SubmitAsync(stubborn: true))["id"]!;
            await Eventually.TrueAsync(() => stage.Evidence.Witness.Read().Starts.Length > 0, "the command runs");
            stage.Evidence.StopAsked(id);
            await stage.TryAsync(HttpMethod.Post, $"/v1/tasks/{id}/stop", new JsonObject { ["reason"] = "wrong branch" });
            await dying.ExitedAsync();
            Assert.Equal(137, dying.ExitCode);
        }
        Assert.Equal(TaskState.Stopping, (await StoreFile.PeekAsync(stage.Data, id))!.State);

        using var next = await HostProcess.StartReadyAsync(stage.Data);
        var task = await stage.Host.EndAsync(id);

        Assert.Equal("stopped", (string)task["end"]!["state"]!);
        Assert.Equal("user", (string)task["end"]!["cause"]!);
        Assert.Equal("wrong branch", (string)task["stop"]!["reason"]!);
        Assert.Equal(1, (int)task["attempt"]!);
        await stage.JudgeAsync();
    }

    [Theory]
    [InlineData("after tombstone commit", Milestone.TombstoneCommitted, true)]
    [InlineData("after files removed", Milestone.FilesRemoved, false)]
    public async Task Dies_while_it_prunes(string name, string milestone, bool filesLeft)
    {
        _ = name;
        using var stage = new Stage();
        stage.Command.Open();
        string id;
        using (var host = await HostProcess.StartReadyAsync(stage.Data))
        {
            id = (string)(await stage.SubmitAsync())["id"]!;
            await stage.Host.EndAsync(id);
            await host.KillAsync();
        }
        var retention = new Dictionary<string, string> { ["OUTLAST_RETENTION_TASKS"] = "0s" };
        using (var dying = HostProcess.Start(stage.Data, ["--at", milestone], retention))
        {
            await dying.ExitedAsync();
            Assert.Equal(137, dying.ExitCode);
        }
        Assert.Null(await StoreFile.PeekAsync(stage.Data, id));
        Assert.Equal(filesLeft, Directory.Exists(stage.Data.Task(TaskId.Parse(id))));

        using var next = await HostProcess.StartReadyAsync(stage.Data);
        var reply = await stage.Host.GetAsync($"/v1/tasks/{id}");
        Assert.Equal(HttpStatusCode.Gone, reply.Status);
        Assert.Equal("urn:outlast:removed", reply.Type);
        Assert.Equal("failed", (string)reply.Json["state"]!);
        await Eventually.TrueAsync(() => !Directory.Exists(stage.Data.Task(TaskId.Parse(id))), "the next host removes the files");
    }

    [Theory]
    [InlineData("listener disposed", Milestone.ListenerDisposed)]
    [InlineData("store closed", Milestone.StoreClosed)]
    [Trait("Requirement", "V-19")]
    public async Task Dies_while_it_goes(string name, string milestone)
    {
        _ = name;
        using var stage = new Stage();
        string id;
        using (var dying = HostProcess.Start(stage.Data, ["--at", milestone]))
        {
            await dying.ReadyAsync();
            id = (string)(await stage.SubmitAsync())["id"]!;
            await Eventually.TrueAsync(() => stage.Evidence.Witness.Read().Starts.Length > 0, "the command runs");
            dying.Signal("TERM");
            await dying.ExitedAsync();
            Assert.Equal(137, dying.ExitCode);
        }
        Assert.Equal(TaskState.Running, (await StoreFile.PeekAsync(stage.Data, id))!.State);

        using var next = await HostProcess.StartReadyAsync(stage.Data);
        await Eventually.TrueAsync(async () => (int)(await stage.Host.TaskAsync(id))["adoptions"]! == 1, "the next host adopts it");
        stage.Command.Open();
        var task = await stage.Host.EndAsync(id);
        Assert.Equal(7, (int)task["end"]!["exitCode"]!);
        await stage.JudgeAsync();
    }

    [Theory]
    [InlineData("listener disposed", Milestone.ListenerDisposed)]
    [InlineData("store closed", Milestone.StoreClosed)]
    [InlineData("before execve", Milestone.BeforeExecve)]
    [InlineData("after execve, before anybody is told", Milestone.HostStarted + "#2")]
    [Trait("Requirement", "V-35")]
    public async Task Dies_while_it_is_replaced(string name, string milestone)
    {
        _ = name;
        using var stage = new Stage();
        string id;
        // As its own successor the worker knows of no crash point: one of the successor's comes with its program.
        var inSuccessor = milestone.EndsWith("#2", StringComparison.Ordinal);
        using (var dying = HostProcess.Start(stage.Data, inSuccessor ? [] : ["--at", milestone]))
        {
            await dying.ReadyAsync();
            id = (string)(await stage.SubmitAsync())["id"]!;
            await Eventually.TrueAsync(() => stage.Evidence.Witness.Read().Starts.Length > 0, "the command runs");
            await stage.TryAsync(HttpMethod.Post, "/v1/host/restart", inSuccessor ? stage.ProgramThatDiesAt(Milestone.HostStarted) : new JsonObject());
            await dying.ExitedAsync();
            Assert.Equal(137, dying.ExitCode);
        }
        Assert.Equal(TaskState.Running, (await StoreFile.PeekAsync(stage.Data, id))!.State);

        using var next = await HostProcess.StartReadyAsync(stage.Data);
        await Eventually.TrueAsync(async () => (int?)(await stage.Host.TaskAsync(id))["adoptions"] >= 1, "the next host adopts it");
        var other = await stage.Host.SubmitAsync("other", ["/bin/true"]);
        Assert.Equal("completed", (string)(await stage.Host.EndAsync((string)other["id"]!))["state"]!);
        stage.Command.Open();
        var task = await stage.Host.EndAsync(id);
        Assert.Equal((7, 1), ((int)task["end"]!["exitCode"]!, (int)task["attempt"]!));
    }

    [Fact]
    [Trait("Requirement", "V-38")]
    public async Task Dies_while_it_drains_and_the_next_host_is_open()
    {
        using var stage = new Stage();
        string id;
        Task drain;
        using (var dying = await HostProcess.StartReadyAsync(stage.Data))
        {
            id = (string)(await stage.SubmitAsync())["id"]!;
            drain = stage.TryAsync(HttpMethod.Post, "/v1/host/shutdown", new JsonObject { ["mode"] = "drain", ["drainLimit"] = "none" });
            await Eventually.TrueAsync(async () => (await stage.Host.GetAsync("/readyz")).ToString().Contains("draining", StringComparison.Ordinal), "the host drains");
            Assert.Equal(HttpStatusCode.ServiceUnavailable, (await stage.Host.SendAsync(HttpMethod.Post, "/v1/tasks", HostConnection.Submission("other", ["/bin/true"]))).Status);
            await dying.KillAsync();
        }
        await drain;

        using var next = await HostProcess.StartReadyAsync(stage.Data);
        Assert.Equal(HttpStatusCode.OK, (await stage.Host.GetAsync("/readyz")).Status);
        var other = await stage.Host.SubmitAsync("other", ["/bin/true"]);
        Assert.Equal("completed", (string)(await stage.Host.EndAsync((string)other["id"]!))["state"]!);
        stage.Command.Open();
        Assert.Equal(7, (int)(await stage.Host.EndAsync(id))["end"]!["exitCode"]!);
    }

    [Theory]
    [InlineData("after notice was handed over", Milestone.NoticeHandedOver)]
    [InlineData("after notice was acknowledged", Milestone.NoticeAcknowledged)]
    [Trait("Requirement", "U-41")]
    [Trait("Requirement", "U-42")]
    public async Task Dies_while_it_delivers(string name, string milestone)
    {
        _ = name;
        const string inbox = "/v1/sessions/a%2Fb/inbox";
        using var stage = new Stage();
        stage.Command.Open();
        string id;
        using (var dying = HostProcess.Start(stage.Data, ["--at", milestone]))
        {
            await dying.ReadyAsync();
            id = (string)(await stage.SubmitAsync(session: "a/b"))["id"]!;
            await stage.Host.EndAsync(id);
            await stage.TryAsync(HttpMethod.Get, inbox, null);
            await stage.TryAsync(HttpMethod.Post, $"{inbox}/ack", new JsonObject { ["keys"] = new JsonArray($"task:{id}:ended") });
            await dying.ExitedAsync();
            Assert.Equal(137, dying.ExitCode);
        }
        using var next = await HostProcess.StartReadyAsync(stage.Data);
        var notices = (await stage.Host.GetAsync(inbox)).Json["notices"]!.AsArray();
        if (milestone == Milestone.NoticeAcknowledged)
        {
            Assert.Empty(notices);
            return;
        }
        var notice = Assert.Single(notices)!;
        Assert.Equal(($"task:{id}:ended", 2, "failed"), ((string)notice["key"]!, (int)notice["deliveries"]!, (string)notice["state"]!));
        Assert.Equal(1, (int)(await stage.Host.SendAsync(HttpMethod.Post, $"{inbox}/ack", new JsonObject { ["through"] = (long)notice["seq"]! })).Json["count"]!);
        Assert.Empty((await stage.Host.GetAsync(inbox)).Json["notices"]!.AsArray());
    }

    private enum Conclusion
    {
        /// <summary>It was queued, and runs.</summary>
        RunsFirst,
        /// <summary>It was claimed and provably never started: the same attempt runs.</summary>
        NeverStarted,
        /// <summary>It lives: the same attempt is followed.</summary>
        Adopted,
        /// <summary>It has ended, and its exit record tells how.</summary>
        Settled,
        /// <summary>Its end was on disk.</summary>
        Ended,
    }

    private sealed record LifePoint(string[] Crash)
    {
        /// <summary>The state on disk.</summary>
        public required TaskState State { get; init; }
        /// <summary>Files of the attempt that must be there.</summary>
        public string[] Files { get; init; } = [];
        /// <summary>Whether the command runs to its end before the host dies.</summary>
        public bool Ends { get; init; }
        public required Conclusion Concluded { get; init; }
    }

    /// <summary>A data folder with one task.</summary>
    private sealed class Stage : IDisposable
    {
        private readonly ScratchFolder _scratch = new();

        public Stage()
        {
            Data = new(_scratch.File("data"));
            Evidence = new(Data, _scratch.Path);
            Command = new(Evidence.Witness, _scratch.File("gate"));
            Host = new(Data);
            Evidence.Planned(GatedCommand.Plan(Key));
        }

        public DataFolder Data { get; }
        public EvidenceCollector Evidence { get; }
        public GatedCommand Command { get; }
        public HostConnection Host { get; }

        public async Task<JsonNode> SubmitAsync(bool stubborn = false, string? session = null)
        {
            var task = await Host.SubmitAsync(Key, Command.Argv(stubborn), body =>
            {
                Limits(body);
                if (session is not null) body["session"] = session; // An absent one and none are two bodies to an idempotency key.
            });
            Evidence.Acknowledged((string)task["id"]!, Key);
            return task;
        }

        /// <summary>The host may die before it answers.</summary>
        public Task TrySubmitAsync() => TryAsync(HttpMethod.Post, "/v1/tasks", HostConnection.Submission(Key, Command.Argv(), Limits), Key);

        /// <summary>A request for a successor that dies at that instant.</summary>
        public JsonObject ProgramThatDiesAt(string milestone)
        {
            var program = _scratch.File("successor");
            File.WriteAllText(program, $"#!/bin/sh\ncase \"$*\" in *--check*) echo ok 9.9.9; exit; esac\nshift\nexec '{Path.Combine(AppContext.BaseDirectory, "Outlast.FaultWorker")}' serve --at {milestone} -- \"$@\"\n");
            File.SetUnixFileMode(program, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            return new() { ["program"] = new JsonArray(program) };
        }

        public async Task TryAsync(HttpMethod method, string path, JsonNode? body, string? key = null)
        {
            try { await Host.SendAsync(method, path, body, key); }
            catch (Exception e) when (e is HttpRequestException or IOException) { }
        }

        public string[] FilesOf(string id)
        {
            var attempt = Data.Attempt(TaskId.Parse(id), 1);
            return Directory.Exists(attempt) ? [.. Directory.EnumerateFiles(attempt).Select(f => Path.GetFileName(f))] : [];
        }

        public async Task JudgeAsync()
        {
            await Eventually.TrueAsync(() => ProcessTable.MarkedBy(Data.Path).IsEmpty, "no process of the task is left");
            Assert.Empty(Checker.Judge(await Evidence.GatherAsync(Host)));
        }

        public void Dispose()
        {
            Command.Open();
            Host.Dispose();
            _scratch.Dispose();
        }

        private static void Limits(JsonObject body) => body["stopGrace"] = "300ms";
    }
}
