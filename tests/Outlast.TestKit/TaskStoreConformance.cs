using System.Collections.Immutable;
using Outlast.Storage;
using Xunit;
using static Outlast.TestKit.StoredTasks;

namespace Outlast.TestKit;

/// <summary>The whole contract of <see cref="ITaskStore"/>: a store's own test class adds a factory and nothing else.</summary>
public abstract class TaskStoreConformance : IAsyncLifetime
{
    private static readonly FencingToken Own = FencingToken.Of(1, 1);
    private static readonly FencingToken Foreign = FencingToken.Of(1, 2);

    /// <summary>The store under test, open.</summary>
    protected ITaskStore Store { get; private set; } = null!;

    /// <summary>A new, empty store that has not been opened.</summary>
    protected abstract ITaskStore Create();

    public virtual async Task InitializeAsync()
    {
        Store = Create();
        Assert.Equal(new StoreOpening(1, 0), await Store.OpenAsync());
    }

    public virtual async Task DisposeAsync() => await Store.DisposeAsync();

    // -- commits ------------------------------------------------------------------------------------------------------

    [Fact]
    [Trait("Requirement", "U-102")]
    public async Task A_new_record_gets_the_next_number_and_reads_back_as_it_was_written()
    {
        var first = await SubmitAsync(Queued());
        var second = await SubmitAsync(Queued());

        Assert.Equal([1, 2], [first.Number, second.Number]);
        Assert.Equal(Text(second), Text((await Store.FindAsync(second.Id))!));
    }

    [Fact]
    [Trait("Requirement", "V-79")]
    public async Task Every_field_comes_back_to_the_last_tick()
    {
        var parent = await SubmitAsync(Queued());
        foreach (var full in new[] { FullRecords.Stopping(parent), FullRecords.Ended(parent) })
        {
            var stored = await SubmitAsync(full);
            Assert.Equal(Text(full with { Number = stored.Number }), Text((await Store.FindAsync(full.Id))!));
        }
    }

    [Fact]
    public async Task A_change_is_written_when_version_and_token_match()
    {
        var queued = await SubmitAsync(Queued());
        var running = Running(queued, Own);
        Assert.Equal(CommitResult.Committed, await CommitAsync(Change(queued, running)));
        Assert.Equal(CommitResult.Committed, await CommitAsync(Change(running, Ended(running), Own)));
        Assert.Equal(TaskState.Completed, (await Store.FindAsync(queued.Id))!.State);
    }

    [Fact]
    [Trait("Requirement", "S2293-13")]
    public async Task Of_64_changes_from_the_same_version_exactly_one_is_written()
    {
        var queued = await SubmitAsync(Queued());
        var verdicts = await AtOnceAsync(64, i => Store.CommitAsync(StoreCommit.Of(Change(queued, Running(queued, FencingToken.Of(1, (uint)i + 1))))));

        var winner = Assert.Single(verdicts, verdict => verdict.Result == CommitResult.Committed);
        Assert.All(verdicts.Where(verdict => verdict != winner), verdict => Assert.Equal((CommitResult.WrongVersion, queued.Id), (verdict.Result, verdict.Offender!.Value)));
        Assert.Equal(Text(winner.Records.Single()), Text((await Store.FindAsync(queued.Id))!));
    }

    [Fact]
    [Trait("Requirement", "S2293-13")]
    public async Task Changes_of_many_callers_are_all_there_when_each_reads_again_after_a_wrong_version()
    {
        var task = await SubmitAsync(Queued());
        await AtOnceAsync(16, async i =>
        {
            CommitResult result;
            do
            {
                var read = (await Store.FindAsync(task.Id))!;
                result = await CommitAsync(Change(read, Next(read) with { Annotations = read.Annotations.Add(new Annotation(Start, $"by {i}")), Events = read.Events + 1 }));
            }
            while (result == CommitResult.WrongVersion);
            return Assert.IsType<CommitResult>(result);
        });

        var record = (await Store.FindAsync(task.Id))!;
        Assert.Equal(17, record.Version);
        Assert.Equal(Enumerable.Range(0, 16).Select(i => $"by {i}").Order(), record.Annotations.Select(a => a.Text).Order());
        Assert.Equal(Enumerable.Range(1, 17).Select(i => (long)i), (await Store.EventsAsync(new EventQuery(0, Task: task.Id))).Events.Select(e => e.TaskSeq));
    }

    [Fact]
    [Trait("Requirement", "U-101")]
    public async Task A_foreign_token_is_told_before_a_wrong_version()
    {
        var queued = await SubmitAsync(Queued());
        var running = Running(queued, Own);
        await CommitAsync(Change(queued, running));

        Assert.Equal(CommitResult.WrongToken, await CommitAsync(Change(running, Ended(running), Foreign)));
        Assert.Equal(CommitResult.WrongToken, await CommitAsync(Change(queued, Next(queued), Foreign)));
        Assert.Equal(CommitResult.WrongVersion, await CommitAsync(Change(queued, Next(queued), Own)));
        Assert.Equal(Text(running), Text((await Store.FindAsync(queued.Id))!));
    }

    [Fact]
    [Trait("Requirement", "D9")]
    [Trait("Requirement", "U-16")]
    public async Task An_owner_that_comes_after_the_end_has_the_wrong_token_and_the_end_stands()
    {
        var (running, ended) = await EndAsync(await SubmitAsync(Queued()));

        Assert.Equal(CommitResult.WrongToken, await CommitAsync(Change(running, Ended(running, TaskState.Failed), Own)));
        Assert.Equal(Text(ended), Text((await Store.FindAsync(ended.Id))!));
    }

    [Fact]
    [Trait("Requirement", "D9")]
    public async Task A_terminal_state_and_its_time_are_final_but_a_note_may_be_added()
    {
        var (_, ended) = await EndAsync(await SubmitAsync(Queued()));

        await Assert.ThrowsAsync<ArgumentException>(() => CommitAsync(Change(ended, Ended(ended, TaskState.Failed))));
        await Assert.ThrowsAsync<ArgumentException>(() => CommitAsync(Change(ended, Ended(ended, at: ended.EndedAt!.Value.AddSeconds(1)))));
        await Assert.ThrowsAsync<ArgumentException>(() => CommitAsync(Change(ended, Next(ended) with { State = TaskState.Queued, End = null, EndedAt = null })));
        Assert.Equal(Text(ended), Text((await Store.FindAsync(ended.Id))!));

        Assert.Equal(CommitResult.Committed, await CommitAsync(Change(ended, Next(ended) with { Annotations = [new Annotation(Start, "late outcome")] })));
    }

