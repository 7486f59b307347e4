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

    protected ITaskStore Store { get; private set; } = null!;

    /// <summary>A new, empty store that has not been opened.</summary>
    protected abstract ITaskStore Create();

    public virtual async Task InitializeAsync()
    {
        Store = Create();
        await Store.OpenAsync();
    }

    public virtual async Task DisposeAsync() => await Store.DisposeAsync();

    // -- commits ------------------------------------------------------------------------------------------------------

    [Fact]
    [Trait("Requirement", "U-102")]
    public async Task A_new_record_gets_the_next_number_and_can_be_read_as_it_was_written()
    {
        var first = await SubmitAsync(Queued());
        var second = await SubmitAsync(Queued());

        Assert.Equal([1, 2], [first.Number, second.Number]);
        Assert.Equal(Text(second), Text((await Store.FindAsync(second.Id))!));
    }

    [Fact]
    [Trait("Requirement", "V-79")]
    public async Task Every_field_comes_back_as_it_was_written()
    {
        var full = FullRecord();
        var stored = await SubmitAsync(full);
        Assert.Equal(Text(full with { Number = stored.Number }), Text((await Store.FindAsync(full.Id))!));
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
        var verdicts = await Task.WhenAll(Enumerable.Range(1, 64).Select(i => Task.Run(() => Store.CommitAsync(StoreCommit.Of(Change(queued, Running(queued, FencingToken.Of(1, (uint)i))))))));

        var winner = Assert.Single(verdicts, verdict => verdict.Result == CommitResult.Committed);
        Assert.All(verdicts.Where(verdict => verdict != winner), verdict => Assert.Equal((CommitResult.WrongVersion, (TaskId?)queued.Id), (verdict.Result, verdict.Offender)));
        Assert.Equal(Text(winner.Records.Single()), Text((await Store.FindAsync(queued.Id))!));
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

    protected async Task<TaskRecord> SubmitAsync(TaskRecord record, IdempotencyKey? key = null)
    {
        var verdict = await Store.CommitAsync(StoreCommit.Of(Submit(record, key)));
        Assert.Equal(CommitResult.Committed, verdict.Result);
        return verdict.Records.Single();
    }

    protected async Task<CommitResult> CommitAsync(params RecordChange[] changes) => (await Store.CommitAsync(new StoreCommit([.. changes]))).Result;

    private static TaskRecord FullRecord() => Queued();
}
