using System.Text.Json.Nodes;
using Outlast.IntegrationTests.Faults.Checking;

namespace Outlast.IntegrationTests.Faults;

/// <summary>One of many clients: submits a task, stops it or follows its output or just waits, and then the next; through any number of hosts.</summary>
internal sealed class Submitter(int number, int seed, string session, HostConnection host, EvidenceCollector collector)
{
    private readonly Random _random = new(unchecked((seed * 31) + (number * 7919)));

    /// <summary>Works until <paramref name="enough"/>, finishing what it began.</summary>
    public async Task RunAsync(CancellationToken enough, CancellationToken giveUp)
    {
        for (var n = 0; !enough.IsCancellationRequested; n++)
        {
            var wish = Wish.Choose(_random, $"s{number}-{n}");
            collector.Planned(wish.Plan);
            var id = await SubmitAsync(wish, giveUp);
            collector.Acknowledged(id, wish.Plan.Key);
            var following = wish.Follows ? new OutputFollower(host, id).FollowAsync(giveUp) : null;
            if (wish.StopAfter is { } delay) await StopAsync(id, delay, wish.StopNow, giveUp);
            if (following is not null) collector.Followed(await following);
            await host.EndAsync(id, giveUp);
        }
    }

    private async Task<string> SubmitAsync(Wish wish, CancellationToken giveUp)
    {
        var argv = collector.Witness.Command(wish.Plan, wish.Portion, wish.Pause, wish.Stubborn);
        var task = await host.SubmitAsync(wish.Plan.Key, argv, body =>
        {
            body["session"] = session;
            body["repeatable"] = wish.Plan.Repeatable;
            body["stopGrace"] = "400ms";
        }, giveUp);
        return (string)task["id"]!;
    }

    private async Task StopAsync(string id, TimeSpan delay, bool now, CancellationToken giveUp)
    {
        await Task.Delay(delay, giveUp);
        collector.StopAsked(id);
        await host.InsistAsync(HttpMethod.Post, $"/v1/tasks/{id}/stop", new JsonObject { ["reason"] = "chance", ["now"] = now }, cancel: giveUp);
    }

    /// <summary>What is done with one task.</summary>
    private sealed record Wish(PlannedTask Plan, long Portion, TimeSpan Pause)
    {
        public bool Stubborn { get; init; }
        public bool Follows { get; init; }
        public TimeSpan? StopAfter { get; init; }
        public bool StopNow { get; init; }

        public static Wish Choose(Random random, string key)
        {
            var first = random.Next(1, 1_000_000);
            PlannedTask Plan(int lines) => new(key, new(first, first + lines - 1), random.Next(3) == 0 ? random.Next(1, 100) : 0, Repeatable: random.Next(4) == 0);
            TimeSpan Up(int ms) => TimeSpan.FromMilliseconds(random.Next(ms));
            var wish = random.Next(100) switch
            {
                < 45 => new Wish(Plan(random.Next(1, 200)), 1000, TimeSpan.Zero) { StopAfter = random.Next(10) == 0 ? Up(300) : null },
                < 70 => new Wish(Plan(random.Next(5, 12)), 1, TimeSpan.FromMilliseconds(random.Next(100, 500))) { StopAfter = random.Next(3) == 0 ? Up(2000) : null },
                < 85 => new Wish(Plan(random.Next(50_000, 150_000)), 40_000, TimeSpan.FromMilliseconds(random.Next(0, 100))) { StopAfter = random.Next(6) == 0 ? Up(500) : null },
                _ => new Wish(Plan(random.Next(4, 8)), 1, TimeSpan.FromMilliseconds(500)) { Stubborn = true, StopAfter = random.Next(4) > 0 ? Up(2000) : null },
            };
            return wish with { Follows = random.Next(4) == 0, StopNow = random.Next(5) == 0 };
        }
    }
}