    [Fact]
    public async Task A_commit_of_several_records_happens_as_a_whole_or_not_at_all()
    {
        var parent = await SubmitAsync(Queued());
        var child = Queued(parent: parent);
        var counted = Next(parent) with { OpenChildren = 1, Events = parent.Events + 1 };
        var before = await Store.CountAsync();
        var events = (await Store.EventsAsync(new EventQuery(0))).Next;

        Assert.Equal(CommitResult.WrongVersion, await CommitAsync(Submit(child), Change(Next(parent), Next(counted))));
        Assert.Null(await Store.FindAsync(child.Id));
        Assert.Equal(Text(parent), Text((await Store.FindAsync(parent.Id))!));
        Assert.Equal(before, await Store.CountAsync());
        Assert.Empty((await Store.EventsAsync(new EventQuery(events))).Events);

        var verdict = await Store.CommitAsync(new StoreCommit([Submit(child), Change(parent, counted)]));
        Assert.Equal([child.Id, parent.Id], verdict.Records.Select(r => r.Id));
        Assert.Equal([child.Id, parent.Id], verdict.Events.Select(e => e.Task!.Value));
        Assert.Equal(1, (await Store.FindAsync(parent.Id))!.OpenChildren);
        Assert.Equal(parent.Number + 1, (await Store.FindAsync(child.Id))!.Number);
    }

    [Fact]
    public async Task New_records_of_one_commit_have_numbers_that_follow_one_another_or_none_is_there()
    {
        var known = await SubmitAsync(Queued());
        var batch = Enumerable.Range(0, 1_000).Select(_ => Queued()).ToList();
        Assert.Equal(CommitResult.WrongVersion, await CommitAsync([.. batch.Select(r => Submit(r)), Submit(Queued() with { Id = known.Id, Root = known.Id })]));
        Assert.Single(await Store.ListAsync(new TaskQuery { Limit = 10 }));

        var verdicts = await Task.WhenAll(batch.Chunk(250).Select(part => Task.Run(() => Store.CommitAsync(new StoreCommit([.. part.Select(r => Submit(r))])))));
        Assert.All(verdicts, verdict => Assert.Equal(Enumerable.Range(0, 250).Select(i => verdict.Records[0].Number + i), verdict.Records.Select(r => r.Number)));
        Assert.Equal(batch.Select(r => r.Id), verdicts.SelectMany(v => v.Records).Select(r => r.Id));
        Assert.Equal(1_001, (await Store.CountAsync())[TaskState.Queued]);
    }

    [Fact]
    public async Task Submissions_of_children_and_a_stop_of_their_parent_exclude_each_other()
    {
        for (var round = 0; round < 8; round++)
        {
            var parent = await SubmitAsync(Queued());
            var stop = Ended(parent, TaskState.Stopped);
            var results = await AtOnceAsync(2, i => i == 0
                ? CommitAsync(Submit(Queued(parent: parent)), Change(parent, Next(parent) with { OpenChildren = 1 }))
                : CommitAsync(Change(parent, stop)));
            Assert.Equal([CommitResult.Committed, CommitResult.WrongVersion], results.Order());
        }
    }

    [Fact]
    public async Task A_record_that_is_there_or_was_removed_is_not_new()
    {
        var (_, ended) = await EndAsync(await SubmitAsync(Queued()));
        var again = Submit(Queued() with { Id = ended.Id, Root = ended.Id });

        Assert.Equal(CommitResult.WrongVersion, await CommitAsync(again));
        await Store.RemoveAsync([ended.Id], Start, "old");
        Assert.Equal(CommitResult.WrongVersion, await CommitAsync(again));
        Assert.Equal(CommitResult.WrongVersion, await CommitAsync(Change(ended, Next(ended))));
        Assert.Equal(CommitResult.WrongVersion, await CommitAsync(Change(Queued(), Next(Queued()))));
    }

    [Fact]
    public async Task What_no_store_may_be_asked_to_write_is_refused_and_hurts_nobody_else()
    {
        var good = Queued();
        var bad = Queued();
        RecordChange[] wrong =
        [
            Submit(bad with { State = TaskState.Completed }),
            Submit(bad with { Spec = bad.Spec with { Process = null } }),
            Submit(bad with { Version = 2 }),
            Submit(bad with { Events = 2 }),
            Submit(bad with { Depth = 1 }),
            Submit(bad with { CreatedAt = DateTimeOffset.UnixEpoch.AddTicks(-1) }),
            Submit(bad with { Claim = new TaskClaim(HostId.OfEpoch(1), Own) }),
            new(Next(good), 1, null, []) { Key = new IdempotencyKey("k", "h") },
        ];
        var all = await AtOnceAsync(wrong.Length + 1, async i => i < wrong.Length ? await Record.ExceptionAsync(() => CommitAsync(wrong[i])) : await Record.ExceptionAsync(() => SubmitAsync(good)));

        Assert.All(all[..^1], e => Assert.IsType<ArgumentException>(e));
        Assert.Null(all[^1]);
        Assert.NotNull(await Store.FindAsync(good.Id));
        Assert.Null(await Store.FindAsync(bad.Id));
        await Assert.ThrowsAsync<ArgumentException>(() => CommitAsync(Submit(bad), Submit(bad)));
        await Assert.ThrowsAsync<ArgumentException>(() => CommitAsync(new RecordChange(Next(good) with { Events = 5 }, 1, null, [])));
    }

    [Fact]
    public async Task Each_of_64_callers_gets_its_own_verdict()
    {
        var taken = await SubmitAsync(Queued());
        var records = Enumerable.Range(0, 64).Select(_ => Queued()).ToArray();
        var verdicts = await AtOnceAsync(64, i => Store.CommitAsync(StoreCommit.Of(i % 4 == 0 ? Change(Next(taken), Next(Next(taken))) : Submit(records[i]))));

        for (var i = 0; i < 64; i++)
        {
            if (i % 4 == 0) Assert.Equal((CommitResult.WrongVersion, taken.Id), (verdicts[i].Result, verdicts[i].Offender!.Value));
            else Assert.Equal((CommitResult.Committed, records[i].Id), (verdicts[i].Result, verdicts[i].Records.Single().Id));
        }
        Assert.Equal(Enumerable.Range(2, 48).Select(n => (long)n), verdicts.SelectMany(v => v.Records).Select(r => r.Number).Order());
    }

