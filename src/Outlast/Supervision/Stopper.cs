using System.Collections.Immutable;
using Microsoft.Extensions.Logging;
using Outlast.Diagnostics;
using Outlast.Lifecycle;
using Outlast.Runners;

namespace Outlast.Supervision;

/// <summary>Decides when a stop begins; the only caller of a runner's ladder and of its verification.</summary>
internal sealed class Stopper(LiveAttempts attempts, TimeProvider time, ILogger<Stopper> log)
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);
    private CancellationToken _letGo;

    /// <summary>Until then ladders go on; after it the next host goes on with them.</summary>
    public void Open(CancellationToken letGo) => _letGo = letGo;

    /// <summary>A record was committed.</summary>
    public void Look(TaskRecord record)
    {
        if (attempts.Concerned(record) is not { } live) return;
        live.Update(record);
        Look(live);
    }

    /// <summary>Begins the stop of an attempt that is asked to, and skips the rest of its grace when that is asked.</summary>
    public void Look(LiveAttempt live)
    {
        if (live.Record is not { State: TaskState.Stopping, Stop: { } stop }) return;
        if (stop.Now) live.Hurry.Cancel();
        live.BeginStop(() => ClimbAsync(live, stop));
    }

    /// <summary>Ends what an ended attempt has left behind.</summary>
    /// <exception cref="DrainingException">The host goes, and some of it may be alive.</exception>
    public async Task<LeftoverReport> StopLeftoversAsync(ITaskRunner runner, AttemptContext attempt, ImmutableArray<Survivor> named, StopRequest stop)
    {
        try
        {
            return await runner.StopLeftoversAsync(attempt, named, stop, _letGo);
        }
        catch (OperationCanceledException) when (_letGo.IsCancellationRequested)
        {
            throw new DrainingException();
        }
    }

    /// <summary>What the stop of this attempt found in the end; none if none is under way.</summary>
    public static async Task<StopVerification?> VerifyAsync(LiveAttempt live) =>
        live.Stop is { } stop && await stop is { } report ? new(report.Survivors, report.Evidence) : null;

    private async Task<StopReport> ClimbAsync(LiveAttempt live, StopRequest stop)
    {
        while (true)
        {
            try
            {
                return await live.Runner.StopAsync(live.Context, stop, live.Hurry.Token, _letGo);
            }
            catch (Exception e) when (!_letGo.IsCancellationRequested)
            {
                // Nothing is known of what lives, so the stop is not over.
                log.StopFailed(e, live.Id);
            }
            await Task.Delay(Pause, time, _letGo);
        }
    }
}
