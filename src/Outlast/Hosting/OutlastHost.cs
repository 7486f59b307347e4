using System.Collections.Immutable;
using System.Reflection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Outlast.Diagnostics;
using Outlast.Lifecycle;
using Outlast.Runners.Processes;
using Outlast.Storage;
using Outlast.Supervision;

namespace Outlast.Hosting;

/// <summary>Brings the actors up in order, and down again without touching the work.</summary>
internal sealed class OutlastHost(
    ITaskStore store, HostIdentity identity, TaskFeed feed, TaskLedger ledger, TaskDesk desk, Dispatcher dispatcher, DueWatch due, Executor executor, Stopper stopper, Watchdog watchdog, TreeBudgets budgets, OutputWatch outputWatch, OutputBudget outputBudget, DiskGuard disk,
    Rescuer rescuer, Pruner pruner, Courier courier, LiveAttempts attempts, RunnerSet runners, StoreHealth health, Doctor doctor, Departure departure, OutlastSettings settings, DataFolder folder, TaskMeter meter, HostGauges gauges, TimeProvider time,
    ILogger<OutlastHost> log, HostOrigin? origin = null, FolderHold? hold = null, IHostApplicationLifetime? program = null)
    : IHostedService, IHostStatus
{
    private static readonly TimeSpan FarewellBound = TimeSpan.FromSeconds(5);
    private readonly CancellationTokenSource _letGo = new();
    private readonly List<Task> _loops = [];
    private HostFacts? _facts;
    private volatile bool _going;

    public HostFacts Facts => _facts ?? throw new InvalidOperationException("The host has not started yet.");

    // Who waits for somebody has lent its place, and is here all the same.
    public (int Running, int Queued) Load => (Math.Max(dispatcher.Taken, attempts.Count), dispatcher.Queued);

    public DateTimeOffset? NextDue => due.Next;

    public ImmutableArray<string> NotReady =>
        _going ? ["the host is going away"] : departure.IsUnderWay ? ["the host is draining: it takes no new work"] : _facts is null ? ["the host is starting"] : _loops.Any(l => l.IsFaulted) ? ["a part of the host has failed; its log says which: restart it"] : health.Failure is { } failure ? [failure] : disk.Failure is { } low ? [$"the disk: {low}"] : [];

    public async Task StartAsync(CancellationToken cancel)
    {
        if (hold is not null) await hold.TakeAsync(cancel);
        var opening = await store.OpenAsync(cancel);
        identity.Open(opening.Epoch);
        health.LostForGood += End;
        // Before the dispatcher, which may claim at once: what is told of the claim makes void what is told of the wait, and a tree that is seen first when it has started is taken for one that was found.
        feed.Changed += due.Look;
        feed.Changed += budgets.Look;
        feed.Changed += LookIfOurs;
        feed.Changed += stopper.Look;
        attempts.Added += attempt => budgets.Look(attempt.Record);
        feed.Ended += LogEnd;
        feed.Committed += committed => meter.Count(committed.Records, committed.Events);
        meter.Show(() => gauges.Tasks, () => gauges.Notices);
        executor.Open(_letGo.Token);
        stopper.Open(_letGo.Token);
        _facts = new HostFacts(Version(hold), identity.Id, Machine.BootId, opening.Epoch, time.GetUtcNow(), folder.Path, store.Description,
            [.. runners.All.Select(r => Names.Of(r.Kind)), .. runners.All.SelectMany(r => r.Subjects.Select(s => $"{Names.Of(r.Kind)}:{s}"))], settings.All)
        { Program = hold?.Program };
        await NoteAsync(TaskEventType.HostStarted, Arrival());
        due.Open(_letGo.Token);
        var left = await rescuer.TakeStockAsync(_letGo.Token);
        log.HostOpened(identity.Id, folder.Path, left.Count + dispatcher.Queued, opening.Quarantined);
        disk.Look();
        dispatcher.Open(_letGo.Token);
        _loops.Add(rescuer.RescueAsync(left, _letGo.Token));
        _loops.Add(rescuer.KeepLookingAsync(_letGo.Token));
        _loops.Add(watchdog.KeepLookingAsync(_letGo.Token));
        _loops.Add(outputWatch.KeepLookingAsync(_letGo.Token));
        _loops.Add(outputBudget.KeepWithinAsync(_letGo.Token));
        _loops.Add(disk.KeepLookingAsync(_letGo.Token));
        _loops.Add(pruner.KeepPruningAsync(_letGo.Token));
        _loops.Add(courier.KeepDeliveringAsync(_letGo.Token));
        foreach (var loop in _loops) _ = loop.ContinueWith(LogLoop, CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted, TaskScheduler.Default);
    }

    /// <summary>Takes no new work, lets go of what runs, and waits until nothing is being written any more.</summary>
    /// <param name="cancel">The program's own limit: what is not done by then, the next host finds as if this one had died.</param>
    public Task StopAsync(CancellationToken cancel) => LetGoAsync(cancel, cancel);

    /// <summary>The same, with a limit of its own for what can be suspended.</summary>
    internal async Task LetGoAsync(CancellationToken suspensionIsOver, CancellationToken cancel)
    {
        if (_going) return;
        await WithinAsync(departure.LeaveAsync(suspensionIsOver), cancel);
        _going = true;
        desk.Close();
        dispatcher.Close();
        log.HostGoes(identity.Id, attempts.Count);
        await WithinAsync(_letGo.CancelAsync(), cancel);
        await Task.WhenAny(Task.WhenAll([.. _loops, attempts.WhenEmpty]), Task.Delay(FarewellBound, time, cancel));
        await WithinAsync(NoteAsync(TaskEventType.HostStopped, EventData.None), cancel);
    }

    private static async Task WithinAsync(Task step, CancellationToken limit)
    {
        try
        {
            await step.WaitAsync(limit);
        }
        catch (Exception e) when (e is StoreUnavailableException || e is OperationCanceledException && limit.IsCancellationRequested)
        {
            // Known already, or over: no reason to stay.
        }
    }

    public Task<ImmutableArray<HostCheck>> ExamineAsync(CancellationToken cancel = default) => doctor.ExamineAsync(Facts, cancel);

    private EventData Arrival() => origin is null ? EventData.None
        : EventData.None.With("after", origin.Former.Value).With("afterVersion", origin.FormerVersion).With("restartFailed", origin.Failure);

    private Task NoteAsync(TaskEventType what, EventData more) =>
        ledger.NoteHostAsync(more.With("host", identity.Id.Value).With("running", attempts.Count).As(what, time.GetUtcNow()), CancellationToken.None);

    /// <summary>Another host has the store, and with it the tasks: what is left to do here is to go.</summary>
    private void End(string why)
    {
        log.HostSuperseded(identity.Id, why);
        program?.StopApplication();
    }

    /// <summary>What no runner of this host runs waits for a program that can: it is not claimed.</summary>
    private void LookIfOurs(TaskRecord record)
    {
        if (record.State != TaskState.Queued || runners.Has(record.Spec.Kind)) dispatcher.Look(record);
    }

    private void LogEnd(TaskRecord record) => log.TaskEnded(record.Number, record.Id, record.State, record.End!.Cause, record.End.Reason);

    private void LogLoop(Task loop) => log.LoopFailed(loop.Exception!.GetBaseException());

    /// <summary>Of a program that the host is only a part of, the version says nothing about the host.</summary>
    private static string Version(FolderHold? hold) =>
        ((hold is null ? Assembly.GetEntryAssembly() : null) ?? typeof(OutlastHost).Assembly).GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "0.0.0";
}
