using Microsoft.Extensions.Logging;
using Outlast.Diagnostics;
using Outlast.Storage;

namespace Outlast.Supervision;

/// <summary>Whether the store accepts writes. After a failure it is probed until it does, and whoever waits for that goes on.</summary>
internal sealed class StoreHealth(ITaskStore store, TimeProvider time, ILogger<StoreHealth> log)
{
    private static readonly TimeSpan ProbeEvery = TimeSpan.FromMilliseconds(500);
    private readonly Lock _lock = new();
    // Guarded by _lock: what is wrong, and who waits for it to be over.
    private string? _failure;
    private TaskCompletionSource? _recovered;

    /// <summary>What is wrong; none when all is well.</summary>
    public string? Failure
    {
        get { lock (_lock) return _failure; }
    }

    /// <summary>Told after each recovery.</summary>
    public event Action? Recovered;

    /// <summary>Told once another host has the store: this one can do nothing any more.</summary>
    public event Action<string>? LostForGood;

    /// <summary>A write failed. Completes when one would succeed again.</summary>
    public Task FailedAsync(StoreUnavailableException failure, CancellationToken letGo)
    {
        lock (_lock)
        {
            _failure = failure.Message;
            if (_recovered is null)
            {
                _recovered = new(TaskCreationOptions.RunContinuationsAsynchronously);
                log.StoreFailed(failure.Message);
                if (failure.IsForGood) _ = Task.Run(() => LostForGood?.Invoke(failure.Message), CancellationToken.None);
                else _ = ProbeUntilRecoveredAsync(letGo);
            }
            return _recovered.Task.WaitAsync(letGo);
        }
    }

    private async Task ProbeUntilRecoveredAsync(CancellationToken letGo)
    {
        try
        {
            while (true)
            {
                await Task.Delay(ProbeEvery, time, letGo);
                try
                {
                    await store.ProbeAsync(letGo);
                    break;
                }
                catch (StoreUnavailableException e)
                {
                    lock (_lock) _failure = e.Message;
                    if (!e.IsForGood) continue;
                    LostForGood?.Invoke(e.Message);
                    return;
                }
            }
        }
        catch (OperationCanceledException)
        {
            return;
        }
        TaskCompletionSource? recovered;
        lock (_lock)
        {
            (_failure, recovered, _recovered) = (null, _recovered, null);
        }
        log.StoreRecovered();
        recovered?.TrySetResult();
        Recovered?.Invoke();
    }
}
