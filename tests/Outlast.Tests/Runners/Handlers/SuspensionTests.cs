using Microsoft.Extensions.DependencyInjection;
using Outlast.Runners.Handlers;
using Outlast.Storage;
using Outlast.TestKit;
using Outlast.Tests.Supervision;

namespace Outlast.Tests.Runners.Handlers;

public sealed class SuspensionTests
{
    [Fact]
    public async Task A_host_that_goes_suspends_handlers_at_their_next_boundary_and_the_next_one_goes_on()
    {
        var (store, time) = (new InMemoryTaskStore(), new ManualTime());
        TaskCompletionSource begun = new(TaskCreationOptions.RunContinuationsAsynchronously), goOn = new(TaskCreationOptions.RunContinuationsAsynchronously);
        var runs = 0;
        async Task<int> Work(int _, TaskContext task)
        {
            var first = await task.StepAsync("first", async _ =>
            {
                begun.TrySetResult();
                await goOn.Task;
                return Interlocked.Increment(ref runs);
            });
            // Whoever swallows the boundary's word is suspended all the same.
            try
            {
                await task.StepAsync("second", _ => Task.CompletedTask);
            }
            catch (OperationCanceledException)
            {
            }
            return first;
        }

        var host = await HandlerHost.StartAsync(s => s.AddHandler<int, int>("work", Work), store, time);
        var id = await host.SubmitAsync("work", 0);
        await begun.Task.Soon();
        var going = Gone();
        await host.DrainingAsync();
        goOn.SetResult();
        await host.PassingUntil(going);
        var suspended = await store.FindAsync(id);
        Assert.Equal((TaskState.Queued, true, true, null), (suspended!.State, suspended.FirstInLine, suspended.Resumes, suspended.Claim));
        await using var next = await HandlerHost.StartAsync(s => s.AddHandler<int, int>("work", Work), store, time);
        var ended = await next.EndOf(id);
        Assert.Equal((TaskState.Completed, 1, 1), (ended.State, ended.End!.Result!.Value.GetInt32(), runs));

        async Task<bool> Gone()
        {
            await host.StopAsync();
            return true;
        }
    }

    [Fact]
    public async Task A_handler_that_ends_meanwhile_completes_and_one_that_reaches_no_boundary_is_resumed()
    {
        var (store, time) = (new InMemoryTaskStore(), new ManualTime());
        TaskCompletionSource goOn = new(TaskCreationOptions.RunContinuationsAsynchronously);
        var begun = 0;
        async Task<int> Work(int input, TaskContext task)
        {
            Interlocked.Increment(ref begun);
            if (input == 1) await goOn.Task;
            else if (!task.IsResumed) await Task.Delay(Timeout.Infinite, task.HardToken);
            return input;
        }

        var host = await HandlerHost.StartAsync(s => s.AddHandler<int, int>("work", Work), store, time, settings: ("host.drainLimit", "10s"));
        var (one, two) = (await host.SubmitAsync("work", 1), await host.SubmitAsync("work", 2));
        await Eventually.TrueAsync(() => begun == 2, "both run");
        var going = host.Departure.PrepareAsync(new(DepartureMode.Restart, SupervisedHost.Somebody));
        await host.DrainingAsync();
        goOn.SetResult();
        var remainder = await host.PassingUntil(going);
        Assert.Equal(two, Assert.Single(remainder.Followed).Id);
        Assert.Equal(TaskState.Completed, (await host.ReadAsync(one)).State);
        await host.AbandonAsync();
        await using var next = await HandlerHost.StartAsync(s => s.AddHandler<int, int>("work", Work), store, time);
        Assert.Equal(2, (await next.EndOf(two)).End!.Result!.Value.GetInt32());
    }
}
