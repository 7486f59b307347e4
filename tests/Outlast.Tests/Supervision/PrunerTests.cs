using Outlast.TestKit;

namespace Outlast.Tests.Supervision;

public sealed class PrunerTests
{
    [Fact]
    [Trait("Requirement", "S2293-3")]
    [Trait("Requirement", "U-01")]
    [Trait("Requirement", "S2293-16")]
    public async Task Retention_counts_from_the_end_and_the_id_answers_afterwards()
    {
        await using var host = await SupervisedHost.StartAsync();
        var (id, attempt) = await host.RunAsync();
        var (open, _) = await host.RunAsync();
        host.Time.Advance(TimeSpan.FromDays(40));
        attempt.End(0);
        await host.EndOf(id);

        host.Time.Advance(TimeSpan.FromDays(29));
        Assert.Equal(0, await host.Pruner.PruneAsync(default));
        Assert.Equal(TaskState.Completed, (await host.ReadAsync(id)).State);

        host.Time.Advance(TimeSpan.FromDays(2));
        await host.Pruner.PruneAsync(default);
        var removed = await Assert.ThrowsAsync<TaskRemovedException>(() => host.ReadAsync(id));
        Assert.Equal((TaskState.Completed, 1L), (removed.Tombstone.State, removed.Tombstone.Number));
        Assert.Contains("30d", removed.Tombstone.Reason);
        await Assert.ThrowsAsync<TaskRemovedException>(() => host.Client.WaitAsync(id, TimeSpan.FromHours(1)));
        Assert.Contains(await host.EventsOf(id), e => e.Type == TaskEventType.Removed);
        Assert.Equal(TaskState.Running, (await host.ReadAsync(open)).State);
    }
}
