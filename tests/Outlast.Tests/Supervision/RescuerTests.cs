using Outlast.Lifecycle;
using Outlast.Runners;
using Outlast.Storage;
using Outlast.TestKit;

namespace Outlast.Tests.Supervision;

public sealed class RescuerTests
{
    private readonly ManualTime _time = new();
    private readonly ScriptedRunner _runner = new();
    private readonly InMemoryTaskStore _store = new();

    [Fact]
    [Trait("Requirement", "U-101")]
    [Trait("Requirement", "V-19")]
    public async Task What_is_alive_is_adopted_as_the_same_attempt_under_a_new_token()
    {
        var (id, before) = await LeaveBehindAsync();
        await using var second = await StartAsync();
        await Eventually.TrueAsync(() => second.Attempts.Find(id) is not null, "it is followed");
        var record = await second.ReadAsync(id);
        Assert.Equal((TaskState.Running, 1, 1), (record.State, record.Attempt, record.Adoptions));
        Assert.True(record.Claim!.Token.CompareTo(before.Claim!.Token) > 0);
        (await _runner.AttemptOf(id)).End(7);
        var end = (await second.EndOf(id)).End!;
        Assert.Equal((TaskState.Failed, 7), (end.State, end.Exit!.Code));
        Assert.Equal(1, _runner.Started);
    }

    [Fact]
    [Trait("Requirement", "S2293-15")]
    public async Task An_adopted_attempt_is_handed_over_with_the_same_settings_as_a_started_one()
    {
        var spec = SupervisedHost.Spec() with { Timeout = TimeSpan.FromHours(1), IdleTimeout = TimeSpan.FromMinutes(10), StopGrace = TimeSpan.FromSeconds(3) };
        var (id, _) = await LeaveBehindAsync(spec);
        var started = (await _runner.AttemptOf(id)).Context;
        await using var second = await StartAsync();
        await Eventually.TrueAsync(() => second.Attempts.Find(id) is not null, "it is followed");
        var adopted = second.Attempts.Find(id)!.Context;
        Assert.NotSame(started, adopted);
        Assert.Equal((started.Task, started.Attempt, started.Spec, started.Folder, started.Parent, started.Process), (adopted.Task, adopted.Attempt, adopted.Spec, adopted.Folder, adopted.Parent, adopted.Process));
        Assert.Equal(TaskLimits.Of(spec), second.Attempts.Find(id)!.Record.Limits);
    }

    [Fact]
    [Trait("Requirement", "U-101")]
    [Trait("Requirement", "S2293-13")]
    public async Task A_former_owner_cannot_write_any_more()
    {
        var first = await StartAsync();
        var (id, attempt) = await first.RunAsync();
        await using var second = await StartAsync();
        await Eventually.TrueAsync(() => second.Attempts.Find(id) is not null, "the second host has it");
        var adopted = await second.ReadAsync(id);
        await attempt.Context.Annotated("a word of the former owner").Soon();
        attempt.End(1);
        await Eventually.TrueAsync(() => first.Attempts.Find(id) is null, "the former owner has given up");
        Assert.Equal(adopted.Claim, (await second.ReadAsync(id)).Claim);
        Assert.Equal(TaskState.Running, (await second.ReadAsync(id)).State);
        await first.AbandonAsync();
    }

