using Outlast.TestKit;
using Outlast.Tests.Supervision;

namespace Outlast.Tests.Hosting;

/// <summary>A program that ends is not held up by its host.</summary>
public sealed class FarewellTests
{
    [Fact]
    [Trait("Requirement", "B15")]
    public async Task A_store_that_does_not_answer_holds_the_programs_shutdown_no_longer_than_its_own_limit()
    {
        var store = new FailingStore();
        var host = await SupervisedHost.StartAsync(store);
        await host.RunAsync();
        var hangs = new TaskCompletionSource();
        store.Gate = hangs.Task;
        using var limit = new CancellationTokenSource();

        var going = host.StopAsync(limit.Token);
        Assert.False(going.IsCompleted);
        await limit.CancelAsync();
        await going.Soon();

        Assert.Equal("the host is going away", Assert.Single(host.Status.NotReady));
        hangs.SetResult();
        await host.DisposeAsync();
    }

    [Fact]
    [Trait("Requirement", "B15")]
    public async Task A_runner_that_does_not_let_go_holds_it_no_longer_either()
    {
        var runner = new ScriptedRunner();
        var host = await SupervisedHost.StartAsync(runner: runner);
        // It stands in the launch, and hears nothing of letting go.
        var stands = new ManualResetEventSlim();
        runner.Launch = _ => stands.Wait();
        await host.SubmitAsync();
        await Eventually.TrueAsync(() => host.Attempts.Count == 1, "the attempt is being launched");
        using var limit = new CancellationTokenSource();

        var going = host.StopAsync(limit.Token);
        await limit.CancelAsync();
        await going.Soon();

        stands.Set();
        await host.DisposeAsync();
    }
}
