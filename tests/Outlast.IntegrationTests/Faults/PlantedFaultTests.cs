using System.Diagnostics;
using System.Text.Json.Nodes;
using Outlast.IntegrationTests.Faults.Checking;
using Outlast.TestKit;
using Xunit;

namespace Outlast.IntegrationTests.Faults;

/// <summary>The checker finds faults that are planted into a real host's data and processes, and finds none before.</summary>
public sealed class PlantedFaultTests : IDisposable
{
    private const string Key = "planted";
    private readonly ScratchFolder _scratch = new();
    private readonly DataFolder _data;
    private readonly EvidenceCollector _evidence;
    private readonly HostConnection _host;
    private readonly GatedCommand _command;

    public PlantedFaultTests()
    {
        _data = new(_scratch.File("data"));
        _evidence = new(_data, _scratch.Path);
        _host = new(_data);
        _command = new(_evidence.Witness, _scratch.File("gate"));
        _evidence.Planned(GatedCommand.Plan(Key));
    }

    [Fact]
    public async Task A_cut_in_the_output()
    {
        using var host = await HostProcess.StartReadyAsync(_data);
        var id = await RunToItsEndAsync();
        using (var log = new FileStream(Path.Combine(_data.Attempt(TaskId.Parse(id), 1), "output.log"), FileMode.Open)) log.SetLength(log.Length - 1);
        Assert.Equal(ViolationKind.OutputCut, Assert.Single(await JudgeAsync()).Kind);
    }

    [Fact]
    public async Task A_loss()
    {
        string id;
        using (var host = await HostProcess.StartReadyAsync(_data))
        {
            id = await RunToItsEndAsync();
            Assert.Empty(await JudgeAsync());
            await host.KillAsync();
        }
        StoreFile.Erase(_data, id);
        using var next = await HostProcess.StartReadyAsync(_data);
        Assert.Contains(await JudgeAsync(), v => v.Kind == ViolationKind.Missing && v.Task == id);
    }

    [Fact]
    public async Task A_double_run()
    {
        using var host = await HostProcess.StartReadyAsync(_data);
        var id = await RunToItsEndAsync();
        Assert.Empty(await JudgeAsync());
        var argv = _command.Argv();
        var again = new ProcessStartInfo(argv[0], argv.Skip(1)) { RedirectStandardOutput = true };
        foreach (var (name, value) in new[] { ("OUTLAST_DATA", _data.Path), ("OUTLAST_TASK_ID", id), ("OUTLAST_ATTEMPT", "1") }) again.Environment[name] = value;
        using (var second = Process.Start(again)!) await second.WaitForExitAsync();
        Assert.Equal(ViolationKind.StartedTwice, Assert.Single(await JudgeAsync()).Kind);
    }

    [Fact]
    public async Task An_early_end()
    {
        string id;
        using (var host = await HostProcess.StartReadyAsync(_data))
        {
            id = await SubmitAsync();
            await Eventually.TrueAsync(() => _evidence.Witness.Read().Starts.Length > 0, "the command runs");
            await host.KillAsync();
        }
        await StoreFile.EndAsync(_data, id, exitCode: 7);
        using var next = await HostProcess.StartReadyAsync(_data);
        Assert.Equal("failed", (string)(await _host.TaskAsync(id))["state"]!);

        var whileItLives = await JudgeAsync();
        Assert.Contains(whileItLives, v => v.Kind == ViolationKind.EndedAlive && v.Task == id);
        _command.Open();
        await Eventually.TrueAsync(() => ProcessTable.MarkedBy(_data.Path).IsEmpty, "the command has ended");
        Assert.Contains(await JudgeAsync(), v => v.Kind == ViolationKind.EarlyEnd && v.Task == id);
    }

    [Theory]
    [InlineData("DELETE FROM notices", false)]
    [InlineData("UPDATE notices SET delivery = 'queued', open = 1", true)]
    public async Task A_notice_that_is_gone_or_comes_again(string plant, bool acknowledges)
    {
        var kind = acknowledges ? ViolationKind.NoticeAgain : ViolationKind.NoticeMissing;
        var reader = new InboxReader(
            "s", 1, async cancel => [.. (await _host.InsistAsync(HttpMethod.Get, "/v1/sessions/s/inbox", cancel: cancel)).Json["notices"]!.AsArray().Select(n => ((string)n!["key"]!, (long)n["seq"]!))],
            (keys, cancel) => _host.InsistAsync(HttpMethod.Post, "/v1/sessions/s/inbox/ack", new JsonObject { ["all"] = true }, cancel: cancel), _evidence.Noticed);
        using (var host = await HostProcess.StartReadyAsync(_data))
        {
            await RunToItsEndAsync("s");
            if (acknowledges) await reader.FinishAsync(default);
            if (acknowledges) Assert.Empty(await JudgeAsync("s"));
            await host.KillAsync();
        }
        StoreFile.Plant(_data, plant);
        using var next = await HostProcess.StartReadyAsync(_data);
        await reader.FinishAsync(default);
        Assert.Equal(kind, Assert.Single(await JudgeAsync("s")).Kind);
    }

    public void Dispose()
    {
        _command.Open();
        _host.Dispose();
        _scratch.Dispose();
    }

    private async Task<string> SubmitAsync(string? session = null)
    {
        var id = (string)(await _host.SubmitAsync(Key, _command.Argv(), body => body["session"] = session))["id"]!;
        _evidence.Acknowledged(id, Key);
        return id;
    }

    private async Task<string> RunToItsEndAsync(string? session = null)
    {
        _command.Open();
        var id = await SubmitAsync(session);
        await _host.EndAsync(id);
        return id;
    }

    private async Task<IReadOnlyList<Violation>> JudgeAsync(params string[] read) => Checker.Judge(await _evidence.GatherAsync(_host) with { ReadToTheEnd = [.. read] });
}
