using System.Text;
using Outlast.Client;
using Outlast.TestKit;
using Xunit;
using static Outlast.IntegrationTests.Api.RuntimeHost;

namespace Outlast.IntegrationTests.Api;

/// <summary>Tasks over HTTP, behind the real runtime.</summary>
public sealed class RuntimeTests : IAsyncLifetime
{
    private RuntimeHost _host = null!;

    private OutlastHttpClient Client => _host.Client;

    public async Task InitializeAsync() => _host = await RuntimeHost.StartAsync();

    public async Task DisposeAsync() => await _host.DisposeAsync();

    [Fact]
    [Trait("Requirement", "U-63")]
    public async Task A_running_task_is_measured_only_for_who_asks()
    {
        var task = await Client.SubmitAsync(Shell("echo up; sleep 300 & exec sleep 300"));
        LiveView? live = null;
        await Eventually.TrueAsync(async () => (live = (await Client.GetAsync(task.Id, live: true)).Live) is { Processes: >= 2 }, "its processes are counted");
        Assert.InRange(live!.MemoryBytes, 100_000, 1_000_000_000);
        Assert.Null((await Client.GetAsync(task.Id)).Live);
        Assert.Null((await Client.ListAsync()).Tasks.Single().Live);

        await Eventually.TrueAsync(async () => (await Client.ListAsync(new() { Live = true })).Tasks.Single().Live is { CpuPercent: not null, OutputBytesPerSecond: not null }, "rates are known from the second measurement on");
        await Client.StopAsync(task.Id, new(null, true));
        await Client.WaitAsync(task.Id).Soon();
        Assert.Null((await Client.GetAsync(task.Id, live: true)).Live);
    }

    [Fact]
    [Trait("Requirement", "D3")]
    public async Task A_command_is_run_followed_and_ended_and_every_route_tells_the_same()
    {
        var task = await Client.SubmitAsync(Shell("for i in 1 2 3; do echo step $i; done; printf 'é'; exit 7"), "key-1");
        var printed = new MemoryStream();
        await Client.FollowOutputAsync(task.Id, 0, printed.WriteAsync).Soon();
        var frames = new List<OutputFrame>();
        await foreach (var frame in Client.StreamOutputAsync(task.Id)) frames.Add(frame);
        var ended = await Client.GetAsync(task.Id);
        Assert.Equal("step 1\nstep 2\nstep 3\né", Encoding.UTF8.GetString(printed.ToArray()));
        Assert.Equal(printed.ToArray(), frames.OfType<OutputFrame.Chunk>().SelectMany(c => c.Bytes.ToArray()));
        Assert.Equal(new OutputFrame.End("failed", 7), frames[^1]);
        Assert.Equal(("failed", "failed", "exit", 7, 1, printed.Length), (ended.State, ended.End!.State, ended.End.Cause, ended.End.ExitCode, ended.Attempt, ended.Output.Bytes));
        Assert.Equal(ended.Id, (await Client.SubmitAsync(Shell("for i in 1 2 3; do echo step $i; done; printf 'é'; exit 7"), "key-1")).Id);
        var mismatch = await Assert.ThrowsAsync<OutlastProblemException>(() => Client.SubmitAsync(Shell("exit 8"), "key-1"));
        Assert.Equal((ProblemTypes.IdempotencyMismatch, ended.Id), (mismatch.Type, mismatch.Text("id")));
        Assert.Equal([ended.Id], await Client.ResolveAsync("1"));
        Assert.Equal([ended.Id], await Client.ResolveAsync(ended.Id[^6..]));
    }

    [Fact]
    [Trait("Requirement", "S285-4")]
    public async Task The_first_and_the_last_event_of_a_task_name_the_same_task_and_kind()
    {
        var task = await Client.SubmitAsync(Shell("exit 0"));
        await Client.WaitAsync(task.Id).Soon();
        var events = (await Client.ReadEventsAsync(task: task.Id)).Events;
        Assert.Equal(("task.submitted", "task.ended"), (events[0].Type, events[^1].Type));
        Assert.Equal((task.Id, task.Id), (events[0].Task, events[^1].Task));
        Assert.Equal("process", events[0].Data["kind"].GetString());
        Assert.Equal("process", events[^1].Data["kind"].GetString());
        Assert.Equal(Enumerable.Range(1, events.Count).Select(n => (long?)n), events.Select(e => e.TaskSeq));
        Assert.Single(events, e => e.Type == "task.ended");
    }

    [Fact]
    [Trait("Requirement", "C3")]
    public async Task A_stop_is_accepted_twice_and_refused_once_the_task_has_ended()
    {
        var task = await Client.SubmitAsync(Shell("trap '' TERM; echo ready; while :; do sleep 0.05; done"));
        await Eventually.TrueAsync(async () => (await Client.ReadOutputAsync(task.Id, 0)).Size > 0, "the command is ready");
        Assert.Equal("stopping", (await Client.StopAsync(task.Id, new("wrong branch"))).State);
        var again = await Client.StopAsync(task.Id, new("another reason", Now: true));
        Assert.Equal(("stopping", "wrong branch"), (again.State, again.Stop!.Reason));
        var ended = await Client.WaitAsync(task.Id).Soon();
        Assert.Equal(("stopped", "user", "http"), (ended.State, ended.End!.Cause, ended.End.Actor!.Via));
        Assert.Contains("wrong branch", ended.End.Reason);
        var refused = await Assert.ThrowsAsync<OutlastProblemException>(() => Client.StopAsync(task.Id));
        Assert.Equal((ProblemTypes.Ended, "stopped"), (refused.Type, refused.Text("state")));
        var unknown = await Assert.ThrowsAsync<OutlastProblemException>(() => Client.StopAsync(TaskId.New(DateTimeOffset.UnixEpoch).ToString()));
        Assert.Equal(404, unknown.Status);
    }

    [Fact]
    [Trait("Requirement", "C11")]
    public async Task A_command_goes_on_when_its_only_reader_goes_away()
    {
        var task = await Client.SubmitAsync(Shell("echo a; while [ ! -e go ]; do sleep 0.02; done; echo b", _host.Folder));
        using (var gone = _host.NewClient())
            await foreach (var frame in gone.StreamOutputAsync(task.Id)) break;
        File.WriteAllText(_host.File("go"), "");
        var ended = await Client.WaitAsync(task.Id).Soon();
        Assert.Equal(("completed", 4L), (ended.State, ended.Output.Bytes));
    }
}
