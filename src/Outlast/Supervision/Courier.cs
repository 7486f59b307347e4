using System.Collections.Immutable;
using Microsoft.Extensions.Logging;
using Outlast.Delivery;
using Outlast.Diagnostics;
using Outlast.Storage;

namespace Outlast.Supervision;

/// <summary>Takes notices to channels: each channel and session has a lane of its own, so that none waits for another. Holds where each lane is, and only the notices that are being delivered: the rest is in the store.</summary>
internal sealed class Courier(ITaskStore store, TaskFeed feed, StoreHealth health, IEnumerable<INoticeChannel> channels, DeliveryOptions options, TimeProvider time, ILogger<Courier> log)
{
    /// <summary>So many deliveries of a channel are under way at once, and so many of them may have been given up although they have not returned.</summary>
    internal const int MostAtOnce = 128, MostGivenUp = 16;
    internal static readonly TimeSpan FirstBackoff = TimeSpan.FromSeconds(1), LongestBackoff = TimeSpan.FromMinutes(5);

    private readonly ImmutableArray<Road> _roads = [.. channels.Select(c => new Road(c))];
    private readonly Lock _lock = new();
    // Guarded by _lock: the lanes on which there is something to do.
    private readonly Dictionary<(Road Road, string Session), Lane> _lanes = [];
    private CancellationToken _letGo;
    private int _held;

    /// <summary>How many notices are in memory here.</summary>
    public int Held => Volatile.Read(ref _held);

    /// <summary>How many lanes take a step at this moment.</summary>
    public int UnderWay => _roads.Sum(r => MostAtOnce - r.Places.CurrentCount);

    /// <summary>How many lanes there are.</summary>
    public int Lanes
    {
        get { lock (_lock) return _lanes.Count; }
    }

    /// <summary>What does not get through, a sentence for each channel.</summary>
    public ImmutableArray<string> Troubles
    {
        get
        {
            lock (_lock)
                return [.. _roads.Select(road => (Road: road, Failing: _lanes.Values.Where(l => l.Road == road && l.Failure is not null).ToList()))
                    .Where(r => r.Failing.Count > 0 || r.Road.GivenUp > 0)
                    .Select(r => $"channel {r.Road.Name}: {(r.Failing.Count > 0 ? $"it does not reach {r.Failing.Count} sessions, {r.Failing[0].Session} for one: {r.Failing[0].Failure}" : "")}{(r.Road.GivenUp > 0 ? $"{(r.Failing.Count > 0 ? "; " : "")}{r.Road.GivenUp} of its deliveries have not returned" : "")}")];
        }
    }

    /// <summary>Delivers what becomes durable, and looks now and then at everything that is open. Never ends before <paramref name="letGo"/>.</summary>
    public async Task KeepDeliveringAsync(CancellationToken letGo)
    {
        _letGo = letGo;
        if (_roads.IsEmpty) return;
        feed.Notices.Told += Look;
        using var timer = new PeriodicTimer(options.RedeliverAfter, time);
        do
        {
            try
            {
                // What former hosts left open, and sessions that a channel has begun to serve.
                foreach (var session in await store.AddresseesAsync(letGo)) Look(session);
            }
            catch (Exception e) when (!letGo.IsCancellationRequested)
            {
                log.DeliveryFailed(e.Message);
            }
        }
        while (await timer.WaitForNextTickAsync(letGo));
    }

    /// <summary>Notices of the session have become final: what was read before is looked at again before it goes.</summary>
    public void BecameFinal(string session) => ForLanesOf(session, static lane => lane.BecameFinal());

    /// <summary>The session is told at other times from now on.</summary>
    public void PolicyChanged(string session)
    {
        ForLanesOf(session, static lane => lane.PolicyChanged());
        Look(session);
    }

    private void ForLanesOf(string session, Action<Lane> act)
    {
        lock (_lock)
            foreach (var road in _roads)
                if (_lanes.TryGetValue((road, session), out var lane)) act(lane);
    }

    private void Look(string session)
    {
        if (_roads.IsEmpty || _letGo.IsCancellationRequested) return;
        lock (_lock)
        {
            foreach (var road in _roads)
            {
                if (_lanes.TryGetValue((road, session), out var lane))
                {
                    lane.Wake();
                    continue;
                }
                var opened = _lanes[(road, session)] = new(road, session);
                _ = Task.Run(() => RunAsync(opened), CancellationToken.None);
            }
        }
    }

    private async Task RunAsync(Lane lane)
    {
        try
        {
            while (true)
            {
                var woken = lane.Woken;
                var rest = await StepSafelyAsync(lane);
                if (rest.Until is null && Retire(lane, woken)) return;
                await RestAsync(rest, woken);
            }
        }
        catch (OperationCanceledException) when (_letGo.IsCancellationRequested)
        {
            // What is open is given again by the next host.
        }
    }

