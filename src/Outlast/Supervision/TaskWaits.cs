using System.Collections.Immutable;
using Outlast.Storage;

namespace Outlast.Supervision;

/// <summary>Waits for the ends of several tasks: woken by ends, never polling. Whoever waits inside a task holds no place meanwhile.</summary>
internal sealed class TaskWaits(ITaskStore store, TaskLedger ledger, TaskFeed feed, LiveAttempts attempts, WaitGraph graph, TimeProvider time)
{
    private static readonly TimeSpan LongestWait = TimeSpan.FromDays(1);

    /// <summary>Returns when one or all of them have ended, or the time is over.</summary>
    /// <exception cref="TaskNotFoundException">One was never known, or there is no task of that group.</exception>
    /// <exception cref="WaitCycleException">It would never end.</exception>
    public async Task<WaitedFor> WaitAsync(WaitCommand command, CancellationToken cancel)
    {
        var start = time.GetTimestamp();
        // A deadline that has passed leaves no time, and an answer all the same.
        if (command.Timeout < TimeSpan.Zero) command = command with { Timeout = TimeSpan.Zero };
        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        var patience = Task.Delay(command.Timeout < LongestWait ? command.Timeout : LongestWait, time, over.Token);
        try
        {
            while (true)
            {
                var ids = command.Group is null ? command.Tasks : await MembersAsync(command.Group, command.Session, cancel);
                using var ends = new Ends(feed, ids);
                var seen = await LookAsync(ids, command.Any || command.UntilNext, cancel);
                // What joined a group meanwhile belongs to it: it is over when all that there are have ended.
                if (seen.Done || patience.IsCompleted || time.GetElapsedTime(start) >= command.Timeout) return seen;
                await WaitForAsync(command, seen.Open, ends, patience, cancel);
                cancel.ThrowIfCancellationRequested();
            }
        }
        finally
        {
            await over.CancelAsync();
        }
    }

    private async Task WaitForAsync(WaitCommand command, ImmutableArray<TaskId> open, Ends ends, Task patience, CancellationToken cancel)
    {
        using var edge = command.Waiter is { } waiter ? await graph.BeginAsync(waiter, open, command.Any, cancel) : null;
        using var lent = command.Waiter is { } lender ? attempts.Find(lender)?.BeginWait() : null;
        await Task.WhenAny(ends.Of(open, command.Any || command.UntilNext), patience);
    }

    private async Task<WaitedFor> LookAsync(ImmutableArray<TaskId> ids, bool any, CancellationToken cancel)
    {
        var (ended, open, removed) = (ImmutableArray.CreateBuilder<TaskRecord>(), ImmutableArray.CreateBuilder<TaskId>(), ImmutableArray.CreateBuilder<Tombstone>());
        foreach (var id in ids)
        {
            try
            {
                var record = await ledger.ReadAsync(id, cancel);
                if (record.State.IsTerminal()) ended.Add(record);
                else open.Add(id);
            }
            catch (TaskRemovedException e)
            {
                removed.Add(e.Tombstone);
            }
        }
        return new(any ? ended.Count + removed.Count > 0 : open.Count == 0, ended.ToImmutable(), open.ToImmutable(), removed.ToImmutable());
    }

    private async Task<ImmutableArray<TaskId>> MembersAsync(string group, string? session, CancellationToken cancel)
    {
        var members = new List<TaskId>();
        for (long? before = null; ;)
        {
            var page = await store.ListAsync(new TaskQuery { Group = group, Session = session, Before = before, Limit = 1000 }, cancel);
            members.AddRange(page.Where(r => session is not null || r.Spec.Session is null).Select(r => r.Id));
            if (page.Length < 1000) break;
            before = page[^1].Number;
        }
        members.Reverse();
        return members.Count > 0 ? [.. members] : throw new TaskNotFoundException($"group {group}{(session is null ? "" : $" of session {session}")}");
    }

    /// <summary>Signals of the ends of some tasks, taken before their records are looked at.</summary>
    private sealed class Ends(TaskFeed feed, ImmutableArray<TaskId> ids) : IDisposable
    {
        private readonly Dictionary<TaskId, TaskFeed.EndSignal> _signals = ids.Distinct().ToDictionary(id => id, feed.WatchEnd);

        public Task Of(ImmutableArray<TaskId> open, bool any)
        {
            var ends = open.Select(id => _signals[id].Ended);
            return any ? Task.WhenAny(ends) : Task.WhenAll(ends);
        }

        public void Dispose()
        {
            foreach (var signal in _signals.Values) signal.Dispose();
        }
    }
}

/// <summary>What a wait found: see <see cref="WaitResult"/>.</summary>
internal sealed record WaitedFor(bool Done, ImmutableArray<TaskRecord> Ended, ImmutableArray<TaskId> Open, ImmutableArray<Tombstone> Removed);
