using Outlast.Output;
using Outlast.TestKit;
using Xunit;

namespace Outlast.Tests.Supervision;

public sealed class OutputBudgetTests : IDisposable
{
    private readonly ScratchFolder _scratch = new();

    public void Dispose() => _scratch.Dispose();

    [Fact]
    [Trait("Requirement", "U-60")]
    public async Task The_output_of_what_ended_first_goes_its_record_stays_and_says_why()
    {
        await using var host = await StartAsync("100KiB");
        var oldest = await EndedAsync(host, 40_000, "output.log", age: 3);
        var older = await EndedAsync(host, 40_000, "error.log", age: 2);
        var newest = await EndedAsync(host, 40_000, "output.log", age: 1);
        var (open, _) = await host.RunAsync();
        Print(host, open, 40_000, "output.log", age: 9);

        Assert.Equal(2, await host.OutputBudget.KeepOnceAsync(default));

        foreach (var gone in (TaskId[])[oldest, older])
        {
            var output = (await host.ReadAsync(gone)).Output;
            Assert.Equal(host.Time.GetUtcNow(), output.RemovedAt);
            Assert.Equal("all output together took more than 100 KiB (setting output.budget), and this was among the oldest", output.RemovedReason);
            Assert.Contains(await host.EventsOf(gone), e => e.Type == TaskEventType.Annotated && e.Data["text"].GetString()!.StartsWith("its output was removed: all output", StringComparison.Ordinal));
            Assert.Empty(Directory.EnumerateFiles(host.Folder.Attempt(gone, 1), "*.log*"));
            Assert.True(File.Exists(Path.Combine(host.Folder.Attempt(gone, 1), "exit")));
        }
        Assert.Null((await host.ReadAsync(newest)).Output.RemovedAt);
        Assert.Null((await host.ReadAsync(open)).Output.RemovedAt);
        Assert.True(File.Exists(Path.Combine(host.Folder.Attempt(open, 1), "output.log")));
        Assert.Equal(0, await host.OutputBudget.KeepOnceAsync(default));
    }

    [Fact]
    public async Task What_was_taken_out_of_a_log_does_not_count()
    {
        await using var host = await StartAsync("100KiB");
        var id = await EndedAsync(host, 200_000, "output.log", age: 1);
        await File.WriteAllTextAsync(DroppedRange.FileOf(Path.Combine(host.Folder.Attempt(id, 1), "output.log")), "4096 196608 end\n");
        Assert.Equal(0, await host.OutputBudget.KeepOnceAsync(default));
    }

    [Fact]
    public async Task A_host_that_died_between_the_record_and_the_files_leaves_them_to_the_next()
    {
        var store = new Outlast.Storage.InMemoryTaskStore();
        await using var host = await StartAsync("1KiB", store);
        var id = await EndedAsync(host, 5_000, "output.log", age: 1);
        Assert.Equal(1, await host.OutputBudget.KeepOnceAsync(default));
        var record = await host.ReadAsync(id);
        Print(host, id, 5_000, "output.log", age: 1);
        Assert.Equal(1, await host.OutputBudget.KeepOnceAsync(default));
        Assert.Equal(record.Version, (await host.ReadAsync(id)).Version);
        Assert.False(File.Exists(Path.Combine(host.Folder.Attempt(id, 1), "output.log")));
    }

    [Fact]
    public async Task What_ends_is_added_up_and_looked_at_within_a_minute()
    {
        await using var host = await StartAsync("10KiB");
        var id = await EndedAsync(host, 20_000, "output.log", age: 1);
        await Eventually.TrueAsync(async () =>
        {
            host.Time.Advance(TimeSpan.FromMinutes(1));
            return (await host.ReadAsync(id)).Output.RemovedAt is not null;
        }, "its output goes");
        var next = await EndedAsync(host, 20_000, "output.log", age: 0, printed: 20_000);
        await Eventually.TrueAsync(async () =>
        {
            host.Time.Advance(TimeSpan.FromSeconds(30));
            return (await host.ReadAsync(next)).Output.RemovedAt is not null;
        }, "its output goes");
    }

    private Task<SupervisedHost> StartAsync(string budget, Outlast.Storage.ITaskStore? store = null) =>
        SupervisedHost.StartAsync(store, folder: new(_scratch.Path), disk: () => (1L << 40, 1L << 40), settings: ("output.budget", budget));

    private static async Task<TaskId> EndedAsync(SupervisedHost host, int bytes, string log, int age, long printed = 0)
    {
        var (id, attempt) = await host.RunAsync();
        Print(host, id, bytes, log, age);
        attempt.Outcome.TrySetResult(new TaskOutcome { Kind = OutcomeKind.Succeeded, Cause = EndCause.Exit, Exit = new(0, null, []), Output = new(printed, 0, 0, 0) });
        await host.EndOf(id);
        return id;
    }

    private static void Print(SupervisedHost host, TaskId id, int bytes, string log, int age)
    {
        var folder = host.Folder.Attempt(id, 1);
        Directory.CreateDirectory(folder);
        File.WriteAllText(Path.Combine(folder, "exit"), "0 end\n");
        var path = Path.Combine(folder, log);
        File.WriteAllBytes(path, new byte[bytes]);
        File.WriteAllBytes(OutputTimes.FileOf(path), []);
        File.SetLastWriteTimeUtc(path, DateTime.UnixEpoch.AddDays(10_000 - age));
    }
}
