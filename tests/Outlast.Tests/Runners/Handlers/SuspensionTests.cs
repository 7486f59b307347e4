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

    [Theory]
    [InlineData(DepartureMode.Leave)]
    [InlineData(DepartureMode.Restart)]
    [Trait("Requirement", "A20")]
    public async Task A_child_that_is_asked_for_when_the_doors_are_shut_already_fails_nobody(DepartureMode mode)
    {
        var (store, time) = (new FailingStore(), new ManualTime());
        var host = await HandlerHost.StartAsync(Parent, store, time);
        var id = await host.SubmitAsync("parent", 0);
        var going = await AskWhileItsDoorsShutAsync(host, store, mode);
        await host.PassingUntil(going);
        var suspended = await store.FindAsync(id);
        Assert.Equal((TaskState.Queued, true, null), (suspended!.State, suspended.Resumes, suspended.Claim));
        await host.AbandonAsync();

        await using var next = await HandlerHost.StartAsync(Parent, store, time);
        Assert.Equal((TaskState.Completed, "no child refused"), (await next.EndOf(id) is var ended ? (ended.State, ended.End!.Result!.Value.GetString()) : default));
    }

    [Fact]
    [Trait("Requirement", "A20")]
    public async Task A_child_that_is_asked_for_just_before_everything_is_stopped_hears_of_the_stop()
    {
        var store = new FailingStore();
        await using var host = await HandlerHost.StartAsync(Parent, store);
        var id = await host.SubmitAsync("parent", 0);
        var going = await AskWhileItsDoorsShutAsync(host, store, DepartureMode.StopTasks);
        await host.PassingUntil(going);
        var ended = await host.ReadAsync(id);
        Assert.Equal((TaskState.Stopped, EndCause.Shutdown), (ended.State, ended.End!.Cause));
        Assert.Equal("compensated", Assert.Single(await store.StepsAsync(id)).Name);
    }

    [Fact]
    [Trait("Requirement", "V-38")]
    public async Task A_child_that_waits_at_a_shut_door_is_started_when_the_departure_is_called_off()
    {
        var store = new FailingStore();
        using var patience = new CancellationTokenSource();
        await using var host = await HandlerHost.StartAsync(Parent, store);
        var id = await host.SubmitAsync("parent", 0);
        var going = await AskWhileItsDoorsShutAsync(host, store, DepartureMode.StopTasks, patience);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => going);
        Assert.Equal("no child refused", (await host.EndOf(id)).End!.Result!.Value.GetString());
    }

    private readonly TaskCompletionSource _begun = new(TaskCreationOptions.RunContinuationsAsynchronously), _goOn = new(TaskCreationOptions.RunContinuationsAsynchronously), _asks = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private void Parent(OutlastBuilder services)
    {
        services.AddHandler("child", _ => Task.CompletedTask);
        services.AddHandler<int, string>("parent", async (_, task) =>
        {
            _begun.TrySetResult();
            await _goOn.Task;
            _asks.TrySetResult();
            try
            {
                await task.StartAsync("child", new TaskDefaults().OfHandler("child"));
                return "no child refused";
            }
            catch (TaskStoppedException)
            {
                await task.CleanUpAsync(_ => task.StepAsync("compensated", _ => Task.CompletedTask));
                throw;
            }
        });
    }

    /// <summary>The doors are shut and what the host says of it is not on disk yet: just then the handler asks for a child.</summary>
    private async Task<Task<HostRemainder>> AskWhileItsDoorsShutAsync(SupervisedHost host, FailingStore store, DepartureMode mode, CancellationTokenSource? calledOff = null)
    {
        await _begun.Task.Soon();
        var gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        store.Gate = gate.Task;
        var going = host.Departure.PrepareAsync(new(mode, SupervisedHost.Somebody), calledOff?.Token ?? default);
        _goOn.SetResult();
        await _asks.Task.Soon();
        if (calledOff is not null) await calledOff.CancelAsync();
        store.Gate = Task.CompletedTask;
        gate.SetResult();
        return going;
    }
}
