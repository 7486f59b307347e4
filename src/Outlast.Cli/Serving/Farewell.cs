using Microsoft.Extensions.Hosting;
using Outlast.AspNetCore;

namespace Outlast.Cli.Serving;

/// <summary>The host's going when nobody asks over HTTP: a signal, or idleness. What it says of it is on disk before the first connection closes.</summary>
internal sealed class Farewell(IHostDeparture departure, IHostRestart restart, IHostApplicationLifetime lifetime, TimeProvider time)
{
    /// <summary>A disk that does not answer keeps no host here.</summary>
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(5);

    private volatile bool _isUnderWay;

    /// <summary>Whether the host was told to go.</summary>
    public bool IsUnderWay => _isUnderWay;

    /// <summary>Leaves for good; processes go on.</summary>
    public async Task LeaveAsync(string why)
    {
        _isUnderWay = true;
        restart.CallOff();
        try
        {
            await departure.PrepareAsync(new(DepartureMode.Leave, Actor.Rule(why)), CancellationToken.None).WaitAsync(Bound, time);
        }
        catch (Exception e) when (e is TimeoutException or OutlastException)
        {
            // It goes all the same.
        }
        finally
        {
            lifetime.StopApplication();
        }
    }
}
