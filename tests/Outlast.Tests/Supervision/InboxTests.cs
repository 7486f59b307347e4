using System.Collections.Immutable;
using Microsoft.Extensions.DependencyInjection;
using Outlast.Delivery;
using Outlast.Storage;
using Outlast.TestKit;

namespace Outlast.Tests.Supervision;

public sealed class InboxTests
{
    [Fact]
    [Trait("Requirement", "D3")]
    [Trait("Requirement", "B1")]
    [Trait("Requirement", "V-05")]
    [Trait("Requirement", "B24")]
    [Trait("Requirement", "V-64")]
    public async Task Every_end_is_told_to_its_session_once_with_what_the_record_says()
    {
        await using var host = await SupervisedHost.StartAsync();
        var (fine, fineRun) = await host.RunAsync(Of("s", "fine"));
        var (bad, badRun) = await host.RunAsync(Of("s", "bad"));
        var (stopped, _) = await host.RunAsync(Of("s", "stopped"));
        var (silent, silentRun) = await host.RunAsync(Of(null, "silent"));
        fineRun.End(0);
        await host.EndOf(fine);
        badRun.End(3);
        await host.EndOf(bad);
        await host.Client.StopAsync(stopped, new(EndCause.User, SupervisedHost.Somebody, "wrong branch"));
        await host.EndOf(stopped);
        silentRun.End(0);
        await host.EndOf(silent);

        var page = await host.Inbox.FetchAsync(new("s"));
        Assert.Equal([$"task:{fine}:ended", $"task:{bad}:ended", $"task:{stopped}:ended"], page.Notices.Select(n => n.Key));
        Assert.Equal([TaskState.Completed, TaskState.Failed, TaskState.Stopped], page.Notices.Select(n => n.State));
        Assert.Equal([EndCause.Exit, EndCause.Exit, EndCause.User], page.Notices.Select(n => n.Cause!.Value));
        foreach (var notice in page.Notices) Assert.Contains((await host.ReadAsync(notice.Task)).End!.Reason!, notice.Text);
        Assert.Equal(page.Next, page.Notices[^1].Seq);
        Assert.Empty((await host.Inbox.FetchAsync(new("other"))).Notices);
    }

    [Fact]
    [Trait("Requirement", "U-41")]
    [Trait("Requirement", "U-42")]
    [Trait("Requirement", "C19")]
    [Trait("Requirement", "V-54")]
    public async Task It_comes_until_it_is_acknowledged_by_exactly_its_session_and_never_again()
    {
        var store = new InMemoryTaskStore();
        await using var host = await SupervisedHost.StartAsync(store);
        var (first, second) = (await EndAsync(host, "s"), await EndAsync(host, "s"));
        Assert.Equal([(1, NoticeDelivery.Queued, 0), (2, NoticeDelivery.Queued, 0)], Facts(await host.Inbox.PeekAsync(new("s"))));
        Assert.Equal([(1, NoticeDelivery.HandedOver, 1), (2, NoticeDelivery.HandedOver, 1)], Facts(await host.Inbox.FetchAsync(new("s"))));
        Assert.Equal([(2, NoticeDelivery.HandedOver, 2)], Facts(await host.Inbox.FetchAsync(new("s", After: 1))));
        Assert.Empty((await host.Inbox.FetchAsync(new("s", After: 2))).Notices);

        string[] keys = [$"task:{first}:ended", $"task:{second}:ended", "task:nonsense", "nonsense"];
        var foreign = await host.Inbox.AcknowledgeAsync(new("other") { Keys = [.. keys] });
        Assert.Equal((0, 0), (foreign.Acknowledged.Length, foreign.Final.Length));
        Assert.Equal(keys, foreign.Unknown);

        var own = await host.Inbox.AcknowledgeAsync(new("s") { Keys = [keys[0], keys[2]] });
        Assert.Equal((keys[0], keys[2]), (own.Acknowledged.Single().Key, own.Unknown.Single()));
        Assert.Equal(keys[0], Assert.Single((await host.Inbox.AcknowledgeAsync(new("s") { Keys = [keys[0]] })).Final));
        await host.AbandonAsync();

        await using var next = await SupervisedHost.StartAsync(store);
        Assert.Equal([(2, NoticeDelivery.HandedOver, 3)], Facts(await next.Inbox.FetchAsync(new("s"))));
        Assert.Equal([keys[1]], (await next.Inbox.AcknowledgeAsync(new("s") { Through = long.MaxValue })).Acknowledged.Select(n => n.Key));
        Assert.Empty((await next.Inbox.FetchAsync(new("s"))).Notices);
        Assert.Equal(1, (await next.Client.GetAsync(first)).Notices[NoticeDelivery.Acknowledged]);
    }

