namespace Outlast.IntegrationTests.Faults;

/// <summary>The client of one session: takes what its inbox gives, acknowledges most of it, and some only when it comes again.</summary>
internal sealed class InboxReader(
    string session, int seed, Func<CancellationToken, Task<IReadOnlyList<(string Key, long Seq)>>> fetch, Func<IReadOnlyList<string>, CancellationToken, Task> acknowledge, EvidenceCollector collector)
{
    private readonly Random _random = new(seed);

    public async Task RunAsync(CancellationToken enough, CancellationToken giveUp)
    {
        while (!enough.IsCancellationRequested) await TakeAsync(each: false, giveUp);
    }

    /// <summary>Takes and acknowledges everything, until nothing is open.</summary>
    public async Task FinishAsync(CancellationToken giveUp)
    {
        while (await TakeAsync(each: true, giveUp) > 0) { }
    }

    private async Task<int> TakeAsync(bool each, CancellationToken giveUp)
    {
        var notices = await fetch(giveUp);
        foreach (var (key, seq) in notices) collector.Noticed(new(session, key, seq, Acknowledged: false));
        IReadOnlyList<string> keys = [.. notices.Where(_ => each || _random.Next(4) > 0).Select(n => n.Key)];
        if (keys.Count == 0) return notices.Count;
        await acknowledge(keys, giveUp);
        foreach (var key in keys) collector.Noticed(new(session, key, 0, Acknowledged: true));
        return notices.Count;
    }
}
