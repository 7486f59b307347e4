using System.Collections.Concurrent;
using Outlast.Delivery;
using Outlast.Supervision;
using Outlast.TestKit;
using Outlast.TestKit.Properties;

namespace Outlast.Tests.Supervision;

public sealed class CourierTests
{
    private static readonly TimeSpan Again = TimeSpan.FromMinutes(5);

    [Fact]
    [Trait("Requirement", "B10")]
    public async Task A_channel_that_throws_or_hangs_for_one_session_delays_neither_another_channel_nor_another_session()
    {
        var bad = new ScriptedChannel("bad") { Answer = batch => batch[0].Session switch { "throws" => ScriptedChannel.Fail(), "hangs" => ScriptedChannel.Hang(), _ => Task.FromResult(NoticeReceipt.HandedOver) } };
        var good = new ScriptedChannel("good");
        await using var post = new Post(null, bad, good);
        foreach (var session in (string[])["throws", "hangs", "fine"]) await post.TellAsync(session);

        await Eventually.TrueAsync(() => good.Taken.Count == 3 && bad.Taken.Count == 1, "whoever can be reached is");
        Assert.Equal("fine", bad.All.Single().Session);
        await Eventually.TrueAsync(() => post.Courier.Troubles.Length == 1, "the trouble is known");
        Assert.Contains("channel bad: it does not reach 1 sessions, throws for one: the line is dead", post.Courier.Troubles[0]);

        // The hanging call is given up after its time, and tried again; it never blocks what follows for others.
        await post.Time.WhenArmedAsync(TimeSpan.FromSeconds(30));
        post.Time.Advance(TimeSpan.FromSeconds(30));
        await post.TellAsync("fine");
        await Eventually.TrueAsync(() => bad.Taken.Count == 2, "the others go on");
        bad.Answer = _ => Task.FromResult(NoticeReceipt.HandedOver);
        await post.PassingUntilAsync(() => bad.All.Select(n => n.Session).Distinct().Count() == 3, "it is tried again");
    }

    [Fact]
    [Trait("Requirement", "B10")]
    public async Task Calls_that_never_return_are_counted_and_there_are_never_many()
    {
        var channel = new ScriptedChannel { Answer = _ => ScriptedChannel.Hang() };
        await using var post = new Post(null, channel);
        for (var n = 0; n < Courier.MostGivenUp + 4; n++) await post.TellAsync($"s{n}");
        await post.PassingUntilAsync(() => channel.Calls is var begun && begun >= Courier.MostGivenUp + 4 && post.Courier.Troubles is [{ } t] && t.Contains($" {begun} of its deliveries have not returned", StringComparison.Ordinal), "all that were begun hang, and are given up", TimeSpan.FromSeconds(5));
        var calls = channel.Calls;
        for (var n = 0; n < 100; n++) post.Time.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal(calls, channel.Calls);
    }

    [Fact]
    [Trait("Requirement", "B22")]
    public async Task A_warning_that_failed_to_be_sent_is_sent_again_and_not_counted_as_sent()
    {
        var channel = new ScriptedChannel { Answer = _ => ScriptedChannel.Fail() };
        await using var post = new Post(null, channel);
        await post.TellAsync("s");
        await post.Time.WhenArmedAsync(TimeSpan.FromSeconds(1));
        Assert.Equal((NoticeDelivery.Queued, 0), (await post.OpenAsync("s"))[0] is var failed ? (failed.Delivery, failed.Deliveries) : default);

        post.Time.Advance(TimeSpan.FromSeconds(1));
        await post.Time.WhenArmedAsync(TimeSpan.FromSeconds(2));
        post.Time.Advance(TimeSpan.FromSeconds(2));
        await post.Time.WhenArmedAsync(TimeSpan.FromSeconds(4));
        Assert.Equal(3, channel.Calls);

        channel.Answer = _ => Task.FromResult(NoticeReceipt.HandedOver);
        post.Time.Advance(TimeSpan.FromSeconds(4));
        await Eventually.TrueAsync(async () => (await post.OpenAsync("s"))[0] is { Delivery: NoticeDelivery.HandedOver, Deliveries: 1 }, "it is sent");
        Assert.Empty(post.Courier.Troubles);
    }