    [Fact]
    [Trait("Requirement", "U-40")]
    public async Task The_end_of_a_group_that_a_stop_of_its_parent_ends_at_once_is_told_once()
    {
        await using var host = await SupervisedHost.StartAsync();
        var (parent, _) = await host.RunAsync(Of("s", "parent"));
        for (var i = 0; i < 5; i++) await host.SubmitAsync(SupervisedHost.Spec() with { Group = "g", Notify = NotifyPolicy.Last, NotBefore = host.Time.GetUtcNow() + TimeSpan.FromHours(1) }, parent);
        await host.Client.StopAsync(parent, new(EndCause.User, SupervisedHost.Somebody));
        await host.EndOf(parent);

        var group = Assert.Single((await host.Inbox.PeekAsync(new("s"))).Notices, n => n.Kind == NoticeKind.Group);
        Assert.Equal("group g: all 5 ended", group.Title);
    }

    [Fact]
    [Trait("Requirement", "U-44")]
    public async Task Whoever_waits_is_woken_by_the_notice_and_not_by_a_clock()
    {
        await using var host = await SupervisedHost.StartAsync();
        var fetch = host.Inbox.FetchAsync(new("s", Wait: TimeSpan.FromMinutes(10)));
        await Eventually.TrueAsync(() => host.Feed.Notices.Waiting == 1, "it waits");
        await EndAsync(host, "other");
        Assert.False(fetch.IsCompleted);
        await EndAsync(host, "s");
        Assert.Equal("s", (await fetch.Soon()).Notices.Single().Session);
        Assert.Equal(0, host.Feed.Notices.Waiting);

        var vain = host.Inbox.FetchAsync(new("s", After: 10, Wait: TimeSpan.FromMinutes(10)));
        await host.Time.WhenArmedAsync(TimeSpan.FromMinutes(10));
        host.Time.Advance(TimeSpan.FromMinutes(10));
        Assert.Equal((true, 10L), await vain.Soon() is var nothing ? (nothing.Notices.IsEmpty, nothing.Next) : default);
    }

    [Fact]
    [Trait("Requirement", "U-42")]
    public async Task The_read_of_a_good_end_stands_for_its_notice_once_its_session_has_come_back()
    {
        var store = new InMemoryTaskStore();
        await using var host = await SupervisedHost.StartAsync(store);
        var id = await EndAsync(host, "s");
        await Assert.ThrowsAsync<TaskNotFoundException>(() => host.Inbox.ConsumeAsync("other", id));
        await host.Client.GetAsync(id);
        await host.Client.WaitAsync(id, TimeSpan.FromMinutes(1));
        Assert.Single((await host.Inbox.PeekAsync(new("s"))).Notices);

        Assert.Equal(TaskState.Completed, (await host.Inbox.ConsumeAsync("s", id)).Record.State);
        await host.Inbox.FetchAsync(new("other"));
        Assert.Single((await host.Inbox.PeekAsync(new("s"))).Notices);
        Assert.Empty((await host.Inbox.FetchAsync(new("s"))).Notices);
        Assert.Equal(NoticeDelivery.Consumed, Assert.Single(await store.NoticesAsync(new() { Session = "s", OpenOnly = false })).Delivery);
    }

    [Fact]
    [Trait("Requirement", "U-42")]
    [Trait("Requirement", "V-54")]
    public async Task A_read_that_nobody_came_back_after_and_any_bad_end_is_told_all_the_same()
    {
        var store = new InMemoryTaskStore();
        await using var host = await SupervisedHost.StartAsync(store);
        var (good, lostOnTheWay, bad) = (await EndAsync(host, "s"), await EndAsync(host, "s"), await EndAsync(host, "s", 1));
        await host.Inbox.ConsumeAsync("s", bad);
        await host.Inbox.ConsumeAsync("s", lostOnTheWay);
        host.Inbox.Unread("s", lostOnTheWay);
        await host.Inbox.ConsumeAsync("s", good);
        await host.AbandonAsync();

        await using var next = await SupervisedHost.StartAsync(store);
        Assert.Equal([good, lostOnTheWay, bad], (await next.Inbox.FetchAsync(new("s"))).Notices.Select(n => n.Task));
    }

