using Microsoft.Extensions.DependencyInjection;
using Outlast.TestKit;
using Outlast.Tests.Diagnostics;
using Outlast.Tests.Supervision;

namespace Outlast.Tests.Runners.Handlers;

/// <summary>The pool is the process's: nothing else runs while it is used up.</summary>
[Collection(AloneCollection.Name)]
public sealed class StarvationTests
{
    [Fact]
    [Trait("Requirement", "B13")]
    public async Task Handlers_that_block_after_their_first_wait_starve_nobody()
    {
        const int all = 250;
        using var never = new ManualResetEventSlim();
        var blocked = 0;
        await using var host = await HandlerHost.StartAsync(s => s
            .AddHandler("wedged", async task =>
            {
                await task.StepAsync("first", _ => Task.CompletedTask);
                // From here on it is one of the pool's threads.
                await Task.Yield();
                Interlocked.Increment(ref blocked);
                never.Wait();
            })
            .AddHandler<int, int>("quick", (i, _) => Task.FromResult(i)));
        try
        {
            var ids = new List<TaskId>();
            for (var i = 0; i < all; i++) ids.Add(await host.SubmitAsync("wedged"));
            await Eventually.TrueAsync(() => Volatile.Read(ref blocked) == all, "all of them block");
            Assert.Equal(5, (await host.EndOf(await host.SubmitAsync("quick", 5))).End!.Result!.Value.GetInt32());
        }
        finally
        {
            never.Set();
        }
    }
}
