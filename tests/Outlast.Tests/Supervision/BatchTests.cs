using Outlast.TestKit;

namespace Outlast.Tests.Supervision;

public sealed class BatchTests
{
    [Fact]
    public async Task Its_tasks_have_the_order_of_the_batch_and_run()
    {
        await using var host = await SupervisedHost.StartAsync(runner: new() { EndAtOnce = true }, settings: ("concurrency.processes", "2"));
        var tasks = await host.Client.SubmitManyAsync(Batch("a", "b", "c"));
        Assert.Equal(["a", "b", "c"], tasks.Select(t => t.Record.Spec.Name));
        Assert.Equal([1, 2, 3], tasks.Select(t => t.Record.Number));
        foreach (var task in tasks) Assert.Equal(TaskState.Completed, (await host.EndOf(task.Record.Id)).State);
    }

    [Fact]
    public async Task Its_parents_count_each_of_their_children()
    {
        await using var host = await SupervisedHost.StartAsync();
        var (parent, _) = await host.RunAsync();
        await host.Client.SubmitManyAsync(new([Of("one") with { Parent = parent }, Of("other"), Of("two") with { Parent = parent }]));
        Assert.Equal(2, (await host.ReadAsync(parent)).OpenChildren);
        Assert.Equal(["one", "two"], (await host.Client.TreeAsync(parent)).Children.Select(c => c.Task.Record.Spec.Name));
        await host.Client.StopAsync(parent, new(EndCause.User, SupervisedHost.Somebody));
        Assert.Equal(TaskState.Stopped, (await host.EndOf(parent)).State);
    }

    [Fact]
    public async Task Where_one_cannot_be_none_is()
    {
        await using var host = await SupervisedHost.StartAsync(settings: ("concurrency.processes", "2"));
        var (ended, attempt) = await host.RunAsync();
        attempt.End(0);
        await host.EndOf(ended);
        await Eventually.TrueAsync(() => host.Dispatcher.Taken == 0, "the place is free");

        var refusing = new TaskSubmission(SupervisedHost.Spec() with { RefuseWhenFull = true }, SupervisedHost.Somebody);
        await Assert.ThrowsAsync<ParentEndedException>(() => host.Client.SubmitManyAsync(new([Of("a"), Of("b") with { Parent = ended }])));
        await Assert.ThrowsAsync<TaskNotFoundException>(() => host.Client.SubmitManyAsync(new([Of("a"), Of("b") with { Parent = TaskId.New(host.Time.GetUtcNow()) }])));
        await Assert.ThrowsAsync<FullException>(() => host.Client.SubmitManyAsync(new([refusing, refusing, refusing])));
        Assert.Equal(0, host.Dispatcher.Taken);
        var bad = await Assert.ThrowsAsync<InvalidTaskException>(() => host.Client.SubmitManyAsync(new([Of("a"), new(new() { Name = "agent", Agent = "reviewer" }, SupervisedHost.Somebody)])));
        Assert.Equal("tasks[1].kind", Assert.Single(bad.Errors).Key);
        await Assert.ThrowsAsync<ArgumentException>(() => host.Client.SubmitManyAsync(new([])));
        await Assert.ThrowsAsync<ArgumentException>(() => host.Client.SubmitManyAsync(new([Of("a") with { IdempotencyKey = "own" }])));
        Assert.Equal([ended], (await host.Client.ListAsync(new())).Tasks.Select(t => t.Record.Id));

        Assert.Equal(2, (await host.Client.SubmitManyAsync(new([refusing, refusing]))).Length);
        await Eventually.TrueAsync(() => host.Runner.Running == 2, "both run, each in the place that was kept for it");
    }

    [Fact]
    public async Task The_same_key_gives_the_same_tasks_and_another_body_none()
    {
        await using var host = await SupervisedHost.StartAsync(settings: ("concurrency.processes", "1"));
        await host.SubmitAsync();
        var first = await host.Client.SubmitManyAsync(Batch("a", "b", "c") with { IdempotencyKey = "k", BodyHash = "1" });
        await host.SubmitAsync();
        var again = await host.Client.SubmitManyAsync(Batch("a", "b", "c") with { IdempotencyKey = "k", BodyHash = "1" });
        Assert.Equal(first.Select(t => t.Record.Id), again.Select(t => t.Record.Id));
        Assert.All(again, t => Assert.True(t.Repeated));
        var atOnce = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(() => host.Client.SubmitManyAsync(Batch("x", "y") with { IdempotencyKey = "at once", BodyHash = "2" }))));
        Assert.Single(atOnce.Select(tasks => string.Join(' ', tasks.Select(t => t.Record.Id))).Distinct());

        var mismatch = await Assert.ThrowsAsync<IdempotencyMismatchException>(() => host.Client.SubmitManyAsync(Batch("a", "b") with { IdempotencyKey = "k", BodyHash = "3" }));
        Assert.Equal(first[0].Record.Id, mismatch.Id);
        Assert.Equal(7, (await host.Client.ListAsync(new())).Tasks.Length);
    }

    [Fact]
    public async Task A_key_without_the_hash_of_a_body_stands_for_nothing()
    {
        await using var host = await SupervisedHost.StartAsync();
        await Assert.ThrowsAsync<ArgumentException>(() => host.Client.SubmitManyAsync(Batch("a") with { IdempotencyKey = "k" }));
        await Assert.ThrowsAsync<ArgumentException>(() => host.Client.SubmitAsync(Of("a") with { IdempotencyKey = "k" }));
        Assert.Empty((await host.Client.ListAsync(new())).Tasks);
    }

    [Fact]
    public async Task What_was_not_submitted_together_is_no_answer_to_a_key()
    {
        await using var host = await SupervisedHost.StartAsync();
        await host.Client.SubmitManyAsync(Batch("a", "b") with { IdempotencyKey = "k", BodyHash = "1" });
        host.Time.Advance(TimeSpan.FromMilliseconds(1));
        await host.SubmitAsync();
        await Assert.ThrowsAsync<IdempotencyMismatchException>(() => host.Client.SubmitManyAsync(Batch("a", "b", "c") with { IdempotencyKey = "k", BodyHash = "1" }));
        await Assert.ThrowsAsync<IdempotencyMismatchException>(() => host.Client.SubmitManyAsync(Batch("a", "b", "c", "d") with { IdempotencyKey = "k", BodyHash = "1" }));
    }

    private static TaskSubmission Of(string name) => new(SupervisedHost.Spec(name), SupervisedHost.Somebody);

    private static TaskBatch Batch(params string[] names) => new([.. names.Select(Of)]);
}
