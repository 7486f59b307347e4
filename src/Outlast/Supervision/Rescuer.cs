using Microsoft.Extensions.Logging;
using Outlast.Diagnostics;
using Outlast.Lifecycle;
using Outlast.Runners;
using Outlast.Storage;

namespace Outlast.Supervision;

/// <summary>Takes care of what an owner left behind: adopts, settles, queues again, or says lost. At start, and again each minute in a living host.</summary>
/// <remarks>
/// An attempt is queued again only if it provably never started, if it goes on from a journal, or if its spec says that it may be repeated. A repeatable task can therefore run twice,
/// and so can what a handler does between its steps; their work must bear that.
/// </remarks>
internal sealed class Rescuer(
    ITaskStore store, TaskLedger ledger, HostIdentity host, LiveAttempts attempts, RunnerSet runners, Executor executor, Dispatcher dispatcher, DueWatch due, PlaceAudit places, TimeProvider time, ILogger<Rescuer> log)
{
    private static readonly TimeSpan SweepEvery = TimeSpan.FromMinutes(1);
    internal static readonly TimeSpan EnforceAfter = TimeSpan.FromSeconds(60);
    private const int AtOnce = 64;

    /// <summary>Everything that is open in the store finds its place: queued tasks their turn, claimed ones the place that they hold.</summary>
    /// <returns>What owners left behind, each with the place that it holds until it is rescued.</returns>
    public async Task<IReadOnlyList<Orphan>> TakeStockAsync(CancellationToken letGo)
    {
        var open = await store.ListOpenAsync(letGo);
        dispatcher.Enqueue(open.Where(t => t.State == TaskState.Queued && runners.Has(t.Kind)));
        var left = Occupy(open.Where(t => t.Token is not null));
        await due.RestoreAsync(open, letGo);
        await CountChildrenAsync(open, letGo);
        return left;
    }

    /// <summary>Looks each minute for tasks that nobody has in hand. Never ends before <paramref name="letGo"/>.</summary>
    public async Task KeepLookingAsync(CancellationToken letGo)
    {
        Dictionary<TaskId, FencingToken?> suspects = [];
        using var timer = new PeriodicTimer(SweepEvery, time);
        while (await timer.WaitForNextTickAsync(letGo))
        {
            try
            {
                var open = await store.ListOpenAsync(letGo);
                dispatcher.Enqueue(open.Where(t => t.State == TaskState.Queued && runners.Has(t.Kind)));
                await due.RestoreAsync(open, letGo);
                places.Compare();
                await CountChildrenAsync(open, letGo);
                // Twice without a follower under the same token: not merely on its way. In this order: an attempt is there before its claim is expected no more.
                var orphans = open.Where(t => t.Token is not null && !attempts.IsExpected(t.Id) && attempts.Find(t.Id) is null).ToList();
                var sure = orphans.Where(t => suspects.GetValueOrDefault(t.Id) == t.Token).ToList();
                await RescueAsync(Occupy(sure), letGo);
                suspects = orphans.ToDictionary(t => t.Id, t => t.Token);
            }
            catch (Exception e) when (!letGo.IsCancellationRequested)
            {
                log.SweepFailed(e.Message);
            }
        }
    }

    private List<Orphan> Occupy(IEnumerable<OpenTask> left) => [.. left.Select(task => new Orphan(task, dispatcher.Occupy(task)))];

    /// <summary>A child whose record could not be read and was set aside will never say that it has ended: whoever waits for nothing but its children waits for those that are there.</summary>
    private async Task CountChildrenAsync(IReadOnlyCollection<OpenTask> open, CancellationToken letGo)
    {
        foreach (var waiting in open.Where(t => t.Token is null && t.State is TaskState.Running or TaskState.Stopping))
        {
            var children = open.Count(t => t.Parent == waiting.Id && !t.Detached);
            var version = waiting.Version;
            while (await ledger.ApplyAsync(waiting.Id, MissedEnd, letGo) is { Changed: true } told) version = told.Record.Version;

            // Only of the record that was listed together with its children: one that has changed since counts for itself.
            Transition? MissedEnd(TaskRecord now) => now.IsFinishing && now.Version == version && now.OpenChildren > children ? Transition.ChildEnded(default, time.GetUtcNow()) : null;
        }
    }

    /// <summary>Finds out what became of each, and does what follows.</summary>
    public async Task RescueAsync(IReadOnlyList<Orphan> left, CancellationToken letGo)
    {
        try
        {
            await Parallel.ForEachAsync(left, new ParallelOptions { MaxDegreeOfParallelism = AtOnce, CancellationToken = letGo }, async (orphan, _) =>
            {
                var followed = false;
                try
                {
                    followed = await RescueAsync(orphan, letGo);
                }
                catch (Exception e) when (!letGo.IsCancellationRequested)
                {
                    // The sweep comes back to it.
                    log.ActorFailed(e, nameof(Rescuer), orphan.Task.Id);
                }
                if (!followed) orphan.Place.Free();
            });
        }
        catch (OperationCanceledException)
        {
            // The host goes; the next one takes stock anew.
        }
    }

    /// <returns>Whether the executor follows it, and with it its place.</returns>
    private async Task<bool> RescueAsync(Orphan orphan, CancellationToken letGo)
    {
        if (await store.FindAsync(orphan.Task.Id, letGo) is not { Claim: { } former, StartedAt: not null } record || former.Token != orphan.Task.Token) return false;
        var finding = runners.Has(record.Spec.Kind)
            ? await runners.For(record.Spec.Kind).ExamineAsync(executor.ContextOf(record), letGo)
            : new AttemptFinding(FindingKind.Gone, $"this host runs no tasks of kind {record.Spec.Kind}");
        if (finding.Kind is FindingKind.Alive or FindingKind.Ended) return await AdoptAsync(record, former, finding, orphan.Place, letGo);
        var evidence = $"{finding.Evidence}; found by host {host.Id} after host {former.Host} was gone";
        await IfStillAsync(record, finding.Kind is FindingKind.NeverStarted
            ? Transition.NeverStarted(null, evidence, null, time.GetUtcNow())
            : Transition.OwnerGone(former, evidence, IsResumable(record.Spec.Kind), time.GetUtcNow()), letGo);
        return false;
    }

    /// <summary>Whether its journal lets it go on. What no runner of this host runs, another program's can: nothing of it is lost because this one looked first.</summary>
    private bool IsResumable(TaskKind kind) => runners.Has(kind) ? runners.For(kind).Resumes : kind != TaskKind.Process;

    private async Task<bool> AdoptAsync(TaskRecord record, TaskClaim former, AttemptFinding finding, Place place, CancellationToken letGo)
    {
        var evidence = $"{finding.Evidence} found by host {host.Id} after host {former.Host} was gone";
        attempts.Expect(record.Id);
        var adopted = false;
        try
        {
            var answer = await IfStillAsync(record, Transition.Adopted(host.NewClaim(), finding.Kind == FindingKind.Alive, finding.Process, evidence, time.GetUtcNow()), letGo);
            if (answer.Changed) Follow(answer.Record, finding.Kind == FindingKind.Ended ? evidence : null, place);
            adopted = answer.Changed;
        }
        finally
        {
            if (!adopted) attempts.Unexpect(record.Id);
        }
        return adopted;
    }

    private void Follow(TaskRecord adopted, string? ended, Place place)
    {
        // Silent since its start, as far as is known here; the watchdog's first look moves that to the log's last change.
        var idle = time.GetUtcNow() - adopted.StartedAt!.Value;
        _ = executor.AdoptAsync(adopted, ended, idle > TimeSpan.Zero ? idle : TimeSpan.Zero, EnforceAfter, place);
    }

    /// <summary>Decided from what was examined: if the record has moved on, somebody else has it in hand.</summary>
    private Task<LedgerAnswer> IfStillAsync(TaskRecord examined, Transition transition, CancellationToken letGo) =>
        ledger.ApplyPersistentlyAsync(examined.Id, now => now.Claim == examined.Claim ? transition : null, letGo);

    /// <summary>What an owner left behind, and the place that it holds meanwhile.</summary>
    internal sealed record Orphan(OpenTask Task, Place Place);
}
