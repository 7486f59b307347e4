using System.Collections.Concurrent;
using Microsoft.Extensions.DependencyInjection;
using Outlast.Runners.Handlers;
using Outlast.Storage;
using Outlast.TestKit;
using Outlast.Tests.Supervision;

namespace Outlast.Tests.Runners.Handlers;

public sealed class JournalTests
{
    [Fact]
    public async Task A_finished_step_is_not_run_again_by_the_next_host()
    {
        var (store, time) = (new InMemoryTaskStore(), new ManualTime());
        var ran = new ConcurrentQueue<string>();
        TaskCompletionSource hold = new(TaskCreationOptions.RunContinuationsAsynchronously);
        var second = new SemaphoreSlim(0);
        async Task<string> Work(int input, TaskContext task)
        {
            var first = await task.StepAsync("first", _ => Note(input + 1));
            var next = await task.StepAsync("second", async _ =>
            {
                second.Release();
                await hold.Task;
                return await Note(first + 1);
            });
            return $"{next} {task.Attempt} {task.IsResumed} {string.Join(',', task.FinishedSteps.Select(s => s.Name))}";
        }
        Task<int> Note(int value)
        {
            ran.Enqueue($"{value}");
            return Task.FromResult(value);
        }

        var host = await HandlerHost.StartAsync(s => s.AddHandler<int, string>("work", Work), store, time);
        var id = await host.SubmitAsync("work", 1);
        await second.WaitAsync().Soon();
        await host.AbandonAsync();
        await using var next = await HandlerHost.StartAsync(s => s.AddHandler<int, string>("work", Work), store, time);
        await second.WaitAsync().Soon();
        // What the former host had begun finishes too late: its claim is another's.
        hold.SetResult();
        var ended = await next.EndOf(id);
        Assert.Equal("3 1 True first", ended.End!.Result!.Value.GetString());
        Assert.Equal(1, ran.Count(r => r == "2"));
        Assert.Equal(["first", "second"], (await store.StepsAsync(id)).Select(s => s.Name));
        Assert.Equal(1, ended.Attempt);
        Assert.Contains(await next.EventsOf(id), e => e.Type == TaskEventType.Requeued && e.Data["why"].GetString() == "owner_gone");
    }

    [Fact]
    [Trait("Requirement", "B1")]
    public async Task Whenever_its_hosts_die_the_result_is_the_same_and_no_finished_step_runs_again()
    {
        for (var seed = 1; seed <= 12; seed++)
        {
            var (random, store, time) = (new Random(seed), new InMemoryTaskStore(), new ManualTime());
            var finished = new ConcurrentDictionary<string, bool>();
            var again = new ConcurrentQueue<string>();
            var reached = new SemaphoreSlim(0);
            async Task<int> Work(int turns, TaskContext task)
            {
                var sum = 0;
                for (var turn = 1; turn <= turns; turn++)
                {
                    var name = $"turn {turn}";
                    sum += await task.StepAsync(name, async _ =>
                    {
                        if (finished.ContainsKey(name)) again.Enqueue(name);
                        await Task.Yield();
                        return turn;
                    });
                    finished[name] = true;
                    reached.Release();
                }
                return sum;
            }

            TaskId id = default;
            for (var life = 0; ; life++)
            {
                await using var host = await HandlerHost.StartAsync(s => s.AddHandler<int, int>("work", Work), store, time);
                if (life == 0) id = await host.SubmitAsync("work", 20);
                if (life == 5)
                {
                    Assert.Equal(210, (await host.EndOf(id)).End!.Result!.Value.GetInt32());
                    break;
                }
                for (var steps = random.Next(4); steps > 0 && !(await host.ReadAsync(id)).State.IsTerminal(); steps--) await Task.WhenAny(reached.WaitAsync(), host.EndOf(id));
                if (random.Next(2) == 0) await host.AbandonAsync();
                else await host.PassingUntil(Stopped(host));
            }
            Assert.Empty(again);
            Assert.Equal(20, (await store.StepsAsync(id)).Length);
        }

        static async Task<bool> Stopped(SupervisedHost host)
        {
            await host.StopAsync();
            return true;
        }
    }

