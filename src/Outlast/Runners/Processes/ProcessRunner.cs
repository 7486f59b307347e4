using System.Collections.Immutable;
using Outlast.Diagnostics;

namespace Outlast.Runners.Processes;

/// <summary>Runs OS processes that outlive their host. The protocol is in this folder's README.</summary>
public sealed class ProcessRunner : ITaskRunner, IDisposable
{
    private static readonly TimeSpan AtOnce = TimeSpan.FromMilliseconds(25), LongestPause = TimeSpan.FromMilliseconds(300);

    private readonly TimeProvider _time;
    private readonly ProcessRunnerOptions _options;
    private readonly ProcessWatcher _watcher;
    private readonly ProcessWalker _walker = new();
    private readonly AttemptRegistry _attempts = new();
    private readonly Launcher _launcher;
    private readonly Leftovers _leftovers;
    private readonly Settlement _settlement;
    private readonly Examiner _examiner;

    /// <summary>A runner of its own; one a host.</summary>
    public ProcessRunner(ProcessRunnerOptions options, TimeProvider time)
    {
        if (!OperatingSystem.IsLinux()) throw new PlatformNotSupportedException("Processes that outlive their host need Linux.");
        _time = time;
        _options = options;
        _watcher = new ProcessWatcher(time);
        if (options.TakesChildren) _watcher.TakeChildren();
        _launcher = new Launcher(options, _watcher);
        _leftovers = new Leftovers(_walker, _watcher, options, time);
        _settlement = new Settlement(_walker, _leftovers, options, time);
        _examiner = new Examiner(_walker, options, time);
    }

    /// <inheritdoc/>
    public TaskKind Kind => TaskKind.Process;

    /// <inheritdoc/>
    public async Task<TaskOutcome> RunAsync(AttemptContext attempt, CancellationToken letGo)
    {
        using var lease = _attempts.Enter(attempt);
        switch (Launch(lease.Attempt, attempt))
        {
            case Processes.Launch.Refused refused:
                return new TaskOutcome { Kind = OutcomeKind.Failed, Cause = EndCause.NeverStarted, Reason = refused.Reason };
            case Processes.Launch.Started started:
                var process = new ProcessFacts(started.Wrapper.Pid, null, Machine.BootId, started.Wrapper.StartTicks);
                (attempt.Process, attempt.LaunchedAt) = (process, _time.GetUtcNow());
                var end = _settlement.FollowAsync(lease.Attempt, attempt, started.Wrapper, started.Keepers, letGo);
                // What ends at once is recorded in one step with its end; until then the folder alone proves that it runs.
                await Task.WhenAny(end, Task.Delay(AtOnce, _time, CancellationToken.None)).ConfigureAwait(false);
                if (!end.IsCompleted)
                {
                    attempt.LaunchedAt = null;
                    var known = attempt.Launched(process);
                    await SendAheadAsync(lease.Attempt.Output, end).ConfigureAwait(false);
                    await known.ConfigureAwait(false);
                }
                return await end.ConfigureAwait(false);
            default:
                throw new InvalidOperationException();
        }
    }

    /// <inheritdoc/>
    public async Task<AttemptFinding> ExamineAsync(AttemptContext attempt, CancellationToken letGo)
    {
        using var lease = _attempts.Enter(attempt);
        var finding = await _examiner.ExamineAsync(lease.Attempt, attempt, letGo).ConfigureAwait(false);
        // Gone without a word, but not unseen: it was a child of this process.
        return finding.Kind is FindingKind.Gone && attempt.Process is { } process && process.BootId == Machine.BootId && _watcher.HasTaken(process.Pid, process.StartTicks)
            ? new(FindingKind.Ended, $"{finding.Evidence}; its exit status", finding.Process ?? process)
            : finding;
    }

