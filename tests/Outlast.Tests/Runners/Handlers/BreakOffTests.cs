using System.Collections.Immutable;
using Microsoft.Extensions.DependencyInjection;
using Outlast.Runners.Handlers;
using Outlast.Storage;
using Outlast.TestKit;
using Outlast.Tests.Supervision;

namespace Outlast.Tests.Runners.Handlers;

/// <summary>However code breaks off, its record closes, its place is free, and its session hears of it.</summary>
public sealed class BreakOffTests
{
    private const string Session = "s", Code = "code";

    /// <summary>What code does before anybody has asked it to stop, and the reason that its end then gives.</summary>
    private static readonly ImmutableDictionary<string, (Action<OutlastBuilder> Add, string Reason)> Unasked = new Dictionary<string, (Action<OutlastBuilder>, string)>
    {
        ["throws"] = (Of(async _ =>
        {
            await Task.Yield();
            throw new FormatException("no address");
        }), "System.FormatException: no address"),
        ["throws before it waits for anything"] = (Of(_ => throw new FormatException("no address")), "System.FormatException: no address"),
        ["says that it was cancelled"] = (Of(async _ =>
        {
            await Task.Yield();
            throw new OperationCanceledException("somebody else's token");
        }), "System.OperationCanceledException: somebody else's token"),
        ["waits by a token of its own"] = (Of(_ => Task.Delay(Timeout.Infinite, new CancellationToken(canceled: true))), "System.Threading.Tasks.TaskCanceledException: A task was canceled."),
        ["gives up a time limit of its own"] = (Of(_ => throw new TimeoutException("the server said nothing")), "System.TimeoutException: the server said nothing"),
        ["has its thread interrupted"] = (Of(_ =>
        {
            Thread.CurrentThread.Interrupt();
            Thread.Sleep(Timeout.Infinite);
            return Task.CompletedTask;
        }), "System.Threading.ThreadInterruptedException: "),
        ["fails as it is disposed of"] = (s => s.AddHandler<NoMatter, int, Torn>(Code), "System.ObjectDisposedException: "),
        ["gives what cannot be written"] = (s => s.AddHandler<NoMatter, double>(Code, (_, _) => Task.FromResult(double.NaN)), "System.ArgumentException: "),
        ["gives no task at all"] = (Of(_ => null!), "System.NullReferenceException: "),
    }.ToImmutableDictionary();

    /// <summary>What code does once a stop is asked.</summary>
    private static readonly ImmutableDictionary<string, Func<TaskContext, Task>> Asked = new Dictionary<string, Func<TaskContext, Task>>
    {
        ["waits by the stop token"] = task => Task.Delay(Timeout.Infinite, task.StopToken),
        ["waits by the hard token"] = task => Task.Delay(Timeout.Infinite, task.HardToken),
        ["comes to a boundary"] = async task =>
        {
            await Task.Delay(Timeout.Infinite, task.StopToken).ContinueWith(_ => { }, TaskScheduler.Default);
            task.CheckBoundary();
        },
        ["throws something else on its way out"] = async task =>
        {
            await Task.Delay(Timeout.Infinite, task.StopToken).ContinueWith(_ => { }, TaskScheduler.Default);
            try
            {
                task.CheckBoundary();
            }
            catch (TaskStoppedException e)
            {
                throw new InvalidOperationException("half done", e);
            }
        },
        ["says that something else was cancelled"] = async task =>
        {
            await Task.Delay(Timeout.Infinite, task.StopToken).ContinueWith(_ => { }, TaskScheduler.Default);
            throw new OperationCanceledException("a call was given up");
        },
        ["does not come back"] = _ => new TaskCompletionSource().Task,
    }.ToImmutableDictionary();

    public static TheoryData<string> WaysUnasked => [.. Unasked.Keys.Order()];

    public static TheoryData<string> WaysAsked => [.. Asked.Keys.Order()];

    [Theory]
    [MemberData(nameof(WaysUnasked))]
    [Trait("Requirement", "B6")]
    public async Task Without_a_stop_it_has_failed_with_what_it_threw(string way)
    {
        await using var host = await HandlerHost.StartAsync(Unasked[way].Add);
        var ended = await host.EndOf(await SubmitAsync(host));
        Assert.Equal((TaskState.Failed, EndCause.Error), (ended.State, ended.End!.Cause));
        Assert.StartsWith(Unasked[way].Reason, ended.End.Reason);
        Assert.NotNull(ended.End.Error);
        await ToldAsync(host, ended);
    }

