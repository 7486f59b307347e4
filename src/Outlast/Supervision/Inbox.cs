using System.Collections.Immutable;
using Outlast.Diagnostics;
using Outlast.Storage;

namespace Outlast.Supervision;

/// <summary>What a session asks of its notices: hands over, acknowledges, and lets the read of an end stand for its notice.</summary>
internal sealed class Inbox(ITaskStore store, ITaskClient tasks, TaskFeed feed, Courier courier, TimeProvider time) : IInbox
{
    private const int Portion = 500, MostAtOnce = 1_000;
    private static readonly TimeSpan LongestWait = TimeSpan.FromDays(1);
    private readonly Consumptions _consumptions = new();

    public async Task<NoticePage> FetchAsync(InboxQuery query, CancellationToken cancel = default)
    {
        ArgumentNullException.ThrowIfNull(query);
        if (!query.Continues) await FinishConsumptionsAsync(query.Session, cancel);
        return await ReadAsync(query, HandOverAsync, cancel);
    }

    public Task<NoticePage> PeekAsync(InboxQuery query, CancellationToken cancel = default)
    {
        ArgumentNullException.ThrowIfNull(query);
        return ReadAsync(query, static (open, _) => Task.FromResult(open), cancel);
    }

    public async Task<AcknowledgedNotices> AcknowledgeAsync(AcknowledgeCommand command, CancellationToken cancel = default)
    {
        ArgumentNullException.ThrowIfNull(command);
        if (command.Keys.Length > AcknowledgeCommand.MostKeys) throw new ArgumentException($"At most {AcknowledgeCommand.MostKeys} keys are acknowledged at once.", nameof(command));
        await FinishConsumptionsAsync(command.Session, cancel);
        var acknowledged = ImmutableArray.CreateBuilder<Notice>();
        foreach (var keys in command.Keys.Distinct().Chunk(Portion)) acknowledged.AddRange(await AcknowledgeAsync(command.Session, [.. keys], cancel));
        var others = command.Keys.Distinct().Except(acknowledged.Select(n => n.Key)).ToImmutableArray();
        while (command.Through > 0)
        {
            var open = await store.NoticesAsync(new() { Session = command.Session, Limit = Portion }, cancel);
            ImmutableArray<string> due = [.. open.Where(n => n.Seq <= command.Through).Select(n => n.Key)];
            if (due.IsEmpty) break;
            acknowledged.AddRange(await AcknowledgeAsync(command.Session, due, cancel));
            if (open.Length < Portion) break;
        }
        var final = others.IsEmpty ? [] : await FinalAsync(command.Session, others, cancel);
        return new([.. acknowledged.OrderBy(n => n.Seq)], final, [.. others.Except(final)]);
    }

    public async Task<TaskSnapshot> ConsumeAsync(string session, TaskId task, TimeSpan wait = default, CancellationToken cancel = default)
    {
        ArgumentNullException.ThrowIfNull(session);
        await FinishConsumptionsAsync(session, cancel);
        var snapshot = await tasks.GetAsync(task, cancel);
        if (snapshot.Record.Spec.Session != session) throw new TaskNotFoundException(task.ToString());
        if (wait > TimeSpan.Zero && !snapshot.Record.State.IsTerminal()) snapshot = await tasks.WaitAsync(task, wait, cancel);
        // What did not go well is announced, whoever has seen it.
        if (snapshot.Record.State == TaskState.Completed) _consumptions.Add(session, task);
        return snapshot;
    }

    public void Unread(string session, TaskId task) => _consumptions.Remove(session, [task]);

    private async Task<NoticePage> ReadAsync(InboxQuery query, Func<ImmutableArray<Notice>, CancellationToken, Task<ImmutableArray<Notice>>> take, CancellationToken cancel)
    {
        using var watch = feed.Notices.Of(query.Session);
        var wait = query.Wait < LongestWait ? query.Wait : LongestWait;
        var began = time.GetTimestamp();
        while (true)
        {
            var next = watch.Next;
            var open = await store.NoticesAsync(new() { Session = query.Session, After = query.After, Limit = Math.Clamp(query.Limit, 1, MostAtOnce) }, cancel);
            // What is acknowledged between the two is not handed over.
            var taken = open.IsEmpty ? open : await take(open, cancel);
            if (!taken.IsEmpty) return new([.. taken.OrderBy(n => n.Seq)], open[^1].Seq);
            if (!open.IsEmpty) continue;
            var left = wait - time.GetElapsedTime(began);
            if (left <= TimeSpan.Zero) return new([], query.After);
            using var over = CancellationTokenSource.CreateLinkedTokenSource(cancel);
            await Task.WhenAny(next, Task.Delay(left, time, over.Token));
            await over.CancelAsync();
            cancel.ThrowIfCancellationRequested();
        }
    }

    private async Task<ImmutableArray<Notice>> HandOverAsync(ImmutableArray<Notice> open, CancellationToken cancel)
    {
        var handedOver = await store.MoveNoticesAsync(new(NoticeDelivery.HandedOver) { Session = open[0].Session, Keys = [.. open.Select(n => n.Key)] }, cancel);
        if (!handedOver.IsEmpty) Milestone.Reach(Milestone.NoticeHandedOver, handedOver[0].Task);
        return handedOver;
    }

    private async Task<ImmutableArray<Notice>> AcknowledgeAsync(string session, ImmutableArray<string> keys, CancellationToken cancel)
    {
        var acknowledged = await store.MoveNoticesAsync(new(NoticeDelivery.Acknowledged) { Session = session, Keys = keys }, cancel);
        if (acknowledged.IsEmpty) return acknowledged;
        courier.BecameFinal(session);
        Milestone.Reach(Milestone.NoticeAcknowledged, acknowledged[0].Task);
        return acknowledged;
    }

    private async Task FinishConsumptionsAsync(string session, CancellationToken cancel)
    {
        var read = _consumptions.Of(session);
        if (read.IsEmpty) return;
        await store.MoveNoticesAsync(new(NoticeDelivery.Consumed) { Session = session, Tasks = read, Kind = NoticeKind.Ended }, cancel);
        // Only now: had it failed, it would be tried again.
        _consumptions.Remove(session, read);
        courier.BecameFinal(session);
    }

    /// <summary>Those of the keys that the session has a notice under, which was not open.</summary>
    private async Task<ImmutableArray<string>> FinalAsync(string session, ImmutableArray<string> keys, CancellationToken cancel)
    {
        var final = ImmutableArray.CreateBuilder<string>();
        foreach (var ofTask in keys.GroupBy(NoticeWriting.TaskOf))
        {
            if (ofTask.Key is not { } task) continue;
            var known = await store.NoticesAsync(new() { Session = session, Task = task, OpenOnly = false, Limit = MostAtOnce }, cancel);
            final.AddRange(ofTask.Intersect(known.Select(n => n.Key)));
        }
        return final.ToImmutable();
    }
}