    private bool Retire(Lane lane, Task woken)
    {
        lock (_lock) return !woken.IsCompleted && _lanes.Remove((lane.Road, lane.Session));
    }

    private async Task RestAsync(Rest rest, Task woken)
    {
        if (rest.Until is not { } until || until <= TimeSpan.Zero) return;
        using var over = CancellationTokenSource.CreateLinkedTokenSource(_letGo);
        var rested = Task.Delay(until, time, over.Token);
        await (rest.EndsEarly ? Task.WhenAny(rested, woken) : rested);
        await over.CancelAsync();
        _letGo.ThrowIfCancellationRequested();
    }

    private async Task<Rest> StepSafelyAsync(Lane lane)
    {
        try
        {
            return await StepAsync(lane);
        }
        catch (StoreUnavailableException e)
        {
            await health.FailedAsync(e, _letGo);
            return Rest.No;
        }
        catch (Exception e) when (!_letGo.IsCancellationRequested)
        {
            if (lane.Failed(e is OperationCanceledException ? $"it did not return within {Duration.Format(options.TimeLimit)}" : e.Message) == 1) log.ChannelFailed(lane.Road.Name, lane.Session, lane.Failure!);
            return Rest.Whole(Backoff(lane.Failures));
        }
    }

    /// <summary>One delivery: what is due again before what is new.</summary>
    private async Task<Rest> StepAsync(Lane lane)
    {
        await lane.Road.Places.WaitAsync(_letGo);
        var batch = ImmutableArray<Notice>.Empty;
        try
        {
            if (!lane.Road.Channel.Serves(lane.Session)) return Rest.ForEver;
            if (await lane.PolicyAsync(async () => (await store.SessionsAsync(lane.Session, _letGo))[0].Policy) != SessionPolicy.Push) return Rest.ForEver;
            var finals = lane.Finals;
            batch = await NextAsync(lane);
            if (batch.IsEmpty) return lane.UntilRedelivery(time.GetUtcNow());
            Interlocked.Add(ref _held, batch.Length);
            if (await DeliverAsync(lane, batch, finals) is not { } receipt) return Rest.No;
            lane.Got(batch[^1].Seq, receipt, time.GetUtcNow() + options.RedeliverAfter);
            await CountAsync(lane.Session, batch, receipt);
            return Rest.Whole(options.Interval);
        }
        finally
        {
            Interlocked.Add(ref _held, -batch.Length);
            lane.Road.Places.Release();
        }
    }

    private async Task<ImmutableArray<Notice>> NextAsync(Lane lane)
    {
        if (lane.Redelivers(time.GetUtcNow()) is var (after, through))
        {
            var again = await store.NoticesAsync(new() { Session = lane.Session, After = after, Limit = options.Batch }, _letGo);
            again = [.. again.TakeWhile(n => n.Seq <= through)];
            if (!again.IsEmpty) return again;
            lane.Redelivered(time.GetUtcNow() + options.RedeliverAfter);
        }
        return await store.NoticesAsync(new() { Session = lane.Session, After = lane.Through, Limit = options.Batch }, _letGo);
    }

