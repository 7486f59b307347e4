using Outlast.Cli.Serving;
using Outlast.Cli.Verbs;
using Outlast.Client;

namespace Outlast.Cli.Watching;

/// <summary>Looks at a host again and again, whatever becomes of it. One that died is started again; for one that somebody shut down it waits.</summary>
internal sealed class HostWatch(HostDoor door, TimeProvider time, TimeSpan interval) : IDisposable
{
    private const int MostOpen = 500, Newest = 100;
    private static readonly TimeSpan Remembered = TimeSpan.FromMinutes(1);
    private readonly Dictionary<string, TaskView> _ended = [];
    private readonly SemaphoreSlim _now = new(0, 1);
    private HashSet<string> _open = [];
    private OutlastHttpClient? _client;
    private TopSample? _last;

    /// <summary>The way to the host as it is now; none while it is away.</summary>
    public OutlastHttpClient? Client => _client;

    /// <summary>Looks for ever, and tells each time.</summary>
    public async Task LookAsync(Action<TopSample> tell, CancellationToken cancel)
    {
        while (true)
        {
            try
            {
                _client ??= await ReopenAsync(tell, cancel);
                tell(_client is null ? Away() : await TakeAsync(_client, cancel));
            }
            catch (Exception e) when (e is HostUnreachableException or OutlastProblemException or CommandException && !cancel.IsCancellationRequested)
            {
                tell(Away());
                var wasThere = _client is not null;
                // Not disposed: somebody may be in the middle of a call, which fails by itself.
                _client = null;
                if (wasThere) continue;
            }
            await RestAsync(cancel);
        }
    }

    /// <summary>A host takes its time to come; who looks on sees that time pass.</summary>
    private async Task<OutlastHttpClient?> ReopenAsync(Action<TopSample> tell, CancellationToken cancel)
    {
        var reopening = door.ReopenAsync(cancel);
        while (await Task.WhenAny(reopening, Task.Delay(interval, time, cancel)) != reopening)
        {
            cancel.ThrowIfCancellationRequested();
            tell(Away());
        }
        return await reopening;
    }

    /// <summary>Looks once, through a client of the caller's.</summary>
    public async Task<TopSample> TakeAsync(OutlastHttpClient client, CancellationToken cancel)
    {
        var host = await client.HostAsync(cancel);
        var open = await client.ListAsync(new() { States = TaskFilters.OpenStates, Limit = MostOpen, Live = true }, cancel);
        foreach (var task in (await client.ListAsync(new() { Limit = Newest }, cancel)).Tasks.Where(t => t.HasEnded)) _ended[task.Id] = task;
        var here = open.Tasks.Select(t => t.Id).ToHashSet();
        foreach (var gone in _open.Where(id => !here.Contains(id) && !_ended.ContainsKey(id)))
            if (await FindAsync(client, gone, cancel) is { HasEnded: true } task) _ended[gone] = task;
        var now = time.GetUtcNow();
        foreach (var (id, task) in _ended)
            if (here.Contains(id) || now - task.EndedAt > Remembered) _ended.Remove(id);
        _open = here;
        return _last = new(now, host, null, [.. open.Tasks, .. _ended.Values], open.NextCursor is not null, FreeBytes(host.DataFolder));
    }

    /// <summary>Looks at once: something was changed.</summary>
    public void Hurry()
    {
        if (_now.CurrentCount == 0) _now.Release();
    }

    public void Dispose()
    {
        _client?.Dispose();
        _now.Dispose();
    }

    private async Task RestAsync(CancellationToken cancel)
    {
        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        await Task.WhenAny(Task.Delay(interval, time, over.Token), _now.WaitAsync(over.Token));
        await over.CancelAsync();
        cancel.ThrowIfCancellationRequested();
    }

    /// <summary>What was last seen stays, without figures that are not true any more.</summary>
    private TopSample Away()
    {
        var now = time.GetUtcNow();
        var last = _last ?? TopSample.Nothing(now);
        return _last = last with { At = now, AwaySince = last.AwaySince ?? now, Tasks = [.. last.Tasks.Select(t => t with { Live = null })] };
    }

    private static async Task<TaskView?> FindAsync(OutlastHttpClient client, string id, CancellationToken cancel)
    {
        try
        {
            return await client.GetAsync(id, cancel: cancel);
        }
        catch (OutlastProblemException e) when (e.Type is ProblemTypes.Removed or ProblemTypes.NotFound)
        {
            return null;
        }
    }

    private static long? FreeBytes(string folder)
    {
        try
        {
            return new DriveInfo(folder).AvailableFreeSpace;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            return null;
        }
    }
}
