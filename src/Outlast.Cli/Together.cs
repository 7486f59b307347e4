namespace Outlast.Cli;

/// <summary>Work that belongs together: the first that fails ends the others.</summary>
internal static class Together
{
    public static async Task RunAsync(CancellationToken cancel, params Func<CancellationToken, Task>[] works)
    {
        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        var running = works.Select(work => work(over.Token)).ToList();
        try
        {
            await foreach (var done in Task.WhenEach(running)) await done;
        }
        finally
        {
            await over.CancelAsync();
        }
    }
}