    [Fact]
    [Trait("Requirement", "U-41")]
    [Trait("Requirement", "U-42")]
    public async Task What_was_handed_over_comes_again_after_its_time_and_after_a_restart_and_never_after_its_acknowledgement()
    {
        var channel = new ScriptedChannel();
        await using var post = new Post(null, channel);
        var first = (await post.TellAsync("s"))[0];
        await HandedOverAsync(post, first, 1);

        post.Time.Advance(Again - TimeSpan.FromSeconds(1));
        var second = (await post.TellAsync("s"))[0];
        await HandedOverAsync(post, second, 1);
        Assert.Equal([first.Key, second.Key], channel.All.Select(n => n.Key));

        post.Time.Advance(TimeSpan.FromSeconds(1));
        await HandedOverAsync(post, first, 2);
        await post.AcknowledgeAsync(first);
        await post.RestartAsync();
        await HandedOverAsync(post, second, 2);

        await post.AcknowledgeAsync(second);
        var calls = channel.Calls;
        for (var n = 0; n < 10; n++) post.Time.Advance(Again);
        await post.RestartAsync();
        await post.TellAsync("other");
        await Eventually.TrueAsync(() => channel.All.Last().Session == "other", "the courier delivers");
        Assert.Equal(calls + 1, channel.Calls);
        await post.PassingUntilAsync(() => post.Courier.Lanes == 1, "nothing is kept of a session that has everything", Again);
    }

    [Fact]
    public async Task What_a_channel_acknowledges_is_final()
    {
        var channel = new ScriptedChannel { Answer = _ => Task.FromResult(NoticeReceipt.Acknowledged) };
        await using var post = new Post(null, channel);
        await post.TellAsync("s", 3);
        await Eventually.TrueAsync(async () => (await post.OpenAsync("s")).IsEmpty, "it is final");
        Assert.Equal(3, channel.All.Count());
        await Eventually.TrueAsync(() => post.Courier.Lanes == 0, "nothing is left to do");
    }

    [Fact]
    [Trait("Requirement", "V-56")]
    public async Task A_flood_goes_in_few_batches_and_nothing_of_it_is_lost()
    {
        var channel = new ScriptedChannel();
        await using var post = new Post(new() { Interval = TimeSpan.FromSeconds(1), Batch = 50 }, channel);
        await post.TellAsync("s");
        await post.Time.WhenArmedAsync(TimeSpan.FromSeconds(1));
        for (var n = 0; n < 120; n++) await post.TellAsync("s");
        Assert.Equal(1, channel.Calls);

        await post.PassingUntilAsync(() => channel.All.Count() == 121, "all of it comes", TimeSpan.FromSeconds(1));
        Assert.Equal([1, 50, 50, 20], channel.Taken.Select(t => t.Length));
        Assert.Equal(Enumerable.Range(1, 121).Select(n => (long)n), channel.All.Select(n => n.Seq));
    }

    [Fact]
    [Trait("Requirement", "D4")]
    public async Task A_channel_that_never_takes_anything_keeps_few_notices_in_memory()
    {
        var channel = new ScriptedChannel { Answer = _ => ScriptedChannel.Hang() };
        await using var post = new Post(null, channel);
        for (var n = 0; n < 100; n++) await post.TellAsync($"s{n % 4}", 1000);
        await Eventually.TrueAsync(() => channel.Calls == 4, "every session is tried");
        Assert.InRange(post.Courier.Held, 1, 4 * 50);
        Assert.Equal(4, post.Courier.Lanes);
    }