    [Fact]
    [Trait("Requirement", "U-19")]
    public async Task A_journal_that_cannot_be_read_now_is_read_later_and_costs_no_attempt()
    {
        var (store, time) = (new FailingStore(), new ManualTime());
        static async Task<int> Work(int _, TaskContext task)
        {
            var value = await task.StepAsync("once", _ => Task.FromResult(7));
            if (!task.IsResumed) await Task.Delay(Timeout.Infinite, task.HardToken);
            return value;
        }
        var host = await HandlerHost.StartAsync(s => s.AddHandler<int, int>("work", Work), store, time);
        var id = await host.SubmitAsync("work", 0);
        await Eventually.TrueAsync(async () => (await store.StepsAsync(id)).Length == 1, "its step is finished");
        await host.AbandonAsync();
        store.JournalFails = true;
        await using var next = await HandlerHost.StartAsync(s => s.AddHandler<int, int>("work", Work), store, time);
        await Eventually.TrueAsync(async () => (await next.ReadAsync(id)).State.IsTerminal() || (await next.EventsOf(id)).Any(e => e.Type == TaskEventType.Requeued && e.Data["why"].GetString() == "never_started"), "it could not begin");
        store.JournalFails = false;
        var ended = await next.PassingUntil(next.EndOf(id));
        Assert.Equal((TaskState.Completed, 1, 7), (ended.State, ended.Attempt, ended.End!.Result?.GetInt32()));
    }

    [Fact]
    public async Task A_step_that_throws_is_not_finished_and_may_be_tried_again_under_its_name()
    {
        var tries = 0;
        await using var host = await HandlerHost.StartAsync(s => s.AddHandler<int, int>("work", async (_, task) =>
        {
            while (true)
            {
                try
                {
                    return await task.StepAsync("shaky", _ => ++tries < 3 ? throw new IOException("not yet") : Task.FromResult(tries));
                }
                catch (IOException)
                {
                }
            }
        }));
        var id = await host.SubmitAsync("work", 0);
        Assert.Equal(3, (await host.EndOf(id)).End!.Result!.Value.GetInt32());
        Assert.Equal("shaky", Assert.Single(await host.Store.StepsAsync(id)).Name);
    }

    [Fact]
    public async Task A_name_that_comes_twice_is_refused_with_what_to_do()
    {
        await using var host = await HandlerHost.StartAsync(s => s.AddHandler("work", async task =>
        {
            await task.StepAsync("send", _ => Task.CompletedTask);
            await task.StepAsync("send", _ => Task.CompletedTask);
        }));
        var ended = await host.EndOf(await host.SubmitAsync("work"));
        Assert.Equal(TaskState.Failed, ended.State);
        Assert.Contains("in a loop, give each turn a name", ended.End!.Error!.Message);
    }

    [Fact]
    public async Task A_retried_attempt_keeps_what_was_finished()
    {
        var runs = 0;
        await using var host = await HandlerHost.StartAsync(s => s.AddHandler<int, int>("work", async (_, task) =>
        {
            var value = await task.StepAsync("once", _ => Task.FromResult(++runs));
            return task.Attempt == 1 ? throw new IOException("first try") : value;
        }));
        var id = await host.SubmitAsync("work", 0, spec => spec with { Retry = new(1, TimeSpan.FromSeconds(1), RetryOn.Failed) });
        var ended = await host.PassingUntil(host.EndOf(id));
        Assert.Equal((TaskState.Completed, 2, 1), (ended.State, ended.Attempt, ended.End!.Result!.Value.GetInt32()));
    }

    [Fact]
    public async Task Who_has_lost_the_claim_finishes_nothing()
    {
        await using var host = await HandlerHost.StartAsync(s => s.AddHandler("work", task => Task.Delay(-1, task.HardToken)));
        var id = await host.SubmitAsync("work");
        await Eventually.TrueAsync(() => host.Attempts.Find(id) is not null, "it runs");
        var live = host.Attempts.Find(id)!;
        await host.Client.StopAsync(id, new(EndCause.User, SupervisedHost.Somebody, Now: true));
        await host.EndOf(id);
        await Assert.ThrowsAsync<ClaimLostException>(() => live.Context.Services!.WriteStepAsync(new("late", 1, null, 1, host.Time.GetUtcNow()), default));
        Assert.Empty(await host.Store.StepsAsync(id));
    }
}
