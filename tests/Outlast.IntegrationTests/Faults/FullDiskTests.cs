using System.Net;
using System.Text.Json.Nodes;
using Outlast.Diagnostics;
using Outlast.IntegrationTests.Faults.Checking;
using Outlast.TestKit;
using Xunit;

namespace Outlast.IntegrationTests.Faults;

/// <summary>The disk is full at each instant at which something must be written; then there is room again.</summary>
public sealed class FullDiskTests : IDisposable
{
    private const string Key = "full";
    private readonly SmallFileSystem _disk = SmallFileSystem.Mount();
    private readonly EvidenceCollector _evidence;
    private readonly HostConnection _host;
    private readonly GatedCommand _command;

    public FullDiskTests()
    {
        _evidence = new(_disk.Data, _disk.Roomy.Path);
        _host = new(_disk.Data, _disk.Place);
        _command = new(_evidence.Witness, _disk.Roomy.File("gate"));
        _evidence.Planned(GatedCommand.Plan(Key));
    }

    [Fact]
    [Trait("Requirement", "U-102")]
    public async Task At_submit_nothing_is_accepted_and_what_was_acknowledged_stays()
    {
        _command.Open();
        using var host = await StartReadyAsync();
        await SubmitAsync(Key);
        await _host.EndAsync(_evidence.FirstAcknowledged);

        _disk.Fill();
        HostReply refused;
        var accepted = 0;
        // What the log of the database has room for inside its last block may still be accepted; then it is kept, too.
        while (true)
        {
            var key = $"{Key}-{accepted}";
            _evidence.Planned(GatedCommand.Plan(key));
            refused = await PostAsync(key);
            if (refused.Status != HttpStatusCode.Accepted) break;
            _evidence.Acknowledged((string)refused.Json["id"]!, key);
            Assert.True(++accepted < 10_000, "a full disk refuses some time");
        }

        Assert.Equal(HttpStatusCode.ServiceUnavailable, refused.Status);
        Assert.Equal("urn:outlast:store-unavailable", refused.Type);
        Assert.Contains("disk full", (string)refused.Json["detail"]!);
        var ready = await _host.GetAsync("/readyz");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, ready.Status);
        Assert.Contains("disk full", System.Text.Encoding.UTF8.GetString(ready.Body));
        Assert.Equal(HttpStatusCode.OK, (await _host.GetAsync("/healthz")).Status);
        Assert.Equal("failed", (string)(await _host.GetAsync($"/v1/tasks/{_evidence.FirstAcknowledged}")).Json["state"]!);