    [Fact]
    [Trait("Requirement", "U-42")]
    public async Task Whoever_waits_for_an_end_and_consumes_it_is_not_told_it_again()
    {
        await using var host = await SupervisedHost.StartAsync();
        var (id, attempt) = await host.RunAsync(Of("s"));
        var read = host.Inbox.ConsumeAsync("s", id, TimeSpan.FromMinutes(10));
        await Eventually.TrueAsync(() => host.Feed.Waiting == 1, "it waits");
        attempt.End(0);
        Assert.Equal(TaskState.Completed, (await read.Soon()).Record.State);
        Assert.Empty((await host.Inbox.AcknowledgeAsync(new("s") { Keys = ["task:x:ended"] })).Acknowledged);
        Assert.Empty((await host.Inbox.PeekAsync(new("s"))).Notices);
    }

    [Fact]
    [Trait("Requirement", "S2293-5")]
    [Trait("Requirement", "V-09")]
    [Trait("Requirement", "V-53")]
    public async Task A_session_that_is_closed_has_its_tasks_stopped_for_that_reason_and_a_later_one_of_its_name_inherits_nothing()
    {
        await using var host = await SupervisedHost.StartAsync();
        var ended = await EndAsync(host, "s");
        var (running, _) = await host.RunAsync(Of("s"));
        var (child, _) = await host.RunAsync(Of("s"), running);
        var (other, _) = await host.RunAsync(Of("t"));

        var closed = await host.Sessions.CloseAsync("s", SupervisedHost.Somebody);
        Assert.Equal([running, child], closed.Stopped.Select(t => t.Id));
        foreach (var id in closed.Stopped.Select(t => t.Id)) await host.EndOf(id);
        var end = (await host.ReadAsync(running)).End!;
        Assert.Equal((TaskState.Stopped, EndCause.User, true), (end.State, end.Cause, end.Reason!.Contains("its session was closed", StringComparison.Ordinal)));
        Assert.Equal(TaskState.Running, (await host.ReadAsync(other)).State);
        Assert.Equal(TaskState.Completed, (await host.ReadAsync(ended)).State);

        var later = await EndAsync(host, "s");
        Assert.Equal([later], (await host.Inbox.FetchAsync(new("s"))).Notices.Select(n => n.Task));
        var left = await host.Sessions.GetAsync("s");
        Assert.Equal((0, 0, 1, 3), (left.OpenTasks, left.Queued, left.HandedOver, left.Dropped));
        Assert.Empty((await host.Sessions.CloseAsync("s", SupervisedHost.Somebody)).Stopped);
    }

    [Fact]
    [Trait("Requirement", "U-49")]
    public async Task What_is_told_is_chosen_with_the_task()
    {
        await using var host = await SupervisedHost.StartAsync();
        var told = new List<TaskId>();
        foreach (var (policy, code, tells) in new[] { (NotifyPolicy.Each, 0, true), (NotifyPolicy.Failures, 0, false), (NotifyPolicy.Failures, 1, true), (NotifyPolicy.None, 1, false), (NotifyPolicy.Last, 1, false) })
        {
            var (id, attempt) = await host.RunAsync(Of("s") with { Notify = policy, Group = policy == NotifyPolicy.Last ? "g" : null });
            attempt.End(code);
            await host.EndOf(id);
            if (tells) told.Add(id);
        }
        var notices = (await host.Inbox.FetchAsync(new("s"))).Notices;
        Assert.Equal(told, notices.Where(n => n.Kind == NoticeKind.Ended).Select(n => n.Task));
        Assert.Equal("group g: its one task ended", notices.Single(n => n.Kind == NoticeKind.Group).Title);

        var refused = await Assert.ThrowsAsync<InvalidTaskException>(() => host.SubmitAsync(Of("s") with { Notify = NotifyPolicy.Last }));
        Assert.Equal("'last' needs a group, whose last end it is", refused.Errors["notify"].Single());
    }

    [Fact]
    [Trait("Requirement", "U-42")]
    public async Task A_reader_that_goes_on_has_not_come_back_and_consumes_nothing()
    {
        await using var host = await SupervisedHost.StartAsync();
        var id = await EndAsync(host, "s");
        await host.Inbox.ConsumeAsync("s", id);
        Assert.Single((await host.Inbox.FetchAsync(new("s", Continues: true))).Notices);
        // The answer never got there.
        host.Inbox.Unread("s", id);
        Assert.Single((await host.Inbox.FetchAsync(new("s"))).Notices);

        await host.Inbox.ConsumeAsync("s", id);
        Assert.Empty((await host.Inbox.FetchAsync(new("s"))).Notices);
    }