    /// <inheritdoc/>
    public async Task<TaskOutcome> AdoptAsync(AttemptContext attempt, CancellationToken letGo)
    {
        using var lease = _attempts.Enter(attempt);
        lease.Attempt.AdoptedAt ??= _time.GetUtcNow();
        var process = Examiner.Locate(lease.Attempt, attempt);
        var wrapper = process is not null && process.BootId == Machine.BootId ? await _watcher.WatchAsync(process.Pid, process.StartTicks, letGo).ConfigureAwait(false) : null;
        attempt.Process ??= process;
        return await _settlement.FollowAsync(lease.Attempt, attempt, wrapper, [], letGo).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async Task<StopReport> StopAsync(AttemptContext attempt, StopRequest stop, CancellationToken hurry, CancellationToken letGo)
    {
        using var lease = _attempts.Enter(attempt);
        var remembered = lease.Attempt;
        if (remembered.IsStartedHere) await remembered.LaunchDecided.WaitAsync(letGo).ConfigureAwait(false);
        // A stop may come before whoever adopts it.
        else remembered.AdoptedAt ??= _time.GetUtcNow();
        Examiner.Locate(remembered, attempt);
        var ladder = remembered.JoinLadder(() => new StopLadder(remembered, attempt.Spec.Process!, attempt.Spec.StopGrace, stop, _walker, _watcher, _options, _time));
        if (stop.Now) ladder.Hurry();
        using var hurrying = hurry.Register(ladder.Hurry);
        return await ladder.ClimbOnceAsync(letGo).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public ImmutableDictionary<TaskId, AttemptVitals> Measure(IReadOnlyList<AttemptContext> attempts, IDictionary<TaskId, Exception> failures)
    {
        if (attempts.Count == 0) return ImmutableDictionary<TaskId, AttemptVitals>.Empty;
        var table = _walker.TakeForMeasuring();
        var vitals = ImmutableDictionary.CreateBuilder<TaskId, AttemptVitals>();
        foreach (var context in attempts)
        {
            try
            {
                using var lease = _attempts.Enter(context);
                vitals[context.Task] = Measure(lease.Attempt, context, table);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                failures[context.Task] = e;
            }
        }
        return vitals.ToImmutable();
    }

    /// <inheritdoc/>
    public OutputFacts MeasureOutput(AttemptContext attempt)
    {
        using var lease = _attempts.Enter(attempt);
        return lease.Attempt.Output.Measure();
    }

    /// <inheritdoc/>
    public ImmutableArray<Survivor> FindLeftovers(AttemptContext attempt, ImmutableArray<Survivor> named) => Leftovers.FindAlive(attempt, new AttemptFolder(attempt.Folder), named);

    /// <inheritdoc/>
    public Task<LeftoverReport> StopLeftoversAsync(AttemptContext attempt, ImmutableArray<Survivor> named, StopRequest stop, CancellationToken letGo) => _leftovers.EndAsync(attempt, named, stop, letGo);

    /// <inheritdoc/>
    public InputReceipt Send(AttemptContext attempt, ReadOnlySpan<byte> bytes, bool end)
    {
        using var lease = _attempts.Enter(attempt);
        return lease.Attempt.Input.Send(bytes, end);
    }

    /// <summary>Stops watching; leaves every process alone.</summary>
    public void Dispose() => _watcher.Dispose();

    /// <summary>Looks often while much is printed, and no more once that was over for a while: what is printed later is left to the sync at the end.</summary>
    private async Task SendAheadAsync(OutputGauge output, Task end)
    {
        for (var pause = AtOnce; pause < LongestPause && !end.IsCompleted; pause = output.SendAhead() ? AtOnce : 2 * pause)
            await Task.WhenAny(end, Task.Delay(pause, _time, CancellationToken.None)).ConfigureAwait(false);
    }

    private Launch Launch(ProcessAttempt remembered, AttemptContext attempt)
    {
        remembered.IsStartedHere = true;
        try
        {
            var launch = _launcher.Start(attempt, remembered.Folder);
            if (launch is Launch.Started started)
            {
                remembered.Begin(started.Wrapper, _time.GetTimestamp());
                Milestone.Reach(Milestone.Spawned, attempt.Task);
            }
            return launch;
        }
        finally
        {
            remembered.DecideLaunch();
        }
    }

    private static AttemptVitals Measure(ProcessAttempt attempt, AttemptContext context, ProcessTable table)
    {
        var living = attempt.Observe(table);
        // The wrapper has one child: the command.
        if (context.Process is { CommandPid: null } wrapper && living.FirstOrDefault(p => p.Parent == wrapper.Pid) is { Pid: > 0 } command) context.Process = wrapper with { CommandPid = command.Pid };
        var memory = attempt.MeasureMemory(living);
        var output = attempt.Output.Measure(out var changedAt);
        var (cpu, births, peak) = attempt.Usage;
        return new AttemptVitals(output, changedAt, cpu, births, living.Length, peak, memory);
    }
}
