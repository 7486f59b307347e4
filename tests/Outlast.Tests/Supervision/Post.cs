using System.Collections.Concurrent;
using System.Collections.Immutable;
using Microsoft.Extensions.Logging.Abstractions;
using Outlast.Delivery;
using Outlast.Storage;
using Outlast.Supervision;
using Outlast.TestKit;
using static Outlast.TestKit.StoredTasks;

namespace Outlast.Tests.Supervision;

/// <summary>A courier and an inbox over a store in memory and a clock that stands still, through any number of hosts.</summary>
internal sealed class Post : IAsyncDisposable
{
    private readonly INoticeChannel[] _channels;
    private readonly DeliveryOptions _options;
    private readonly TaskFeed _feed = new();
    private CancellationTokenSource _letGo = new();
    private Task _delivering = Task.CompletedTask;

    public Post(DeliveryOptions? options = null, params INoticeChannel[] channels)
    {
        (_options, _channels) = (options ?? new() { Interval = TimeSpan.Zero }, channels);
        Courier = null!;
        Inbox = null!;
        Begin();
    }

    public FailingStore Store { get; } = new();
    public ManualTime Time { get; } = new();
    public Courier Courier { get; private set; }
    public Inbox Inbox { get; private set; }

    /// <summary>A task of that session ends, with so many notices.</summary>
    public async Task<ImmutableArray<Notice>> TellAsync(string session, int count = 1, NoticeKind kind = NoticeKind.Warning)
    {
        var running = Running(Queued(Spec(session: session)), FencingToken.Of(1, 1)) with { Version = 1 };
        var drafts = Enumerable.Range(1, count).Select(n => new NoticeDraft($"warning:{n}", kind, Start, "build: a warning", $"It is the {n}."));
        var verdict = await Store.CommitAsync(StoreCommit.Of(new RecordChange(running with { Events = 1 }, 0, null, [Event(TaskEventType.Submitted)]) { Notices = [.. drafts] }));
        _feed.Publish(verdict);
        return verdict.Notices;
    }

    public Task AcknowledgeAsync(params IEnumerable<Notice> notices) => Inbox.AcknowledgeAsync(new(notices.First().Session) { Keys = [.. notices.Select(n => n.Key)] });

    public async Task<ImmutableArray<Notice>> OpenAsync(string session) => await Store.NoticesAsync(new() { Session = session, Limit = 1000 });

    /// <summary>The host dies and another one comes.</summary>
    /// <param name="meanwhile">Done between the two.</param>
    public async Task RestartAsync(Action? meanwhile = null)
    {
        await DieAsync();
        await Eventually.TrueAsync(() => Courier.UnderWay == 0, "the former host's lanes have come to rest");
        meanwhile?.Invoke();
        _letGo = new();
        Begin();
    }

    /// <summary>Lets time pass until that is so.</summary>
    public Task PassingUntilAsync(Func<bool> holds, string what, TimeSpan? step = null) => Eventually.TrueAsync(() =>
    {
        if (holds()) return true;
        Time.Advance(step ?? TimeSpan.FromMilliseconds(500));
        return false;
    }, what);

    public async ValueTask DisposeAsync()
    {
        await DieAsync();
        await Store.DisposeAsync();
    }

    private void Begin()
    {
        var health = new StoreHealth(Store, Time, NullLogger<StoreHealth>.Instance);
        Courier = new(Store, _feed, health, _channels, _options, Time, NullLogger<Courier>.Instance);
        Inbox = new(Store, null!, _feed, Courier, Time);
        _delivering = Courier.KeepDeliveringAsync(_letGo.Token);
    }

    private async Task DieAsync()
    {
        await _letGo.CancelAsync();
        try { await _delivering.Soon(); }
        catch (OperationCanceledException) { }
        _letGo.Dispose();
    }
}

/// <summary>A channel that does what a test says, and notes what it was given.</summary>
internal sealed class ScriptedChannel(string name = "scripted") : INoticeChannel
{
    private readonly ConcurrentDictionary<long, string> _live = new();
    private long _calls;

    public string Name => name;

    /// <summary>What it took, call by call.</summary>
    public ConcurrentQueue<ImmutableArray<Notice>> Taken { get; } = new();

    /// <summary>How often it was called.</summary>
    public long Calls => Volatile.Read(ref _calls);

    /// <summary>Calls that have neither returned nor been told to end.</summary>
    public int Live => _live.Count;

    public Func<string, bool> Reaches { get; set; } = _ => true;

    /// <summary>What it answers; it may throw or never return.</summary>
    public Func<ImmutableArray<Notice>, Task<NoticeReceipt>> Answer { get; set; } = _ => Task.FromResult(NoticeReceipt.HandedOver);

    /// <summary>Looks at what is given before anything else.</summary>
    public Action<ImmutableArray<Notice>> Look { get; set; } = _ => { };

    public IEnumerable<Notice> All => Taken.SelectMany(n => n);

    public bool Serves(string session) => Reaches(session);

    public async Task<NoticeReceipt> DeliverAsync(string session, ImmutableArray<Notice> notices, CancellationToken cancel)
    {
        var call = Interlocked.Increment(ref _calls);
        Look(notices);
        _live[call] = session;
        using var told = cancel.Register(() => _live.TryRemove(call, out _));
        try
        {
            var receipt = await Answer(notices);
            Taken.Enqueue(notices);
            return receipt;
        }
        finally
        {
            _live.TryRemove(call, out _);
        }
    }

    /// <summary>Never returns, whatever it is told.</summary>
    public static Task<NoticeReceipt> Hang() => new TaskCompletionSource<NoticeReceipt>().Task;

    public static Task<NoticeReceipt> Fail() => Task.FromException<NoticeReceipt>(new InvalidOperationException("the line is dead"));
}
