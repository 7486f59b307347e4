using System.Globalization;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Outlast.Sqlite;

namespace Outlast.Benchmarks.Hosts;

/// <summary>A program with a host within and journaled handlers, to be killed and started again. Each handler takes one step, which is not to be taken twice, and then waits for ever.</summary>
/// <remarks>It prints two numbers once every handler is past its step: how many are, and how many of them took the step in this program.</remarks>
internal static class HandlerProgram
{
    public const string Argument = "handlers";
    private const string Journaled = "journaled";

    public static async Task<int> RunAsync(string folder, int n)
    {
        int past = 0, taken = 0;
        var all = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var builder = Host.CreateEmptyApplicationBuilder(new());
        builder.Services.AddOutlast(given => given.Set("concurrency.handlers", n)).UseSqlite(folder).AddHandler(Journaled, async task =>
        {
            await task.StepAsync("first", _ =>
            {
                Interlocked.Increment(ref taken);
                return Task.CompletedTask;
            });
            if (Interlocked.Increment(ref past) == n) all.SetResult();
            await Task.Delay(Timeout.Infinite, task.StopToken);
        });
        using var host = builder.Build();
        await host.StartAsync();
        var tasks = host.Services.GetRequiredService<ITaskClient>();
        if ((await tasks.ListAsync(new() { Limit = 1 })).Tasks.IsEmpty)
            await Harness.Callers.ShareAsync(n, 64, _ => tasks.SubmitAsync(Handlers.Submission(Journaled)));
        await all.Task;
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{past} {taken}"));
        await host.WaitForShutdownAsync();
        return 0;
    }
}