    [Theory]
    [MemberData(nameof(WaysAsked))]
    [Trait("Requirement", "B6")]
    public async Task After_a_stop_it_ends_by_that_whatever_it_does(string way)
    {
        TaskCompletionSource begun = new(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var host = await HandlerHost.StartAsync(Of(task =>
        {
            begun.SetResult();
            return Asked[way](task);
        }));
        var id = await SubmitAsync(host);
        await begun.Task.Soon();
        await host.Client.StopAsync(id, new(EndCause.User, SupervisedHost.Somebody, "enough"));
        var ended = await host.PassingUntil(host.EndOf(id));
        Assert.Equal((TaskState.Stopped, EndCause.User, "stopped by user: enough"), (ended.State, ended.End!.Cause, ended.End.Reason));
        await ToldAsync(host, ended);
    }

    [Fact]
    [Trait("Requirement", "B6")]
    public async Task A_stop_that_comes_before_its_code_has_begun_ends_it_too()
    {
        TaskCompletionSource begun = new(TaskCreationOptions.RunContinuationsAsynchronously), goOn = new(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var host = await HandlerHost.StartAsync(
            s => Of(task => Task.CompletedTask)(s.AddHandler("first", task =>
            {
                begun.SetResult();
                return goOn.Task;
            })), settings: ("concurrency.total", "1"));
        await host.SubmitAsync("first");
        await begun.Task.Soon();
        var id = await SubmitAsync(host);
        await host.Client.StopAsync(id, new(EndCause.User, SupervisedHost.Somebody));
        var ended = await host.EndOf(id);
        Assert.Equal((TaskState.Stopped, EndCause.User, 0), (ended.State, ended.End!.Cause, ended.Attempt));
        goOn.SetResult();
        await ToldAsync(host, ended);
    }

    public static TheoryData<string, string> NextPrograms => new()
    {
        { "has no such code", "no handler 'code' is added to this host; there is: other" },
        { "reads another input", "its input does not fit at $: " },
        { "takes no input any more", "its input is given, and the handler takes none" },
    };

    [Theory]
    [MemberData(nameof(NextPrograms))]
    [Trait("Requirement", "B6")]
    public async Task What_the_next_program_cannot_run_ends_there(string way, string reason)
    {
        var (store, time) = (new InMemoryTaskStore(), new ManualTime());
        TaskCompletionSource begun = new(TaskCreationOptions.RunContinuationsAsynchronously);
        var first = await HandlerHost.StartAsync(Of(task =>
        {
            begun.SetResult();
            return Task.Delay(Timeout.Infinite, task.HardToken);
        }), store, time);
        var id = await SubmitAsync(first);
        await begun.Task.Soon();
        await first.AbandonAsync();
        await using var next = await HandlerHost.StartAsync(
            s => _ = way switch
            {
                "has no such code" => s.AddHandler("other", _ => Task.CompletedTask),
                "reads another input" => s.AddHandler<ImmutableArray<string>>(Code, (_, _) => Task.CompletedTask),
                _ => s.AddHandler(Code, _ => Task.CompletedTask),
            }, store, time);
        var ended = await next.EndOf(id);
        Assert.Equal((TaskState.Failed, EndCause.NeverStarted), (ended.State, ended.End!.Cause));
        Assert.StartsWith(reason, ended.End.Reason);
        await ToldAsync(next, ended);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    [Trait("Requirement", "B6")]
    public async Task What_its_host_broke_off_ends_in_the_next_and_is_told_there(bool inGoodOrder)
    {
        var (store, time) = (new InMemoryTaskStore(), new ManualTime());
        TaskCompletionSource begun = new(TaskCreationOptions.RunContinuationsAsynchronously);
        var first = await HandlerHost.StartAsync(Of(task =>
        {
            begun.SetResult();
            return Task.Delay(Timeout.Infinite, task.SuspendToken);
        }), store, time);
        var id = await SubmitAsync(first);
        await begun.Task.Soon();
        if (inGoodOrder) await first.PassingUntil(GoneAsync());
        else await first.AbandonAsync();
        Assert.False((await store.FindAsync(id))!.State.IsTerminal());
        await using var next = await HandlerHost.StartAsync(Of(_ => throw new FormatException("and here it fails")), store, time);
        var ended = await next.EndOf(id);
        Assert.Equal((TaskState.Failed, EndCause.Error, "System.FormatException: and here it fails"), (ended.State, ended.End!.Cause, ended.End.Reason));
        await ToldAsync(next, ended);

        async Task<bool> GoneAsync()
        {
            await first.StopAsync();
            return true;
        }
    }

    private static Action<OutlastBuilder> Of(Func<TaskContext, Task> code) => s => s.AddHandler<NoMatter>(Code, (_, task) => code(task));

    private static Task<TaskId> SubmitAsync(SupervisedHost host) => host.SubmitAsync(Code, new NoMatter(), spec => spec with { Session = Session });

    /// <summary>One notice, with what the record says; and nothing is held any more.</summary>
    private static async Task ToldAsync(SupervisedHost host, TaskRecord ended)
    {
        var notice = Assert.Single((await host.Inbox.FetchAsync(new(Session))).Notices);
        Assert.Equal(($"task:{ended.Id}:ended", ended.State, ended.End!.Cause), (notice.Key, notice.State, notice.Cause!.Value));
        Assert.Contains(ended.End.Reason!, notice.Text);
        Assert.Single(await host.EventsOf(ended.Id), e => e.Type == TaskEventType.Ended);
        Assert.Null(ended.Claim);
        await Eventually.TrueAsync(() => host.Dispatcher.Taken == 0 && host.Attempts.Count == 0, "its place is free, and nobody follows it");
    }

    private sealed record NoMatter(int Value = 0);

    private sealed class Torn : ITaskHandler<NoMatter, int>, IAsyncDisposable
    {
        public Task<int> RunAsync(NoMatter input, TaskContext task) => Task.FromResult(1);

        public ValueTask DisposeAsync() => throw new ObjectDisposedException(nameof(Torn));
    }
}