        _disk.MakeRoom();
        await ReadyAgainAsync();
        await SubmitAsync($"{Key}-{accepted}");
        await JudgeAsync();
    }

    [Theory]
    [InlineData("claim", Milestone.SubmitCommitted, false)]
    [InlineData("lock", Milestone.ClaimCommitted, false)]
    [InlineData("pid file", Milestone.KeeperStarted, false)]
    [InlineData("record knows pid", Milestone.Spawned, false)]
    [InlineData("settle", Milestone.SettleDecided, true)]
    public async Task At_an_instant_of_a_task_it_goes_on_when_there_is_room(string name, string milestone, bool ends)
    {
        _ = name;
        if (ends) _command.Open();
        using var pause = new ScratchFolder();
        using var host = HostProcess.Start(_disk.Data, ["--at", milestone, "--pause", pause.Path], place: _disk.Place);
        await host.ReadyAsync();
        var submitting = SubmitAsync(Key);
        await Eventually.TrueAsync(() => File.Exists(pause.File("reached")), "the host is at that instant");
        if (milestone == Milestone.Spawned) await Eventually.TrueAsync(HasPrinted, "the command has printed its first line: what comes to a full disk may be lost");
        _disk.Fill();
        File.WriteAllText(pause.File("go"), "");

        await Eventually.TrueAsync(async () => (await _host.GetAsync("/readyz")).Status == HttpStatusCode.ServiceUnavailable, "the host says that it is not ready");
        Assert.False(host.HasExited, host.Log);
        _disk.MakeRoom();
        await submitting.Soon();
        await ReadyAgainAsync();
        _command.Open();
        var task = await _host.EndAsync(_evidence.FirstAcknowledged);
        Assert.Equal(1, (int)task["attempt"]!);
        await JudgeAsync();
    }

    [Fact]
    public async Task At_the_exit_record_a_living_host_knows_the_end_all_the_same()
    {
        using var host = await StartReadyAsync();
        await SubmitAsync(Key);
        await Eventually.TrueAsync(async () => (await _host.TaskAsync(_evidence.FirstAcknowledged))["process"] is not null, "the record knows the process");
        await Eventually.TrueAsync(() => _evidence.Witness.Read().Starts.Length > 0, "the command runs");
        _disk.Fill();
        _command.Open();
        await Eventually.TrueAsync(() => _evidence.Witness.Read().Ends.Length > 0, "the command has come to its end");
        await Eventually.TrueAsync(async () => (await _host.GetAsync("/readyz")).Status == HttpStatusCode.ServiceUnavailable, "the end cannot be written");
        Assert.Equal("running", (string)(await _host.GetAsync($"/v1/tasks/{_evidence.FirstAcknowledged}")).Json["state"]!);

        _disk.MakeRoom();
        var task = await _host.EndAsync(_evidence.FirstAcknowledged);
        Assert.Equal(7, (int)task["end"]!["exitCode"]!);
        // The second line may have been in the hands of the keeper's cat when that failed: then the record says how much at most.
        var output = await _host.OutputAsync(_evidence.FirstAcknowledged);
        Assert.True(output.Length + (long)task["output"]!["lostBytes"]! >= 4, $"{output.Length} bytes there, {task["output"]} told");
    }

    [Fact]
    public async Task At_output_the_command_waits_for_room_and_is_not_harmed()
    {
        var plan = new PlannedTask("flood", new(1_000_000, 1_500_000), 3, Repeatable: false);
        _evidence.Planned(plan);
        using var host = await StartReadyAsync();
        await FillButAsync(1 << 20);
        var task = await _host.SubmitAsync(plan.Key, _evidence.Witness.Command(plan, portion: 10_000, TimeSpan.Zero));
        var id = (string)task["id"]!;
        await Eventually.TrueAsync(async () => (long)(await _host.TaskAsync(id))["output"]!["bytes"]! > 100_000, "some of it is written");
        _disk.Fill();
        await Eventually.TrueAsync(() => _disk.FreeBlocks == 0, "the disk is full");
        Assert.Empty(_evidence.Witness.Read().Ends);

        _disk.MakeRoom();
        var ended = await _host.EndAsync(id);
        Assert.Equal("exit", (string)ended["end"]!["cause"]!);
        Assert.Equal(3, (int)ended["end"]!["exitCode"]!);
        var output = await _host.OutputAsync(id);
        var lost = (long)ended["output"]!["lostBytes"]!;
        Assert.True(output.Length + lost >= plan.Output.Whole.Length, $"{output.Length} there, at most {lost} lost, {plan.Output.Whole.Length} printed");
        if (output.Length < plan.Output.Whole.Length) Assert.NotEmpty(ended["annotations"]!.AsArray());
    }

    [Fact]
    public async Task At_recovery_the_host_says_so_and_the_next_one_adopts()
    {
        using (var first = await StartReadyAsync())
        {
            await SubmitAsync(Key);
            await Eventually.TrueAsync(() => _evidence.Witness.Read().Starts.Length > 0, "the command runs");
            await first.KillAsync();
        }
        _disk.Fill();
        using (var unlucky = HostProcess.Start(_disk.Data, settings: null, place: _disk.Place))
        {
            await unlucky.ExitedAsync();
            Assert.NotEqual(0, unlucky.ExitCode);
            Assert.Contains("disk full", unlucky.Log);
        }
        _disk.MakeRoom();
        using var next = await StartReadyAsync();
        await Eventually.TrueAsync(async () => (int?)(await _host.TaskAsync(_evidence.FirstAcknowledged))["adoptions"] == 1, "the next host adopts it");
        _command.Open();
        await _host.EndAsync(_evidence.FirstAcknowledged);
        await JudgeAsync();
    }

    public void Dispose()
    {
        _command.Open();
        _host.Dispose();
        _disk.Dispose();
    }

    private Task<HostProcess> StartReadyAsync() => HostProcess.StartReadyAsync(_disk.Data, place: _disk.Place);

    private Task<HostReply> PostAsync(string key) => _host.SendAsync(HttpMethod.Post, "/v1/tasks", HostConnection.Submission(key, _command.Argv()), key);

    private async Task SubmitAsync(string key)
    {
        JsonNode task = await _host.SubmitAsync(key, _command.Argv());
        _evidence.Acknowledged((string)task["id"]!, key);
    }

    private Task ReadyAgainAsync() => Eventually.TrueAsync(async () => (await _host.GetAsync("/readyz")).Status == HttpStatusCode.OK, "the host is ready again");

    private bool HasPrinted() =>
        Directory.EnumerateFiles(_disk.Place.Root + _disk.Data.Path + "/tasks", "output.log", SearchOption.AllDirectories).Any(log => new FileInfo(log).Length > 0);

    private async Task FillButAsync(int bytes)
    {
        var room = _disk.Data.Path + "/room";
        await File.WriteAllBytesAsync(_disk.Place.Root + room, new byte[bytes]);
        _disk.Fill();
        File.Delete(_disk.Place.Root + room);
    }

    private async Task JudgeAsync()
    {
        await Eventually.TrueAsync(async () =>
            (await _host.InsistAsync(HttpMethod.Get, "/v1/tasks?state=queued,running,waiting,stopping&limit=1")).Json["tasks"]!.AsArray().Count == 0, "everything is over");
        await Eventually.TrueAsync(() => ProcessTable.MarkedBy(_disk.Data.Path).IsEmpty, "no process is left");
        Assert.Empty(Checker.Judge(await _evidence.GatherAsync(_host)));
    }
}