    [Fact]
    public async Task What_doctor_says_to_type_is_one_word_whatever_a_session_is_called()
    {
        using var scratch = new ScratchFolder();
        await using var host = await SupervisedHost.StartAsync(folder: new(scratch.Path));
        await EndAsync(host, "it's; reboot");
        host.Time.Advance(TimeSpan.FromDays(8));
        var notices = Assert.Single(await host.Status.ExamineAsync(), c => c.Name == "notices");
        Assert.Contains(@"outlast inbox --session 'it'\''s; reboot' --ack", notices.Do, StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Requirement", "S2293-3")]
    [Trait("Requirement", "U-03")]
    public async Task What_nobody_fetched_is_dropped_in_plain_sight_after_its_time_and_holds_its_task_until_then()
    {
        using var scratch = new ScratchFolder();
        await using var host = await SupervisedHost.StartAsync(folder: new(scratch.Path));
        var id = await EndAsync(host, "s");
        host.Time.Advance(TimeSpan.FromDays(89));
        await host.Pruner.PruneAsync(default);
        Assert.Equal(TaskState.Completed, (await host.ReadAsync(id)).State);
        Assert.Equal(0, host.Pruner.NeverFetched);

        host.Time.Advance(TimeSpan.FromDays(2));
        await host.Pruner.PruneAsync(default);
        Assert.Equal(1, host.Pruner.NeverFetched);
        await Assert.ThrowsAsync<TaskRemovedException>(() => host.ReadAsync(id));
        Assert.Contains(await host.Status.ExamineAsync(), c => c.Name == "notices" && c.Level == CheckLevel.Warn && c.Text.Contains("because nobody acknowledged them: 1", StringComparison.Ordinal));
    }

    [Fact]
    [Trait("Requirement", "B15")]
    [Trait("Requirement", "B10")]
    [Trait("Requirement", "U-46")]
    public async Task A_channel_that_hangs_holds_up_neither_an_end_nor_the_host()
    {
        var channel = new ScriptedChannel { Answer = _ => ScriptedChannel.Hang() };
        await using var host = await SupervisedHost.StartAsync(more: services => services.AddSingleton<INoticeChannel>(channel));
        var id = await EndAsync(host, "s");
        await Eventually.TrueAsync(() => channel.Live == 1, "it hangs");
        var record = await host.ReadAsync(id);
        Assert.Equal((TaskState.Completed, 0), (record.State, record.Annotations.Length));
        var events = await host.EventsOf(id);
        Assert.Single(events, e => e.Type == TaskEventType.Ended);
        // No time passes.
        await host.StopAsync().Soon();
    }

    [Fact]
    [Trait("Requirement", "D7")]
    public async Task Values_of_an_environment_get_into_no_notice()
    {
        await using var host = await SupervisedHost.StartAsync();
        var spec = Of("s");
        spec = spec with { Process = spec.Process! with { Environment = ImmutableSortedDictionary<string, string>.Empty.Add("TOKEN", "hush-hush") } };
        var (id, attempt) = await host.RunAsync(spec);
        attempt.End(1);
        await host.EndOf(id);
        Assert.DoesNotContain("hush", (await host.Inbox.FetchAsync(new("s"))).Notices.Single().ToString());
    }

    [Fact]
    [Trait("Requirement", "V-55")]
    public async Task A_removed_task_s_notice_is_still_delivered()
    {
        await using var host = await SupervisedHost.StartAsync();
        var id = await EndAsync(host, "s");
        var tombstone = await host.Client.RemoveAsync(id, new(SupervisedHost.Somebody));
        Assert.Contains("session s is still to be told of it", tombstone.Reason);
        Assert.Equal(id, (await host.Inbox.FetchAsync(new("s"))).Notices.Single().Task);
    }

    private static TaskSpec Of(string? session, string name = "work") => SupervisedHost.Spec(name) with { Session = session };

    private static async Task<TaskId> EndAsync(SupervisedHost host, string session, int code = 0)
    {
        var (id, attempt) = await host.RunAsync(Of(session));
        attempt.End(code);
        await host.EndOf(id);
        return id;
    }

    private static IEnumerable<(int, NoticeDelivery, int)> Facts(NoticePage page) => page.Notices.Select(n => ((int)n.Seq, n.Delivery, n.Deliveries));
}