    [Fact]
    public async Task A_cancelled_call_writes_nothing()
    {
        var record = Queued();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Store.CommitAsync(StoreCommit.Of(Submit(record)), new CancellationToken(true)));
        Assert.Null(await Store.FindAsync(record.Id));
    }

    // -- idempotency keys ---------------------------------------------------------------------------------------------

    [Fact]
    public async Task A_key_is_given_once_and_its_owner_is_told()
    {
        var results = await AtOnceAsync(16, i => Store.CommitAsync(StoreCommit.Of(Submit(Queued(), new IdempotencyKey("build-4711", $"hash {i}")))));
        var winner = Assert.Single(results, verdict => verdict.Result == CommitResult.Committed);
        var index = Array.IndexOf(results, winner);

        Assert.All(results.Where(v => v != winner), v => Assert.Equal((CommitResult.KeyTaken, winner.Records[0].Id, $"hash {index}"), (v.Result, v.Offender!.Value, v.KeyHash)));
        Assert.Equal(new KeyOwner(winner.Records[0].Id, $"hash {index}"), await Store.FindKeyAsync("build-4711"));
        Assert.Null(await Store.FindKeyAsync("build-4712"));
        Assert.Equal(1, (await Store.CountAsync())[TaskState.Queued]);
    }

    [Fact]
    public async Task A_taken_key_is_told_before_a_parent_that_has_changed()
    {
        var parent = await SubmitAsync(Queued());
        var key = new IdempotencyKey("k", "h");
        var counted = Next(parent) with { OpenChildren = 1 };
        Assert.Equal(CommitResult.Committed, await CommitAsync(Change(parent, counted), Submit(Queued(parent: parent), key)));
        Assert.Equal(CommitResult.KeyTaken, await CommitAsync(Change(parent, counted), Submit(Queued(parent: parent), key)));
    }

    // -- numbers and order --------------------------------------------------------------------------------------------

    [Fact]
    [Trait("Requirement", "S2293-1")]
    public async Task Lists_are_in_order_of_number_whatever_the_ids_and_clocks_say()
    {
        var late = Queued() with { CreatedAt = Start.AddYears(1) };
        var second = Queued();
        var first = await SubmitAsync(second);
        var next = await SubmitAsync(late with { CreatedAt = DateTimeOffset.UnixEpoch });
        var last = await SubmitAsync(Queued() with { CreatedAt = Start.AddYears(-1) });

        Assert.Equal([last.Id, next.Id, first.Id], (await Store.ListAsync(new TaskQuery())).Select(r => r.Id));
        Assert.Equal([first.Id, next.Id, last.Id], (await Store.ListOpenAsync()).Select(r => r.Id));
    }

    [Fact]
    [Trait("Requirement", "S2293-3")]
    [Trait("Requirement", "S2293-1")]
    public async Task Expired_are_those_whose_end_is_past_oldest_end_first_whenever_they_started()
    {
        var longRun = await SubmitAsync(Queued());
        var ends = new[] { 9, 10, 999, 1_000, 10 };
        var ended = new List<TaskRecord>();
        foreach (var tick in ends) ended.Add((await EndAsync(await SubmitAsync(Queued()), Start.AddMinutes(1).AddTicks(tick))).Ended);
        await EndAsync(longRun, Start.AddDays(40));
        await SubmitAsync(Queued());

        TaskId[] byEnd = [ended[0].Id, ended[1].Id, ended[4].Id, ended[2].Id, ended[3].Id];
        Assert.Equal(byEnd, await Store.ListExpiredAsync(Start.AddDays(39), 10));
        Assert.Equal(byEnd[..2], await Store.ListExpiredAsync(Start.AddDays(39), 2));
        Assert.Equal(byEnd[..3], await Store.ListExpiredAsync(Start.AddMinutes(1).AddTicks(999), 10));
    }

    // -- lists --------------------------------------------------------------------------------------------------------

    [Fact]
    public async Task Filters_find_what_they_name()
    {
        var plain = await SubmitAsync(Queued(Spec("plain", null, "/bin/sleep", "99")));
        var labelled = await SubmitAsync(Queued(Spec("Labelled", "s1") with { Labels = ImmutableSortedDictionary<string, string>.Empty.Add("repo", "x").Add("a.b\"c", "1=2") }));
        var child = await SubmitAsync(Queued(Spec("child", "s1"), plain));
        var grandchild = await SubmitAsync(Queued(Spec("Großes Kind", "", "/bin/echo", "100%_x"), child));
        var handler = await SubmitAsync(Queued(new TaskSpec { Name = "h", Handler = "SumUp" }));
        var (_, ended) = await EndAsync(await SubmitAsync(Queued(Spec("ended"))));

        await ExpectAsync(new TaskQuery(), ended, handler, grandchild, child, labelled, plain);
        await ExpectAsync(new TaskQuery { States = [TaskState.Completed] }, ended);
        await ExpectAsync(new TaskQuery { States = [TaskState.Queued, TaskState.Completed], Kind = TaskKind.Handler }, handler);
        await ExpectAsync(new TaskQuery { States = [TaskState.Queued, TaskState.Running], Root = plain.Id }, grandchild, child, plain);
        await ExpectAsync(new TaskQuery { States = [TaskState.Lost] });
        await ExpectAsync(new TaskQuery { Session = "s1" }, child, labelled);
        await ExpectAsync(new TaskQuery { Session = "" }, grandchild);
        await ExpectAsync(new TaskQuery { Parent = plain.Id }, child);
        await ExpectAsync(new TaskQuery { Root = plain.Id }, grandchild, child, plain);
        await ExpectAsync(new TaskQuery { Root = NewId() });
        await ExpectAsync(new TaskQuery { EndedBefore = ended.EndedAt });
        await ExpectAsync(new TaskQuery { EndedBefore = ended.EndedAt!.Value.AddTicks(1) }, ended);
        await ExpectAsync(new TaskQuery { Label = "repo" }, labelled);
        await ExpectAsync(new TaskQuery { Label = "repo=x" }, labelled);
        await ExpectAsync(new TaskQuery { Label = "repo=y" });
        await ExpectAsync(new TaskQuery { Label = "a.b\"c=1=2" }, labelled);
        await ExpectAsync(new TaskQuery { Text = "LABEL" }, labelled);
        await ExpectAsync(new TaskQuery { Text = "sleep 99" }, plain);
        await ExpectAsync(new TaskQuery { Text = "%" }, grandchild);
        await ExpectAsync(new TaskQuery { Text = "GROßES" }, grandchild);
        await ExpectAsync(new TaskQuery { Text = "sumup" }, handler);
        await ExpectAsync(new TaskQuery { Text = "PATH" });
        await ExpectAsync(new TaskQuery { Session = "s1", Text = "l", Limit = 1 }, child);
        await ExpectAsync(new TaskQuery { Session = "s1", Text = "l", Before = child.Number }, labelled);
    }

    [Fact]
    public async Task Children_of_a_removed_parent_are_still_found_by_it()
    {
        var (_, parent) = await EndAsync(await SubmitAsync(Queued()));
        var child = await SubmitAsync(Queued(parent: parent));
        await Store.RemoveAsync([parent.Id], Start, "old");
        await ExpectAsync(new TaskQuery { Parent = parent.Id }, child);
        await ExpectAsync(new TaskQuery { Root = parent.Id }, child);
    }

    [Fact]
    public async Task Pages_are_whole_and_single_while_others_submit()
    {
        for (var i = 0; i < 30; i++) await SubmitAsync(Queued());
        using var stop = new CancellationTokenSource();
        var submitting = Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested) await SubmitAsync(Queued());
        });
        var numbers = new List<long>();
        for (long? before = null; ;)
        {
            var page = await Store.ListAsync(new TaskQuery { Before = before, Limit = 7 });
            numbers.AddRange(page.Select(r => r.Number));
            if (page.Length < 7) break;
            before = page[^1].Number;
        }
        await stop.CancelAsync();
        await submitting;

        Assert.Equal(Enumerable.Range(0, numbers.Count).Select(i => numbers[0] - i), numbers);
        Assert.Equal(1, numbers[^1]);
        Assert.True(numbers.Count >= 30);
    }

    [Fact]
    public async Task Open_tasks_are_told_in_short_without_the_ended()
    {
        var parent = await SubmitAsync(Queued());
        var full = await SubmitAsync(FullRecords.Stopping(parent));
        await EndAsync(await SubmitAsync(Queued()));
        var open = await Store.ListOpenAsync();
        // Labels are compared by what they are, not by which object holds them.
        Assert.Equal(new[] { parent, full }.Select(r => OpenTask.Of(r) with { Labels = Unlabelled }), open.Select(o => o with { Labels = Unlabelled }));
        Assert.Equal([parent.Spec.Labels, full.Spec.Labels], open.Select(o => o.Labels.AsEnumerable()));
        Assert.Equal((full.Claim!.Token, full.NotBefore, full.Spec.StartBy, true), (await Store.ListOpenAsync())[1] is var o ? (o.Token!.Value, o.NotBefore, o.StartBy, o.Detached && o.FirstInLine) : default);
    }

    [Fact]
    public async Task Counts_follow_every_change()
    {
        Assert.All(await Store.CountAsync(), pair => Assert.Equal(0, pair.Value));
        Assert.Equal(Enum.GetValues<TaskState>(), (await Store.CountAsync()).Keys.Order());

        var queued = await SubmitAsync(Queued());
        await SubmitAsync(Queued());
        var (_, ended) = await EndAsync(queued);
        Assert.Equal((1, 0, 1), await CountsAsync());
        await CommitAsync(Change(ended, Next(ended)));
        Assert.Equal((1, 0, 1), await CountsAsync());
        await Store.RemoveAsync([ended.Id], Start, "old");
        Assert.Equal((1, 0, 0), await CountsAsync());

        async Task<(long, long, long)> CountsAsync() => await Store.CountAsync() is var c ? (c[TaskState.Queued], c[TaskState.Running], c[TaskState.Completed]) : default;
    }

    // -- names --------------------------------------------------------------------------------------------------------

    [Fact]
    [Trait("Requirement", "U-01")]
    public async Task A_task_is_found_by_number_id_and_end_of_id_alive_or_removed()
    {
        var first = await SubmitAsync(Queued());
        var (_, second) = await EndAsync(await SubmitAsync(Queued()));

        for (var round = 0; round < 2; round++)
        {
            foreach (var task in new[] { first, second })
            {
                var id = task.Id.ToString();
                Assert.Equal([task.Id], (await Store.ResolveAsync(id)).ToArray());
                Assert.Equal([task.Id], (await Store.ResolveAsync(id.ToUpperInvariant())).ToArray());
                Assert.Equal([task.Id], (await Store.ResolveAsync($"{task.Number}")).ToArray());
                Assert.Equal([task.Id], (await Store.ResolveAsync("00" + task.Number)).ToArray());
                Assert.Equal([task.Id], (await Store.ResolveAsync(id[^12..].ToUpperInvariant())).ToArray());
            }
            await Store.RemoveAsync([first.Id, second.Id], Start, "old");
        }
        Assert.Empty(await Store.ResolveAsync(NewId().ToString()));
        Assert.Empty(await Store.ResolveAsync("3"));
        Assert.Empty(await Store.ResolveAsync("99999999999999999999"));
        Assert.Empty(await Store.ResolveAsync(""));
        Assert.Empty(await Store.ResolveAsync("%_%_"));
    }

    [Fact]
    public async Task An_end_of_an_id_needs_4_characters_and_finds_the_newest_10()
    {
        var ids = new List<TaskId>();
        var born = TaskId.New(Start).ToString();
        foreach (var c in "0123456789abcd")
        {
            var id = TaskId.Parse(born[..20] + c + born[21..22] + "zk7a");
            ids.Add((await SubmitAsync(Queued() with { Id = id, Root = id })).Id);
        }
        Assert.Equal(Enumerable.Reverse(ids).Take(10), (await Store.ResolveAsync("zk7a")).ToArray());
        Assert.Empty(await Store.ResolveAsync("k7a"));
    }

    // -- events -------------------------------------------------------------------------------------------------------

    [Fact]
    public async Task Events_say_what_happened_in_the_order_in_which_it_was_committed()
    {
        var queued = await SubmitAsync(Queued(Spec(session: "s1")));
        var running = Running(queued, Own);
        var change = new RecordChange(running with { Events = 3 }, 1, null, [Event(TaskEventType.Started, Start.AddTicks(5)), Event(TaskEventType.Warning)]);
        var verdict = await Store.CommitAsync(StoreCommit.Of(change));

        var page = await Store.EventsAsync(new EventQuery(0));
        Assert.Equal([TaskEventType.Submitted, TaskEventType.Started, TaskEventType.Warning], page.Events.Select(e => e.Type));
        Assert.Equal([1, 2, 3], page.Events.Select(e => e.TaskSeq));
        Assert.Equal(verdict.Events.Select(Describe), page.Events[1..].Select(Describe));
        Assert.Equal(("s1", TaskState.Running, 1, Start.AddTicks(5)), (page.Events[1].Session, page.Events[1].State!.Value, page.Events[1].Attempt!.Value, page.Events[1].At));
        Assert.Equal("é \" \0", page.Events[1].Data["note"].GetString());
        Assert.Equal(page.Events[^1].Seq, page.Next);
        Assert.Null(page.GapUntil);

        static string Describe(TaskEvent e) => (e with { Data = e.Data.Clear() }).ToString() + e.Data["note"].GetRawText().Length;
    }

    [Fact]
    public async Task Events_are_filtered_by_task_and_session_and_the_cursor_grows_all_the_same()
    {
        var one = await SubmitAsync(Queued(Spec(session: "s1")));
        var two = await SubmitAsync(Queued(Spec(session: "s2")));
        await EndAsync(one);
        var host = await Store.CommitAsync(new StoreCommit([]) { HostEvents = [Event(TaskEventType.HostStarted)] });
        var last = host.Events.Single();
        Assert.Equal((null, 0, null, null), (last.Task, last.TaskSeq, last.State, last.Attempt));

        Assert.Equal([two.Id], (await Store.EventsAsync(new EventQuery(0, Task: two.Id))).Events.Select(e => e.Task!.Value));
        Assert.Equal([1, 2, 3], (await Store.EventsAsync(new EventQuery(0, Session: "s1"))).Events.Select(e => e.TaskSeq));
        var none = await Store.EventsAsync(new EventQuery(0, Session: "nobody"));
        Assert.Empty(none.Events);
        Assert.Equal(last.Seq, none.Next);
        var beyond = await Store.EventsAsync(new EventQuery(last.Seq + 5));
        Assert.Equal((0, last.Seq + 5), (beyond.Events.Length, beyond.Next));

        var page = await Store.EventsAsync(new EventQuery(0, 2));
        var rest = await Store.EventsAsync(new EventQuery(page.Next, 100));
        Assert.Equal((await Store.EventsAsync(new EventQuery(0))).Events.Select(e => e.Seq), page.Events.Concat(rest.Events).Select(e => e.Seq));
    }

    [Fact]
    [Trait("Requirement", "S2293-13")]
    public async Task Events_of_64_tasks_at_once_have_no_gap_within_a_task_and_none_is_missed_by_a_reader()
    {
        using var over = new CancellationTokenSource();
        var seen = new List<TaskEvent>();
        var reading = Task.Run(async () =>
        {
            long cursor = 0;
            bool last;
            do
            {
                last = over.IsCancellationRequested;
                var page = await Store.EventsAsync(new EventQuery(cursor, 50));
                seen.AddRange(page.Events);
                cursor = page.Next;
                if (page.Events.Length == 50) last = false;
            }
            while (!last);
        });
        await AtOnceAsync(64, async _ => (await EndAsync(await SubmitAsync(Queued()))).Ended);
        await over.CancelAsync();
        await reading;

        Assert.Equal(64 * 3, seen.Count);
        Assert.Equal(seen.Select(e => e.Seq).Order(), seen.Select(e => e.Seq));
        Assert.All(seen.GroupBy(e => e.Task), events => Assert.Equal([1, 2, 3], events.Select(e => e.TaskSeq)));
    }

    // -- retention ----------------------------------------------------------------------------------------------------

    [Fact]
    [Trait("Requirement", "U-01")]
    [Trait("Requirement", "S2293-16")]
    public async Task A_removed_task_leaves_a_tombstone_an_event_and_its_key()
    {
        var (_, ended) = await EndAsync(await SubmitAsync(Queued(Spec(session: "s1")), new IdempotencyKey("k", "h")), Start.AddSeconds(1).AddTicks(7));
        var open = await SubmitAsync(Queued());

        var made = await Store.RemoveAsync([open.Id, ended.Id, NewId(), ended.Id], Start.AddDays(30), "30 \"days\" after its end");
        var tombstone = new Tombstone(ended.Id, ended.Number, TaskState.Completed, Start.AddSeconds(1).AddTicks(7), Start.AddDays(30), "30 \"days\" after its end");
        Assert.Equal([tombstone], made.ToArray());
        Assert.Equal(tombstone, await Store.FindTombstoneAsync(ended.Id));
        Assert.Null(await Store.FindAsync(ended.Id));
        Assert.NotNull(await Store.FindAsync(open.Id));
        Assert.Null(await Store.FindTombstoneAsync(open.Id));

        var removed = (await Store.EventsAsync(new EventQuery(0, Task: ended.Id))).Events[^1];
        Assert.Equal((TaskEventType.Removed, 4, "s1", TaskState.Completed), (removed.Type, removed.TaskSeq, removed.Session, removed.State!.Value));
        Assert.Equal("30 \"days\" after its end", removed.Data["reason"].GetString());
        Assert.Equal(CommitResult.KeyTaken, (await Store.CommitAsync(StoreCommit.Of(Submit(Queued(), new IdempotencyKey("k", "h"))))).Result);
        Assert.Empty(await Store.RemoveAsync([ended.Id], Start, "again"));
        Assert.Equal(tombstone, await Store.FindTombstoneAsync(ended.Id));
    }

    [Fact]
    public async Task A_tombstone_is_forgotten_with_its_key_and_its_number_is_never_used_again()
    {
        var (_, ended) = await EndAsync(await SubmitAsync(Queued(), new IdempotencyKey("k", "h")));
        await Store.RemoveAsync([ended.Id], Start.AddDays(30), "old");

        await Store.ForgetAsync(Start.AddDays(30), Start);
        Assert.NotNull(await Store.FindTombstoneAsync(ended.Id));
        await Store.ForgetAsync(Start.AddDays(30).AddTicks(1), Start);
        Assert.Null(await Store.FindTombstoneAsync(ended.Id));
        Assert.Empty(await Store.ResolveAsync($"{ended.Number}"));
        Assert.Null(await Store.FindKeyAsync("k"));
        Assert.Equal(ended.Number + 1, (await SubmitAsync(Queued(), new IdempotencyKey("k", "other"))).Number);
    }

    [Fact]
    public async Task Forgotten_events_are_told_as_a_gap_to_whoever_would_have_had_them()
    {
        var (_, old) = await EndAsync(await SubmitAsync(Queued()));
        var fresh = Queued();
        await Store.CommitAsync(StoreCommit.Of(new RecordChange(fresh, 0, null, [Event(TaskEventType.Submitted, Start.AddDays(2))])));
        var all = (await Store.EventsAsync(new EventQuery(0))).Events;

        await Store.ForgetAsync(Start, Start.AddDays(1));
        var page = await Store.EventsAsync(new EventQuery(0));
        Assert.Equal([fresh.Id], page.Events.Select(e => e.Task!.Value));
        Assert.Equal(all[^1].Seq, page.GapUntil);
        Assert.Equal(all[^1].Seq, (await Store.EventsAsync(new EventQuery(1))).GapUntil);
        Assert.Null((await Store.EventsAsync(new EventQuery(all[^2].Seq))).GapUntil);
        Assert.Null((await Store.EventsAsync(new EventQuery(0, Task: fresh.Id))).GapUntil);
        Assert.Equal(all[^1].Seq, (await Store.EventsAsync(new EventQuery(0, Task: old.Id))).GapUntil);

        await Store.ForgetAsync(Start, Start.AddDays(3));
        var none = await Store.EventsAsync(new EventQuery(0));
        Assert.Equal((0, all[^1].Seq, all[^1].Seq + 1), (none.Events.Length, none.Next, none.GapUntil));
        var next = await SubmitAsync(Queued());
        Assert.Equal([all[^1].Seq + 1], (await Store.EventsAsync(new EventQuery(none.Next))).Events.Select(e => e.Seq));
        Assert.NotNull(await Store.FindAsync(next.Id));
    }

    // -- journals -----------------------------------------------------------------------------------------------------

    [Fact]
    public async Task Finished_steps_are_kept_in_order_and_only_their_owner_writes_them()
    {
        var queued = await SubmitAsync(Queued());
        await CommitAsync(Change(queued, Running(queued, Own)));
        var first = new TaskStep("fetch", 1, System.Text.Json.JsonElement.Parse("""{"n":[1,2]}"""), 1, Start);
        var second = new TaskStep("store", 2, null, 1, Start.AddTicks(7));

        Assert.Equal(CommitResult.Committed, (await StepAsync(queued.Id, Own, first)).Result);
        Assert.Equal((CommitResult.WrongToken, queued.Id), await StepAsync(queued.Id, Foreign, second) is var refused ? (refused.Result, refused.Offender!.Value) : default);
        Assert.Equal(CommitResult.WrongToken, (await StepAsync(NewId(), Own, second)).Result);
        Assert.Equal(CommitResult.Committed, (await StepAsync(queued.Id, Own, second)).Result);
        await Assert.ThrowsAsync<ArgumentException>(() => StepAsync(queued.Id, Own, first with { Ordinal = 3 }));

        var steps = await Store.StepsAsync(queued.Id);
        Assert.Equal([("fetch", 1, """{"n":[1,2]}""", Start), ("store", 2, null, Start.AddTicks(7))], steps.Select(s => (s.Name, s.Ordinal, s.Result?.GetRawText(), s.At)));
        Assert.Empty(await Store.StepsAsync(NewId()));
    }

    [Fact]
    public async Task A_step_whose_owner_is_gone_takes_the_rest_of_its_commit_with_it()
    {
        var queued = await SubmitAsync(Queued());
        var other = Queued();
        var verdict = await Store.CommitAsync(new StoreCommit([Submit(other)]) { Steps = [new(queued.Id, Own, new("a", 1, null, 1, Start))] });
        Assert.Equal(CommitResult.WrongToken, verdict.Result);
        Assert.Null(await Store.FindAsync(other.Id));
    }

    // -- notices ------------------------------------------------------------------------------------------------------

    [Fact]
    [Trait("Requirement", "U-50")]
    public async Task A_notice_is_written_with_the_end_it_tells_or_not_at_all()
    {
        var queued = await SubmitAsync(Queued(Spec(session: "s")));
        var running = Running(queued, Own);
        await CommitAsync(Change(queued, running));
        var end = Change(running, Ended(running), Own) with { Notices = [EndNotice] };

        Assert.Equal(CommitResult.WrongToken, await CommitAsync(end with { ExpectedToken = Foreign }));
        Assert.Empty(await Store.NoticesAsync(new() { Session = "s" }));

        var verdict = await Store.CommitAsync(StoreCommit.Of(end));
        var notice = Assert.Single(await Store.NoticesAsync(new() { Session = "s" }));
        Assert.Equal(Assert.Single(verdict.Notices), notice);
        Assert.Equal(new Notice(1, $"task:{queued.Id}:ended", NoticeKind.Ended, "s", queued.Id, queued.Number, Start, "build completed", $"Task {queued.Number} (build) did it.", TaskState.Completed, EndCause.Exit, null), notice);
        Assert.Empty(await Store.NoticesAsync(new() { Session = "other" }));
    }

    [Fact]
    [Trait("Requirement", "U-41")]
    [Trait("Requirement", "U-42")]
    public async Task Delivery_counts_on_until_it_is_final_and_then_nothing_moves_it()
    {
        var key = (await EndWithNoticeAsync("s")).Key;
        await EndWithNoticeAsync("s");

        Assert.Empty(await Store.MoveNoticesAsync(new(NoticeDelivery.Acknowledged) { Session = "other", Keys = [key] }));
        foreach (var times in new[] { 1, 2 })
            Assert.Equal((NoticeDelivery.HandedOver, times), Assert.Single(await Store.MoveNoticesAsync(new(NoticeDelivery.HandedOver) { Session = "s", Keys = [key] })) is var n ? (n.Delivery, n.Deliveries) : default);
        Assert.Equal([1, 2], (await Store.NoticesAsync(new() { Session = "s" })).Select(n => n.Seq));

        Assert.Empty(await Store.MoveNoticesAsync(new(NoticeDelivery.Acknowledged)));
        Assert.Single(await Store.MoveNoticesAsync(new(NoticeDelivery.Acknowledged) { Session = "s", Keys = [key, key] }));
        foreach (var to in new[] { NoticeDelivery.HandedOver, NoticeDelivery.Acknowledged, NoticeDelivery.Dropped })
            Assert.Empty(await Store.MoveNoticesAsync(new(to) { Session = "s", Keys = [key], Reason = to == NoticeDelivery.Dropped ? "why" : null }));
        Assert.Equal([2], (await Store.NoticesAsync(new() { Session = "s" })).Select(n => n.Seq));
        Assert.Equal([(1, NoticeDelivery.Acknowledged, 2), (2, NoticeDelivery.Queued, 0)], (await Store.NoticesAsync(new() { Session = "s", OpenOnly = false })).Select(n => ((int)n.Seq, n.Delivery, n.Deliveries)));
    }

    [Fact]
    [Trait("Requirement", "U-40")]
    [Trait("Requirement", "S2293-4")]
    public async Task A_group_is_over_once_by_the_count_of_its_records_whoever_ends_last()
    {
        var members = new List<TaskRecord>();
        for (var i = 0; i < 16; i++)
        {
            var queued = await SubmitAsync(Queued(Spec(session: "s") with { Group = "g" }));
            members.Add(Running(queued, Own));
            await CommitAsync(Change(queued, members[^1]));
        }
        // Of another session, and one whom the group does not wait for.
        await SubmitAsync(Queued(Spec(session: "t") with { Group = "g" }));
        await SubmitAsync(Queued(Spec(session: "s") with { Group = "g", Notify = NotifyPolicy.None }));

        var verdicts = await AtOnceAsync(16, i => Store.CommitAsync(StoreCommit.Of(
            Change(members[i], Ended(members[i], i == 3 ? TaskState.Failed : TaskState.Completed), Own) with { Notices = [EndNotice, new("group", NoticeKind.Group, Start, "", "")] })));

        var group = Assert.Single(verdicts.SelectMany(v => v.Notices), n => n.Kind == NoticeKind.Group);
        Assert.Equal(("group g: all 16 ended", true), (group.Title, group.Text.Contains("15 completed, 1 did not", StringComparison.Ordinal)));
        Assert.Equal(Enumerable.Range(1, 16).Select(i => $"Of group 'g' {i} of 16 ended."), verdicts.SelectMany(v => v.Notices).Where(n => n.Kind == NoticeKind.Ended).OrderBy(n => n.Seq).Select(n => n.Text[n.Text.IndexOf("Of group", StringComparison.Ordinal)..]));
        Assert.Equal((1, 16, 15), await Store.CountGroupAsync("s", "g") is var all ? (all.Open, all.Ended, all.Completed) : default);
        Assert.Equal(0, (await Store.CountGroupAsync(null, "g")).All);
    }

    [Fact]
    [Trait("Requirement", "U-40")]
    [Trait("Requirement", "S2293-4")]
    public async Task The_end_of_a_group_is_told_once_also_by_one_commit_that_ends_several_of_it()
    {
        var members = new List<TaskRecord>();
        foreach (var group in (string[])["g", "over", "g", "open", "g", "over", "open"])
        {
            var queued = await SubmitAsync(Queued(Spec(session: "s") with { Group = group }));
            members.Add(Running(queued, Own));
            await CommitAsync(Change(queued, members[^1]));
        }
        await SubmitAsync(Queued(Spec(session: "s") with { Group = "open" }));

        var told = (await Store.CommitAsync(new StoreCommit([.. members.Select(m =>
            Change(m, Ended(m), Own) with { Notices = [EndNotice, new("group", NoticeKind.Group, Start, "", "")] })]))).Notices;

        Assert.Equal([("group g: all 3 ended", members[4].Id), ("group over: all 2 ended", members[5].Id)], told.Where(n => n.Kind == NoticeKind.Group).Select(n => (n.Title, n.Task)));
        Assert.Equal(["3 of 3", "2 of 2", "3 of 3", "2 of 3", "3 of 3", "2 of 2", "2 of 3"], told.Where(n => n.Kind == NoticeKind.Ended).Select(n => n.Text.Split('\'')[2].Trim()[..6]));
        Assert.Equal(Enumerable.Range(1, told.Length).Select(n => (long)n), told.Select(n => n.Seq));
        Assert.Equal(told.AsEnumerable(), await Store.NoticesAsync(new() { Session = "s" }));
    }

    [Fact]
    [Trait("Requirement", "V-53")]
    public async Task A_session_that_is_never_told_or_was_closed_has_its_notices_dropped_in_plain_sight()
    {
        await Store.SetSessionAsync(new("quiet", SessionPolicy.Never));
        Assert.Equal((NoticeDelivery.Dropped, "its session is never told"), await EndWithNoticeAsync("quiet") is var quiet ? (quiet.Delivery, quiet.DroppedReason) : default);

        var before = await SubmitAsync(Queued(Spec(session: "s")));
        var open = await EndWithNoticeAsync("s");
        await EndWithNoticeAsync("t");
        Assert.Equal(["s", "t"], (await Store.AddresseesAsync()).AsEnumerable());
        await Store.SetSessionAsync(new("s", Closed: true));
        Assert.Equal((NoticeDelivery.Dropped, "its session was closed"), (await Store.NoticesAsync(new() { Session = "s", OpenOnly = false })).Single(n => n.Key == open.Key) is var dropped ? (dropped.Delivery, dropped.DroppedReason) : default);
        Assert.Equal(["t"], (await Store.AddresseesAsync()).AsEnumerable());
        Assert.Equal((NoticeDelivery.Dropped, "its session was closed"), await EndWithNoticeAsync("s", before) is var closed ? (closed.Delivery, closed.DroppedReason) : default);
        Assert.Equal(NoticeDelivery.Queued, (await EndWithNoticeAsync("s")).Delivery);

        Assert.Equal([new("quiet", SessionPolicy.Never, 0, 0, 0, 1), new("s", SessionPolicy.Push, 0, 1, 0, 2), new("t", SessionPolicy.Push, 0, 1, 0, 0)], (await Store.SessionsAsync()).AsEnumerable());
        Assert.Equal(new SessionFacts("nobody", SessionPolicy.Push, 0, 0, 0, 0), Assert.Single(await Store.SessionsAsync("nobody")));
    }

    [Fact]
    [Trait("Requirement", "U-72")]
    public async Task A_question_that_is_over_is_told_to_nobody_any_more()
    {
        var queued = await SubmitAsync(Queued(Spec(session: "s")));
        var running = Running(queued, Own);
        await CommitAsync(Change(queued, running));
        var asking = Next(running) with { State = TaskState.Waiting, Question = new("Which?", Start, null, null) };
        await CommitAsync(Change(running, asking, Own) with { Notices = [new("question:2", NoticeKind.Question, Start, "build asks", "Which?")] });
        Assert.Single(await Store.NoticesAsync(new() { Session = "s" }));

        await CommitAsync(Change(asking, Next(asking) with { State = TaskState.Running }, Own) with { QuestionOver = "it was answered" });
        Assert.Empty(await Store.NoticesAsync(new() { Session = "s" }));
        Assert.Equal("it was answered", Assert.Single(await Store.NoticesAsync(new() { Session = "s", OpenOnly = false })).DroppedReason);
    }

    [Fact]
    [Trait("Requirement", "U-03")]
    [Trait("Requirement", "S2293-3")]
    public async Task What_is_undelivered_keeps_its_task_and_outlives_its_removal()
    {
        var undelivered = await EndWithNoticeAsync("s");
        var delivered = await EndWithNoticeAsync("s");
        await Store.MoveNoticesAsync(new(NoticeDelivery.Acknowledged) { Session = "s", Keys = [delivered.Key] });
        Assert.Equal([delivered.Task], (await Store.ListExpiredAsync(Start.AddDays(1), 10)).AsEnumerable());

        await Store.RemoveAsync([undelivered.Task, delivered.Task], Start.AddDays(2), "asked");
        Assert.Equal([undelivered.Key], (await Store.NoticesAsync(new() { OpenOnly = false })).Select(n => n.Key));
        await Store.MoveNoticesAsync(new(NoticeDelivery.Acknowledged) { Session = "s", Keys = [undelivered.Key] });
        await Store.ForgetAsync(Start.AddDays(1), Start);
        Assert.Empty(await Store.NoticesAsync(new() { OpenOnly = false }));
    }

    private static ImmutableSortedDictionary<string, string> Unlabelled { get; } = ImmutableSortedDictionary<string, string>.Empty;

    private static NoticeDraft EndNotice => new("ended", NoticeKind.Ended, Start, "build completed", "did it.");

    private async Task<Notice> EndWithNoticeAsync(string session, TaskRecord? queued = null)
    {
        queued ??= await SubmitAsync(Queued(Spec(session: session)));
        var running = Running(queued, Own);
        await CommitAsync(Change(queued, running));
        return Assert.Single((await Store.CommitAsync(StoreCommit.Of(Change(running, Ended(running), Own) with { Notices = [EndNotice] }))).Notices);
    }

    private Task<CommitVerdict> StepAsync(TaskId task, FencingToken token, TaskStep step) => Store.CommitAsync(new StoreCommit([]) { Steps = [new(task, token, step)] });

    // -- the store itself ---------------------------------------------------------------------------------------------

    [Fact]
    public async Task It_says_what_it_is_and_accepts_a_probe()
    {
        Assert.Matches("^(memory|sqlite)$", Store.Description.Kind);
        Assert.Matches("^(none|full)$", Store.Description.Durability);
        await Store.ProbeAsync();
        Assert.Empty(await Store.ListQuarantinedAsync());
        Assert.All(await Store.CountAsync(), pair => Assert.Equal(0, pair.Value));
    }

    [Fact]
    public async Task A_store_that_was_closed_finishes_what_it_was_given_and_takes_no_more()
    {
        var given = Enumerable.Range(0, 50).Select(_ => Store.CommitAsync(StoreCommit.Of(Submit(Queued())))).ToArray();
        await Store.DisposeAsync();
        Assert.All(await Task.WhenAll(given), verdict => Assert.Equal(CommitResult.Committed, verdict.Result));
        await Assert.ThrowsAsync<ObjectDisposedException>(() => SubmitAsync(Queued()));
        await Assert.ThrowsAsync<ObjectDisposedException>(() => Store.FindAsync(NewId()));
    }

    // -- words --------------------------------------------------------------------------------------------------------

    protected async Task<TaskRecord> SubmitAsync(TaskRecord record, IdempotencyKey? key = null)
    {
        var verdict = await Store.CommitAsync(StoreCommit.Of(Submit(record, key)));
        Assert.Equal(CommitResult.Committed, verdict.Result);
        return verdict.Records.Single();
    }

    protected async Task<CommitResult> CommitAsync(params RecordChange[] changes) => (await Store.CommitAsync(new StoreCommit([.. changes]))).Result;

    private async Task<(TaskRecord Running, TaskRecord Ended)> EndAsync(TaskRecord queued, DateTimeOffset? at = null)
    {
        var running = Running(queued, Own);
        Assert.Equal(CommitResult.Committed, await CommitAsync(Change(queued, running)));
        var ended = Ended(running, at: at);
        Assert.Equal(CommitResult.Committed, await CommitAsync(Change(running, ended, Own)));
        return (running, ended);
    }

    private async Task ExpectAsync(TaskQuery query, params TaskRecord[] expected) => Assert.Equal(expected.Select(r => r.Number), (await Store.ListAsync(query)).Select(r => r.Number));

    private static async Task<T[]> AtOnceAsync<T>(int callers, Func<int, Task<T>> call)
    {
        var start = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var calls = Enumerable.Range(0, callers).Select(i => Task.Run(async () =>
        {
            await start.Task;
            return await call(i);
        })).ToArray();
        start.SetResult();
        return await Task.WhenAll(calls);
    }
}
