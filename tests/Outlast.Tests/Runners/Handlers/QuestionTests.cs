using Microsoft.Extensions.DependencyInjection;
using Outlast.Lifecycle;
using Outlast.Runners.Handlers;
using Outlast.Storage;
using Outlast.TestKit;
using Outlast.Tests.Supervision;

namespace Outlast.Tests.Runners.Handlers;

public sealed class QuestionTests
{
    private static void Asker(OutlastBuilder services) => services.AddHandler<int, string>("asker", async (_, task) =>
    {
        var answer = await task.AskAsync("deploy", "Deploy to production?", ["yes", "no"], @default: "no");
        return $"{answer.Text} by {answer.Actor.Id}";
    });

    private static AnswerCommand By(string text, string who = "uid 1000") => new(text, new(ActorType.User, who, "cli"));

    [Fact]
    [Trait("Requirement", "U-70")]
    [Trait("Requirement", "U-73")]
    public async Task A_question_is_seen_holds_no_place_and_its_answer_goes_on_with_the_task()
    {
        await using var host = await HandlerHost.StartAsync(Asker, settings: ("concurrency.total", "1"));
        var id = await host.SubmitAsync("asker", 0);
        var asked = await WaitingAsync(host, id);
        Assert.Equal(("Deploy to production?", "deploy", "no"), (asked.Question!.Text, asked.Question.Name, asked.Question.Default));
        Assert.Equal(host.Time.GetUtcNow() + TimeSpan.FromHours(24), asked.Question.ExpiresAt);
        // Its place is another's meanwhile.
        var (other, attempt) = await host.RunAsync();
        attempt.End(0);
        await host.EndOf(other);
        await host.PassAsync(TimeSpan.FromHours(20));
        Assert.DoesNotContain(await host.EventsOf(id), e => e.Type == TaskEventType.Warning);

        var wrong = await Assert.ThrowsAsync<InvalidAnswerException>(() => host.Client.AnswerAsync(id, By("maybe")));
        Assert.Equal("'maybe' answers nothing: task 1 takes yes, no.", wrong.Message);
        await host.Client.AnswerAsync(id, By("yes"));
        Assert.Equal("yes by uid 1000", (await host.EndOf(id)).End!.Result!.Value.GetString());
        Assert.Equal("deploy", Assert.Single(await host.Store.StepsAsync(id)).Name);
        Assert.Equal(0, host.Dispatcher.Taken);
    }

    [Fact]
    [Trait("Requirement", "U-71")]
    public async Task Of_two_answers_one_wins_and_the_other_hears_what_won()
    {
        await using var host = await HandlerHost.StartAsync(Asker);
        var id = await host.SubmitAsync("asker", 0);
        await WaitingAsync(host, id);
        var answers = await Task.WhenAll(Answer("yes", "ann"), Answer("no", "ben"));
        var won = Assert.Single(answers, a => a is null) is null && answers[0] is null ? ("yes", "ann") : ("no", "ben");
        var late = Assert.Single(answers.OfType<QuestionOverException>());
        Assert.Equal((won.Item1, won.Item2), (late.Record.Question!.Answer!.Text, late.Record.Question.Answer.Actor.Id));
        Assert.Equal($"{won.Item1} by {won.Item2}", (await host.EndOf(id)).End!.Result!.Value.GetString());

        async Task<QuestionOverException?> Answer(string text, string who)
        {
            try
            {
                await host.Client.AnswerAsync(id, By(text, who));
                return null;
            }
            catch (QuestionOverException e)
            {
                return e;
            }
        }
    }