    /// <summary>What the channel says; none: some of them became final since they were read, and nothing was given to it.</summary>
    private async Task<NoticeReceipt?> DeliverAsync(Lane lane, ImmutableArray<Notice> batch, int finals)
    {
        var road = lane.Road;
        if (road.GivenUp >= MostGivenUp) throw new InvalidOperationException($"{road.GivenUp} deliveries have not returned");
        using var limit = new CancellationTokenSource(options.TimeLimit, time);
        using var over = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, _letGo);
        // On a thread of its own: a channel may block.
        var call = Task.Run(async () =>
        {
            over.Token.ThrowIfCancellationRequested();
            return lane.Finals == finals ? await road.Channel.DeliverAsync(lane.Session, batch, over.Token) : (NoticeReceipt?)null;
        }, CancellationToken.None);
        try
        {
            return await call.WaitAsync(over.Token);
        }
        catch (OperationCanceledException) when (!call.IsCompleted)
        {
            road.GiveUp(call);
            throw;
        }
    }

    /// <summary>It happened, so it is written: while the store cannot write, it waits until it can.</summary>
    private async Task CountAsync(string session, ImmutableArray<Notice> batch, NoticeReceipt receipt)
    {
        var move = new NoticeMove(receipt == NoticeReceipt.Acknowledged ? NoticeDelivery.Acknowledged : NoticeDelivery.HandedOver) { Session = session, Keys = [.. batch.Select(n => n.Key)] };
        while (true)
        {
            try
            {
                await store.MoveNoticesAsync(move, _letGo);
                Milestone.Reach(receipt == NoticeReceipt.Acknowledged ? Milestone.NoticeAcknowledged : Milestone.NoticeHandedOver, batch[0].Task);
                if (receipt == NoticeReceipt.Acknowledged) BecameFinal(session);
                return;
            }
            catch (StoreUnavailableException e)
            {
                await health.FailedAsync(e, _letGo);
            }
        }
    }

    private static TimeSpan Backoff(int failures) => failures > 9 ? LongestBackoff : TimeSpan.FromTicks(Math.Min(LongestBackoff.Ticks, FirstBackoff.Ticks << (failures - 1)));

    /// <summary>How long a lane rests, and whether something new ends that.</summary>
    private readonly record struct Rest(TimeSpan? Until, bool EndsEarly)
    {
        /// <summary>Nothing is left to do.</summary>
        public static Rest ForEver => new(null, true);
        public static Rest No => new(TimeSpan.Zero, true);
        public static Rest Whole(TimeSpan time) => new(time, false);
        public static Rest AtMost(TimeSpan time) => new(time, true);
    }

    /// <summary>A channel, with what is under way on it.</summary>
    private sealed class Road(INoticeChannel channel)
    {
        private int _givenUp;

        public INoticeChannel Channel => channel;
        public string Name { get; } = channel.Name;
        public SemaphoreSlim Places { get; } = new(MostAtOnce);
        public int GivenUp => Volatile.Read(ref _givenUp);

        public void GiveUp(Task call)
        {
            Interlocked.Increment(ref _givenUp);
            _ = call.ContinueWith(static (ended, road) =>
            {
                _ = ended.Exception;
                Interlocked.Decrement(ref ((Road)road!)._givenUp);
            }, this, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        }
    }

    /// <summary>Where one channel is with one session's notices. Its steps come one after the other.</summary>
    private sealed class Lane(Road road, string session)
    {
        private TaskCompletionSource _woken = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private int _finals, _policyChanges;
        private (SessionPolicy Policy, int Changes)? _policy;
        // What was handed over up to a number is due again at a time; what is handed over after it is not noted each by each, and waits for the round after that.
        private (long Through, DateTimeOffset Due)? _handedOver;
        private long? _again;

        public Road Road => road;
        public string Session => session;
        public int Failures { get; private set; }
        public string? Failure { get; private set; }

        /// <summary>Up to which number everything was given once.</summary>
        public long Through { get; private set; }

        /// <summary>Counts the moments when notices of the session became final.</summary>
        public int Finals => Volatile.Read(ref _finals);

        public void BecameFinal() => Interlocked.Increment(ref _finals);

        /// <summary>When its session is told: read once, and anew after it has changed.</summary>
        public async ValueTask<SessionPolicy> PolicyAsync(Func<Task<SessionPolicy>> readAsync)
        {
            var changes = Volatile.Read(ref _policyChanges);
            // One that is changed while it is read is read again the next time.
            if (_policy?.Changes != changes) _policy = (await readAsync(), changes);
            return _policy!.Value.Policy;
        }

        public void PolicyChanged() => Interlocked.Increment(ref _policyChanges);

        /// <summary>Completes when there may be something new from now on.</summary>
        public Task Woken
        {
            get
            {
                if (_woken.Task.IsCompleted) Volatile.Write(ref _woken, new(TaskCreationOptions.RunContinuationsAsynchronously));
                return _woken.Task;
            }
        }

        public void Wake() => Volatile.Read(ref _woken).TrySetResult();

        public int Failed(string why)
        {
            Failure = why;
            return ++Failures;
        }

        public void Got(long seq, NoticeReceipt receipt, DateTimeOffset due)
        {
            (Failures, Failure) = (0, null);
            if (_again is not null) _again = seq;
            else Through = seq;
            if (receipt == NoticeReceipt.HandedOver) _handedOver ??= (Through, due);
        }

        /// <summary>Between which numbers it gives again, when that is due.</summary>
        public (long After, long Through)? Redelivers(DateTimeOffset now)
        {
            if (_handedOver is not var (through, due) || now < due) return null;
            return (_again ??= 0, through);
        }

        /// <summary>That is done. What is left of it, and what was handed over since, is due later.</summary>
        public void Redelivered(DateTimeOffset due)
        {
            var something = _again > 0 || Through > _handedOver!.Value.Through;
            _handedOver = something ? (Through, due) : null;
            _again = null;
        }

        public Rest UntilRedelivery(DateTimeOffset now) => _handedOver is var (_, due) ? Rest.AtMost(due > now ? due - now : TimeSpan.Zero) : Rest.ForEver;
    }
}