    [Fact]
    [Trait("Requirement", "U-47")]
    public async Task A_session_that_holds_its_notices_is_pushed_none_until_it_wants_them()
    {
        var channel = new ScriptedChannel();
        await using var post = new Post(null, channel);
        var sessions = new SessionDesk(post.Store, null!, post.Courier, post.Time);
        await sessions.SetPolicyAsync("s", SessionPolicy.Hold);
        await post.TellAsync("s");
        await post.TellAsync("other");
        await Eventually.TrueAsync(() => channel.Calls == 1 && post.Courier.Lanes == 1, "the other is told");
        Assert.Single((await post.Inbox.FetchAsync(new("s"))).Notices);

        await sessions.SetPolicyAsync("s", SessionPolicy.Push);
        await Eventually.TrueAsync(() => channel.Calls == 2, "it is told");
        Assert.Equal(["other", "s"], channel.All.Select(n => n.Session));
    }

    [Fact]
    [Trait("Requirement", "U-47")]
    public async Task A_session_that_is_to_be_told_nothing_while_it_is_looked_at_is_looked_at_again()
    {
        var channel = new ScriptedChannel();
        await using var post = new Post(null, channel);
        var (read, go) = (new TaskCompletionSource(), new TaskCompletionSource());
        post.Store.SessionsRead = () =>
        {
            read.TrySetResult();
            return go.Task;
        };
        await post.TellAsync("s");
        await read.Task.Soon();
        await post.Store.SetSessionAsync(new("s", SessionPolicy.Hold));
        post.Courier.PolicyChanged("s");
        go.SetResult();
        // What was begun with the word from before may still go; nothing after it.
        await post.TellAsync("s");
        await post.TellAsync("other");
        await Eventually.TrueAsync(() => post.Courier.Lanes == 1 && channel.All.Any(n => n.Session == "other"), "only the other is told from here on");
    }

    [Fact]
    [Trait("Requirement", "V-53")]
    public async Task A_channel_gets_the_notices_of_the_sessions_that_it_serves_and_of_one_that_it_begins_to_serve()
    {
        var channel = new ScriptedChannel { Reaches = s => s == "mine" };
        await using var post = new Post(null, channel);
        await post.TellAsync("foreign");
        await post.TellAsync("mine");
        await Eventually.TrueAsync(() => channel.Calls == 1, "its own is told");
        channel.Reaches = _ => true;
        await post.PassingUntilAsync(() => channel.All.Any(n => n.Session == "foreign"), "the other is found by the look at everything", Again);
    }

    [Fact]
    public async Task While_the_store_cannot_write_a_delivery_is_not_repeated_and_is_counted_once_it_can()
    {
        var channel = new ScriptedChannel();
        await using var post = new Post(null, channel);
        channel.Look = _ => post.Store.Failing = true;
        await post.TellAsync("s");
        await Eventually.TrueAsync(() => channel.Taken.Count == 1, "it is delivered");
        for (var n = 0; n < 20; n++) post.Time.Advance(TimeSpan.FromSeconds(1));
        channel.Look = _ => { };
        post.Store.Failing = false;
        await post.PassingUntilAsync(() => post.Store.NoticesAsync(new() { Session = "s" }).Result[0].Deliveries == 1, "it is counted");
        Assert.Equal(1, channel.Calls);
    }

    [Fact]
    [Trait("Requirement", "U-41")]
    [Trait("Requirement", "U-42")]
    public void Whatever_channels_do_nothing_is_lost_nothing_comes_after_its_acknowledgement_and_the_order_is_kept() =>
        Property.Holds(NextStep, _ => [], steps => WalkAsync(steps).GetAwaiter().GetResult(), walks: 40, length: 30);

    private static readonly string[] Sessions = ["a", "b", "c"];

    private sealed record Step(string What, string Session, int Count);

    private static Step NextStep(Random random) =>
        new(((string[])["tell", "tell", "tell", "fail", "hang", "heal", "ack", "ack", "pass", "restart"])[random.Next(10)], Sessions[random.Next(3)], random.Next(1, 8));