    [Fact]
    [Trait("Requirement", "U-71")]
    public async Task Expiry_is_the_default_answer_or_is_told_as_expiry()
    {
        await using var host = await HandlerHost.StartAsync(s =>
        {
            Asker(s);
            s.AddHandler<int, string>("open", async (_, task) => (await task.AskAsync("q", "What?", expiry: TimeSpan.FromHours(1))).Text ?? "nobody said");
        });
        var (one, two) = (await host.SubmitAsync("asker", 0), await host.SubmitAsync("open", 0));
        await WaitingAsync(host, one);
        await WaitingAsync(host, two);
        host.Time.Advance(TimeSpan.FromHours(24));
        foreach (var id in new[] { one, two }) await host.Ledger.ApplyAsync(id, _ => Transition.QuestionExpired(host.Time.GetUtcNow()), default);
        Assert.Equal("no by question_expiry", (await host.EndOf(one)).End!.Result!.Value.GetString());
        Assert.Equal("nobody said", (await host.EndOf(two)).End!.Result!.Value.GetString());
        var late = await Assert.ThrowsAsync<QuestionOverException>(() => host.Client.AnswerAsync(one, By("yes")));
        Assert.Contains("was answered before, by question_expiry: 'no'", late.Message);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    [Trait("Requirement", "U-70")]
    public async Task A_question_outlives_its_host_and_is_answered_while_nobody_runs_the_task(bool inGoodOrder)
    {
        var (store, time) = (new InMemoryTaskStore(), new ManualTime());
        var host = await HandlerHost.StartAsync(Asker, store, time);
        var id = await host.SubmitAsync("asker", 0);
        await WaitingAsync(host, id);
        if (inGoodOrder) await host.PassingUntil(Stopped(host));
        else await host.AbandonAsync();

        var other = await HandlerHost.StartAsync(_ => { }, store, time);
        await Eventually.TrueAsync(async () => await other.ReadAsync(id) is { State: TaskState.Waiting, Claim: null }, "it waits without an owner");
        var answered = (await other.Client.AnswerAsync(id, By("yes"))).Record;
        Assert.Equal((TaskState.Queued, true), (answered.State, answered.FirstInLine));
        // A host without handlers leaves it to one that has them.
        Assert.Equal("a host that runs tasks of kind handler", (await other.Client.GetAsync(id)).Queue!.WaitsFor);
        await other.AbandonAsync();

        await using var next = await HandlerHost.StartAsync(Asker, store, time);
        var ended = await next.EndOf(id);
        Assert.Equal(("yes by uid 1000", 1), (ended.End!.Result!.Value.GetString(), ended.Attempt));
        Assert.Single((await next.EventsOf(id)), e => e.Type == TaskEventType.Question);
    }

    [Fact]
    [Trait("Requirement", "U-72")]
    public async Task A_question_ends_with_its_task()
    {
        await using var host = await HandlerHost.StartAsync(Asker);
        var id = await host.SubmitAsync("asker", 0);
        await WaitingAsync(host, id);
        await host.Client.StopAsync(id, new(EndCause.User, SupervisedHost.Somebody));
        Assert.Equal((TaskState.Stopped, null), (await host.EndOf(id) is var ended ? (ended.State, ended.Question) : default));
        await Assert.ThrowsAsync<QuestionOverException>(() => host.Client.AnswerAsync(id, By("yes")));
    }

    [Fact]
    public async Task The_wall_clock_runs_on_while_somebody_is_asked()
    {
        await using var host = await HandlerHost.StartAsync(Asker);
        var id = await host.SubmitAsync("asker", 0, spec => spec with { Timeout = TimeSpan.FromHours(1) });
        await WaitingAsync(host, id);
        await host.PassAsync(TimeSpan.FromHours(1));
        await host.PassAsync(TimeSpan.Zero);
        Assert.Equal((TaskState.TimedOut, EndCause.Deadline), (await host.EndOf(id) is var ended ? (ended.State, ended.End!.Cause) : default));
    }

    [Fact]
    [Trait("Requirement", "U-70")]
    public async Task An_answer_is_in_the_journal_before_the_next_question_takes_its_place()
    {
        var (store, time) = (new FailingStore(), new ManualTime());
        var comes = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        store.StepComes += _ => comes.TrySetResult();
        void Handlers(OutlastBuilder s) => s.AddHandler<int, string>("both", async (_, task) => string.Join(' ', (await Task.WhenAll(task.AskAsync("a", "a?"), task.AskAsync("b", "b?"))).Select(a => a.Text)));
        var host = await HandlerHost.StartAsync(Handlers, store, time);
        var id = await host.SubmitAsync("both", 0);
        Assert.Equal("a", (await WaitingAsync(host, id)).Question!.Name);
        var hold = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        store.StepGate = hold.Task;
        await host.Client.AnswerAsync(id, By("one"));
        await comes.Task.Soon();
        // It would have taken the place by now: an attempt of another, submitted after it, has come and gone.
        var (other, attempt) = await host.RunAsync();
        attempt.End(0);
        await host.EndOf(other);
        Assert.Equal(("a", "one"), (await host.ReadAsync(id)).Question is { } known ? (known.Name, known.Answer?.Text) : default);
        await host.AbandonAsync();
        store.StepGate = Task.CompletedTask;

        await using var next = await HandlerHost.StartAsync(Handlers, store, time);
        Assert.Equal("b", (await WaitingAsync(next, id)).Question!.Name);
        await next.Client.AnswerAsync(id, By("two"));
        Assert.Equal("one two", (await next.EndOf(id)).End!.Result!.Value.GetString());
        hold.SetResult();
    }

    [Fact]
    [Trait("Requirement", "U-70")]
    public async Task An_answer_is_not_lost_when_the_code_asks_in_another_order_the_next_time()
    {
        var (store, time) = (new InMemoryTaskStore(), new ManualTime());
        void Handlers(OutlastBuilder s) => s.AddHandler<int, string>("both", async (_, task) =>
        {
            string[] order = task.IsResumed ? ["b", "a"] : ["a", "b"];
            var said = new List<string>();
            foreach (var name in order) said.Add($"{name}={(await task.AskAsync(name, $"{name}?")).Text}");
            return $"{string.Join(' ', said)} {string.Join(',', task.FinishedSteps.Select(s => s.Name))}";
        });
        var host = await HandlerHost.StartAsync(Handlers, store, time);
        var id = await host.SubmitAsync("both", 0);
        await WaitingAsync(host, id);
        await host.AbandonAsync();
        await using var next = await HandlerHost.StartAsync(Handlers, store, time);
        await next.Client.AnswerAsync(id, By("one"));
        await Eventually.TrueAsync(async () => (await next.ReadAsync(id)).Question is { Name: "b" }, "it asks the other");
        await next.Client.AnswerAsync(id, By("two"));
        Assert.Equal("b=two a=one a", (await next.EndOf(id)).End!.Result!.Value.GetString());
    }

    [Fact]
    [Trait("Requirement", "U-71")]
    public async Task A_question_that_waits_for_another_has_its_whole_time_once_it_is_asked()
    {
        await using var host = await HandlerHost.StartAsync(s => s.AddHandler("both", async task =>
        {
            var first = task.AskAsync("a", "a?");
            await Task.WhenAll(first, task.AskAsync("b", "b?", expiry: TimeSpan.FromHours(1)));
        }));
        var id = await host.SubmitAsync("both");
        await WaitingAsync(host, id);
        host.Time.Advance(TimeSpan.FromHours(3));
        await host.Client.AnswerAsync(id, By("one"));
        await Eventually.TrueAsync(async () => (await host.ReadAsync(id)).Question is { Name: "b" }, "it asks the other");
        var asked = (await host.ReadAsync(id)).Question!;
        Assert.Equal((host.Time.GetUtcNow(), host.Time.GetUtcNow() + TimeSpan.FromHours(1)), (asked.AskedAt, asked.ExpiresAt));
    }

    [Fact]
    public async Task A_question_that_is_open_is_not_asked_again_but_waited_for()
    {
        await using var host = await HandlerHost.StartAsync(Asker);
        var id = await host.SubmitAsync("asker", 0);
        var question = (await WaitingAsync(host, id)).Question!;
        var again = host.Attempts.Find(id)!.Context.Services!.AskAsync(question, default);
        await host.Client.AnswerAsync(id, By("yes"));
        Assert.Equal("yes", (await again.Soon()).Text);
        Assert.Single(await host.EventsOf(id), e => e.Type == TaskEventType.Question);
    }

    private static async Task<TaskRecord> WaitingAsync(SupervisedHost host, TaskId id)
    {
        await Eventually.TrueAsync(async () => (await host.ReadAsync(id)).State == TaskState.Waiting, "it asks");
        return await host.ReadAsync(id);
    }

    private static async Task<bool> Stopped(SupervisedHost host)
    {
        await host.StopAsync();
        return true;
    }
}