    [Fact]
    public async Task What_never_started_is_queued_again_as_the_same_attempt()
    {
        var (id, _) = await LeaveBehindAsync();
        _runner.Examination = _ => new(FindingKind.NeverStarted, "the lock is free and there is no pid file");
        await using var second = await StartAsync();
        await Eventually.TrueAsync(() => _runner.Started == 2, "it is started");
        var record = await second.ReadAsync(id);
        Assert.Equal((1, 0), (record.Attempt, record.Adoptions));
        Assert.Contains(record.Annotations, a => a.Text.Contains("the lock is free"));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    [Trait("Requirement", "U-10")]
    public async Task What_is_gone_is_lost_unless_it_may_be_repeated(bool repeatable)
    {
        var (id, _) = await LeaveBehindAsync(SupervisedHost.Spec() with { Repeatable = repeatable });
        _runner.Examination = _ => new(FindingKind.Gone, "the machine has been booted since");
        await using var second = await StartAsync();
        if (repeatable)
        {
            await Eventually.TrueAsync(() => _runner.Started == 2, "it is started again");
            Assert.Equal(2, (await second.ReadAsync(id)).Attempt);
            return;
        }
        var end = (await second.EndOf(id)).End!;
        Assert.Equal((TaskState.Lost, EndCause.HostLost), (end.State, end.Cause));
        Assert.Contains(end.Evidence, e => e.Contains("booted since") && e.Contains("host h2"));
        Assert.Equal(1, _runner.Started);
    }

    [Fact]
    public async Task Adopted_tasks_hold_their_places()
    {
        var (id, _) = await LeaveBehindAsync();
        await using var second = await SupervisedHost.StartAsync(_store, _runner, _time, settings: ("concurrency.processes", "1"));
        var queued = (await second.SubmitAsync()).Record.Id;
        await Eventually.TrueAsync(() => second.Attempts.Find(id) is not null, "it is followed");
        Assert.False(_runner.Knows(queued));
        (await _runner.AttemptOf(id)).End(0);
        await second.EndOf(id);
        await _runner.AttemptOf(queued);
    }

    [Fact]
    [Trait("Requirement", "S285-2")]
    public async Task A_child_whose_record_was_set_aside_is_not_waited_for()
    {
        await _store.OpenAsync();
        var id = TaskId.New(_time.GetUtcNow());
        var submitted = TaskLifecycle.Submit(id, SupervisedHost.Spec(), null, SupervisedHost.Somebody, _time.GetUtcNow());
        var finishing = submitted.After with
        {
            State = TaskState.Running,
            Attempt = 1,
            StartedAt = _time.GetUtcNow(),
            OpenChildren = 2,
            Outcome = new() { Kind = OutcomeKind.Failed, Cause = EndCause.Exit, Exit = new(7, null, []) },
        };
        await _store.CommitAsync(StoreCommit.Of(new(finishing, 0, null, submitted.Events)));

        await using var host = await StartAsync();

        Assert.Equal((TaskState.Failed, 7), ((await host.EndOf(id)).State, (await host.ReadAsync(id)).End!.Exit!.Code));
    }

    [Fact]
    [Trait("Requirement", "C16")]
    public async Task What_is_asked_to_stop_before_it_is_rescued_is_rescued_all_the_same()
    {
        await using var host = await StartAsync();
        var (id, _) = await host.RunAsync();
        host.Attempts.Remove(host.Attempts.Find(id)!);
        var left = await host.Rescuer.TakeStockAsync(default);
        // However long that takes, its place is nobody else's.
        for (var look = 0; look < 2; look++) host.Places.Compare();
        Assert.Null(host.Places.Found);
        await host.Client.StopAsync(id, new(EndCause.User, SupervisedHost.Somebody));
        Assert.Equal(TaskState.Stopping, (await host.ReadAsync(id)).State);

        await host.Rescuer.RescueAsync(left, default);

        Assert.Equal((TaskState.Stopped, EndCause.User), ((await host.EndOf(id)).State, (await host.ReadAsync(id)).End!.Cause));
    }

    [Fact]
    [Trait("Requirement", "U-11")]
    public async Task A_living_host_finds_what_nobody_follows_any_more()
    {
        await using var host = await StartAsync();
        var (id, attempt) = await host.RunAsync();
        host.Attempts.Remove(host.Attempts.Find(id)!);
        _runner.Examination = _ => new(FindingKind.Gone, "nothing of it is there");
        await Eventually.TrueAsync(async () =>
        {
            _time.Advance(TimeSpan.FromMinutes(1));
            return (await host.ReadAsync(id)).State == TaskState.Lost;
        }, "the sweep has found it");
        attempt.End(0);
    }

    [Fact]
    [Trait("Requirement", "U-11")]
    public async Task A_claim_that_is_on_disk_and_not_told_yet_is_left_to_its_claimer_however_long_that_takes()
    {
        var told = new TaskCompletionSource();
        var store = new FailingStore { Committed = commit => commit.Changes.Any(c => c.After.Claim is not null && c.After.State == TaskState.Running) ? told.Task : Task.CompletedTask };
        await using var host = await SupervisedHost.StartAsync(store, _runner, _time);
        var id = (await host.SubmitAsync()).Record.Id;
        await Eventually.TrueAsync(async () => (await host.ReadAsync(id)).State == TaskState.Running, "the claim is on disk");

        try
        {
            for (var sweep = 0; sweep < 4; sweep++)
            {
                var before = store.ListedOpen;
                _time.Advance(TimeSpan.FromMinutes(1));
                await Eventually.TrueAsync(() => store.ListedOpen > before, "a sweep has looked");
            }
        }
        finally
        {
            told.SetResult();
        }
        (await _runner.AttemptOf(id)).End(0);

        await host.EndOf(id);
        Assert.Equal((TaskState.Completed, 1, 1), ((await host.ReadAsync(id)).State, (await host.ReadAsync(id)).Attempt, _runner.Started));
        Assert.Null(host.Places.Found);
    }

    [Fact]
    [Trait("Requirement", "U-102")]
    [Trait("Requirement", "S285-7")]
    public async Task An_end_that_cannot_be_written_is_written_when_there_is_room()
    {
        var store = new FailingStore();
        await using var host = await SupervisedHost.StartAsync(store, _runner, _time);
        var (id, attempt) = await host.RunAsync();
        store.Failing = true;
        attempt.End(3);
        await Eventually.TrueAsync(() => !host.Status.NotReady.IsEmpty, "the host says that it cannot write");
        Assert.Equal(TaskState.Running, (await host.ReadAsync(id)).State);
        Assert.Contains("disk full", Assert.Single(host.Status.NotReady));
        store.Failing = false;
        await DispatcherTests.RecoverAsync(host);
        Assert.Equal(3, (await host.EndOf(id)).End!.Exit!.Code);
        Assert.Single(await host.EventsOf(id), e => e.Type == TaskEventType.Ended);
    }

    private Task<SupervisedHost> StartAsync() => SupervisedHost.StartAsync(_store, _runner, _time);

    /// <summary>A host runs a task and dies without a farewell.</summary>
    private async Task<(TaskId Id, TaskRecord Record)> LeaveBehindAsync(TaskSpec? spec = null)
    {
        var first = await StartAsync();
        var (id, _) = await first.RunAsync(spec);
        var record = await first.ReadAsync(id);
        await first.AbandonAsync();
        return (id, record);
    }
}
