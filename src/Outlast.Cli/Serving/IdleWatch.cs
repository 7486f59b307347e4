using Microsoft.AspNetCore.Builder;

namespace Outlast.Cli.Serving;

/// <summary>Ends a host that a verb started once nobody needs it: for the whole limit no open task, nothing that is to happen to one, and no client.</summary>
internal sealed class IdleWatch(IHostStatus host, Farewell going, TimeProvider time, TimeSpan limit)
{
    private int _clients;
    private long _lastNeeded = time.GetTimestamp();

    /// <summary>Counts a client for as long as it is answered; followers stay as long as they follow.</summary>
    public void Count(IApplicationBuilder app) => app.Use(async (client, next) =>
    {
        Interlocked.Increment(ref _clients);
        try
        {
            await next(client);
        }
        finally
        {
            Volatile.Write(ref _lastNeeded, time.GetTimestamp());
            Interlocked.Decrement(ref _clients);
        }
    });

    /// <summary>Looks several times within the limit; returns when the host is to go.</summary>
    public async Task WatchAsync(CancellationToken cancel)
    {
        var pause = TimeSpan.FromMilliseconds(Math.Clamp(limit.TotalMilliseconds / 10, 10, 30_000));
        while (!cancel.IsCancellationRequested)
        {
            if (Volatile.Read(ref _clients) > 0 || host.Load is not (0, 0) || host.NextDue is not null) Volatile.Write(ref _lastNeeded, time.GetTimestamp());
            else if (time.GetElapsedTime(Volatile.Read(ref _lastNeeded)) >= limit)
            {
                await going.LeaveAsync("idle");
                return;
            }
            await Task.Delay(pause, time, cancel);
        }
    }
}
