using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Outlast.Runners.Handlers;
using Outlast.TestKit;
using Outlast.Tests.Supervision;

namespace Outlast.Tests.Runners.Handlers;

public sealed class HandlerTests
{
    private sealed record Mail(string To, int Copies);

    private sealed record Receipt(string Id);

    [Fact]
    public async Task A_result_that_no_store_can_write_fails_the_task_and_nothing_is_run_again()
    {
        var runs = 0;
        var store = new FailingStore { WritesDocuments = true };
        await using var host = await HandlerHost.StartAsync(s => s.AddHandler<int, JsonElement>("deep", (depth, _) =>
        {
            Interlocked.Increment(ref runs);
            return Task.FromResult(JsonElement.Parse(new string('[', depth) + new string(']', depth)));
        }), store);
        // As deep as a document by itself may be; but in the record it is not by itself.
        var ended = await host.EndOf(await host.SubmitAsync("deep", 64));
        Assert.Equal((TaskState.Failed, EndCause.Error, null), (ended.State, ended.End!.Cause, ended.End.Result));
        Assert.StartsWith("its outcome could not be written: ", ended.End.Reason);
        Assert.Equal(1, runs);
        Assert.Equal(TaskState.Completed, (await host.EndOf(await host.SubmitAsync("deep", 60))).State);
    }

    [Fact]
    [Trait("Requirement", "B1")]
    public async Task A_handler_gets_its_input_and_its_result_is_in_the_end()
    {
        await using var host = await HandlerHost.StartAsync(s => s.AddHandler<Mail, Receipt>("mail", (mail, task) => Task.FromResult(new Receipt($"{mail.To} {mail.Copies} {task.Attempt}"))));
        var ended = await host.EndOf(await host.SubmitAsync("mail", new Mail("a@b", 2)));
        Assert.Equal((TaskState.Completed, EndCause.Exit), (ended.State, ended.End!.Cause));
        Assert.Equal("""{"id":"a@b 2 1"}""", ended.End.Result!.Value.GetRawText());
        Assert.Equal([TaskEventType.Submitted, TaskEventType.Started, TaskEventType.Ended], (await host.EventsOf(ended.Id)).Select(e => e.Type));
    }

    [Fact]
    [Trait("Requirement", "D8")]
    public async Task What_a_handler_throws_is_in_its_end_with_type_message_and_stack()
    {
        await using var host = await HandlerHost.StartAsync(s => s.AddHandler<Mail>("mail", (mail, _) => throw new FormatException($"no address: {mail.To}")));
        var ended = await host.EndOf(await host.SubmitAsync("mail", new Mail("x", 1)));
        Assert.Equal((TaskState.Failed, EndCause.Error, "System.FormatException: no address: x"), (ended.State, ended.End!.Cause, ended.End.Reason));
        Assert.Equal(("System.FormatException", "no address: x"), (ended.End.Error!.Type, ended.End.Error.Message));
        Assert.Contains(nameof(HandlerTests), ended.End.Error.Stack);
    }

    [Fact]
    public async Task An_unknown_handler_and_an_input_that_does_not_fit_are_refused_by_name()
    {
        await using var host = await HandlerHost.StartAsync(s => s.AddHandler<Mail>("mail", (_, _) => Task.CompletedTask).AddHandler("tick", _ => Task.CompletedTask));
        Assert.Equal("no handler 'post' is added to this host; there are: mail, tick", await Problem("post", null, "handler"));
        Assert.StartsWith("does not fit at $.copies: ", await Problem("mail", JsonSerializer.SerializeToElement(new { to = "a", copies = "two" }), "input"));
        Assert.Equal("is missing: the handler needs a Mail", await Problem("mail", null, "input"));
        Assert.Equal("is given, and the handler takes none", await Problem("tick", JsonSerializer.SerializeToElement(1), "input"));

        async Task<string> Problem(string handler, JsonElement? input, string field) =>
            (await Assert.ThrowsAsync<InvalidTaskException>(() => host.Client.SubmitAsync(new(new TaskDefaults().OfHandler(handler, input), SupervisedHost.Somebody)))).Errors[field][0];
    }

    [Fact]
    [Trait("Requirement", "B6")]
    public async Task A_handler_that_the_next_program_no_longer_has_ends_clearly()
    {
        var (store, time) = (new Outlast.Storage.InMemoryTaskStore(), new ManualTime());
        var host = await HandlerHost.StartAsync(s => s.AddHandler("old", task => Task.Delay(-1, task.HardToken)), store, time);
        var id = await host.SubmitAsync("old");
        await Eventually.TrueAsync(async () => (await host.ReadAsync(id)).State == TaskState.Running, "it runs");
        await host.AbandonAsync();
        await using var next = await HandlerHost.StartAsync(s => s.AddHandler("new", _ => Task.CompletedTask), store, time);
        var ended = await next.EndOf(id);
        Assert.Equal((TaskState.Failed, EndCause.NeverStarted, "no handler 'old' is added to this host; there is: new"), (ended.State, ended.End!.Cause, ended.End.Reason));
    }

    [Fact]
    [Trait("Requirement", "C1")]
    public async Task Code_at_any_depth_finds_its_own_task()
    {
        await using var host = await HandlerHost.StartAsync(s => s.AddHandler<int, string>("deep", async (_, task) =>
        {
            await Task.Yield();
            return await Deep() == task ? TaskContext.Current!.Task.ToString() : "another";

            static async Task<TaskContext?> Deep()
            {
                await Task.Yield();
                return TaskContext.Current;
            }
        }));
        var ids = await Task.WhenAll(Enumerable.Range(0, 8).Select(i => host.SubmitAsync("deep", i)));
        foreach (var id in ids) Assert.Equal(id.ToString(), (await host.EndOf(id)).End!.Result!.Value.GetString());
        Assert.Null(TaskContext.Current);
    }
}
