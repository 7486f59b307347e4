using System.Text.Json.Nodes;
using Outlast.IntegrationTests.Faults.Checking;

namespace Outlast.IntegrationTests.Faults;

/// <summary>The client of one session: takes what its inbox gives, acknowledges most of it, and some only when it comes again.</summary>
internal sealed class InboxReader(
    string session, int seed, Func<CancellationToken, Task<IReadOnlyList<(string Key, long Seq)>>> fetch, Func<IReadOnlyList<string>, CancellationToken, Task> acknowledge, Action<InboxEntry> noticed)
{
    private readonly Random _random = new(seed);

    /// <summary>One that speaks plain HTTP, through any number of hosts.</summary>
    public static InboxReader Over(HostConnection host, string session, int seed, Action<InboxEntry> noticed) => new(
        session, seed,
        async cancel => [.. (await host.InsistAsync(HttpMethod.Get, $"/v1/sessions/{Uri.EscapeDataString(session)}/inbox?wait=1s", cancel: cancel)).Json["notices"]!.AsArray().Select(n => ((string)n!["key"]!, (long)n["seq"]!))],
        async (keys, cancel) =>
        {
            var reply = await host.InsistAsync(HttpMethod.Post, $"/v1/sessions/{Uri.EscapeDataString(session)}/inbox/ack", new JsonObject { ["keys"] = new JsonArray([.. keys.Select(k => (JsonNode)k)]) }, cancel: cancel);
            // One that died before it could answer has acknowledged some.
            Assert.Equal(keys.Count, (int)reply.Json["count"]! + (reply.Json["final"]?.AsArray().Count ?? 0));
        },
        noticed);

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
        foreach (var (key, seq) in notices) noticed(new(session, key, seq, Acknowledged: false));
        IReadOnlyList<string> keys = [.. notices.Where(_ => each || _random.Next(4) > 0).Select(n => n.Key)];
        if (keys.Count == 0) return notices.Count;
        await acknowledge(keys, giveUp);
        foreach (var key in keys) noticed(new(session, key, 0, Acknowledged: true));
        return notices.Count;
    }
}