    private static async Task WalkAsync(IReadOnlyList<Step> steps)
    {
        var moods = new ConcurrentDictionary<string, string>();
        var taken = new ConcurrentDictionary<string, byte>();
        // What is being acknowledged need not come any more; what is must not.
        var (beingAcknowledged, acknowledged) = (new ConcurrentDictionary<string, byte>(), new ConcurrentDictionary<string, byte>());
        var sinceRestart = new ConcurrentDictionary<string, ConcurrentDictionary<long, byte>>();
        var told = new List<Notice>();
        var breaches = new ConcurrentQueue<string>();
        var channel = new ScriptedChannel();
        channel.Look = batch =>
        {
            foreach (var notice in batch.Where(n => acknowledged.ContainsKey(n.Key))) breaches.Enqueue($"{notice.Seq} came after its acknowledgement");
            if (!batch.Select(n => n.Seq).SequenceEqual(batch.Select(n => n.Seq).Order())) breaches.Enqueue("a batch is out of order");
            // A call that a host has begun may reach the channel when the next host is there already: over restarts the order is each host's own, and is not looked at here.
            if (steps.Any(s => s.What == "restart")) return;
            var before = sinceRestart.GetOrAdd(batch[0].Session, _ => new());
            ImmutableBefore(batch[0]).Where(n => !before.ContainsKey(n.Seq) && !beingAcknowledged.ContainsKey(n.Key)).ToList().ForEach(n => breaches.Enqueue($"{batch[0].Seq} came before {n.Seq}"));
        };
        channel.Answer = batch =>
        {
            var mood = moods.GetValueOrDefault(batch[0].Session, "fine");
            if (mood == "fail") return ScriptedChannel.Fail();
            if (mood == "hang") return ScriptedChannel.Hang();
            foreach (var notice in batch)
            {
                taken[notice.Key] = 0;
                sinceRestart.GetOrAdd(notice.Session, _ => new())[notice.Seq] = 0;
            }
            return Task.FromResult(NoticeReceipt.HandedOver);
        };
        await using var post = new Post(new() { Interval = TimeSpan.FromMilliseconds(100), Batch = 3, TimeLimit = TimeSpan.FromSeconds(2), RedeliverAfter = TimeSpan.FromSeconds(20) }, channel);

        foreach (var (what, session, count) in steps)
        {
            switch (what)
            {
                case "tell":
                    var notices = await post.TellAsync(session, count);
                    lock (told) told.AddRange(notices);
                    break;
                case "fail" or "hang": moods[session] = what; break;
                case "heal": moods[session] = "fine"; break;
                case "ack":
                    if ((await post.OpenAsync(session)).Skip(count - 1).FirstOrDefault() is not { } one) break;
                    beingAcknowledged[one.Key] = 0;
                    await post.AcknowledgeAsync(one);
                    // A call that has begun by now may have it; one that begins later may not.
                    await Eventually.TrueAsync(() => post.Courier.UnderWay <= channel.Live, "every delivery under way is with the channel");
                    acknowledged[one.Key] = 0;
                    break;
                case "pass":
                    for (var n = 0; n < count; n++) post.Time.Advance(TimeSpan.FromSeconds(1));
                    break;
                case "restart":
                    await post.RestartAsync(sinceRestart.Clear);
                    break;
            }
        }
        moods.Clear();
        await post.PassingUntilAsync(() => !breaches.IsEmpty || told.TrueForAll(n => taken.ContainsKey(n.Key) || acknowledged.ContainsKey(n.Key)), "everything is told");
        Assert.Empty(breaches);

        IEnumerable<Notice> ImmutableBefore(Notice first)
        {
            lock (told) return [.. told.Where(n => n.Session == first.Session && n.Seq < first.Seq)];
        }
    }

    private static Task HandedOverAsync(Post post, Notice notice, int times) => Eventually.TrueAsync(
        async () => (await post.OpenAsync(notice.Session)).Any(n => n.Key == notice.Key && n.Deliveries == times), $"notice {notice.Seq} was handed over {times} times");
}
