using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Globalization;
using System.Net;
using System.Text.Json.Nodes;
using Outlast.IntegrationTests.Faults.Checking;

namespace Outlast.IntegrationTests.Faults;

/// <summary>Gathers, during a run and after it, what the checker may know.</summary>
internal sealed class EvidenceCollector(DataFolder data, string folder)
{
    private readonly string _acknowledged = Path.Combine(folder, "acknowledged");
    private readonly ConcurrentDictionary<string, PlannedTask> _plans = new();
    private readonly ConcurrentDictionary<string, bool> _stopsAsked = new();
    private readonly ConcurrentDictionary<string, bool> _marksSeen = new();
    private readonly ConcurrentBag<FollowedOutput> _followed = [];
    private readonly ConcurrentQueue<InboxEntry> _inboxes = new();
    private readonly Lock _lock = new();

    /// <summary>The id that was acknowledged first.</summary>
    public string FirstAcknowledged => File.ReadLines(_acknowledged).First().Split(' ')[0];

    public WitnessFile Witness { get; } = new(Path.Combine(folder, "witness"));

    public void Planned(PlannedTask plan) => _plans[plan.Key] = plan;

    /// <summary>Called before the request goes out, for its answer may be lost.</summary>
    public void StopAsked(string id) => _stopsAsked[id] = true;

    public void Acknowledged(string id, string key)
    {
        lock (_lock) File.AppendAllText(_acknowledged, $"{id} {key}\n");
    }

    /// <summary>Called by the one client of the session, as it happens to it.</summary>
    public void Noticed(InboxEntry entry) => _inboxes.Enqueue(entry);

    public void Followed(FollowedOutput output) => _followed.Add(output);

    /// <summary>One look at everything that is marked as this folder's.</summary>
    public void LookAtProcesses()
    {
        foreach (var process in ProcessTable.MarkedBy(data.Path)) _marksSeen[process.TaskId] = true;
    }

    /// <summary>Asks the host for everything that anything names.</summary>
    public async Task<Evidence> GatherAsync(HostConnection host)
    {
        var (starts, ends) = Witness.Read();
        var evidence = new Evidence
        {
            Plans = _plans.ToImmutableDictionary(),
            Acknowledged = File.Exists(_acknowledged) ? [.. File.ReadAllLines(_acknowledged).Select(l => l.Split(' ')).Select(l => new Acknowledgement(l[0], l[1]))] : [],
            StopsAsked = [.. _stopsAsked.Keys],
            Starts = starts,
            Ends = ends,
            Alive = ProcessTable.MarkedBy(data.Path),
            MarksSeen = [.. _marksSeen.Keys],
            Followed = [.. _followed],
            Inboxes = [.. _inboxes],
        };
        var settled = (await host.EventsAsync()).Where(e => (string?)e["type"] == "task.ended").GroupBy(e => (string)e["task"]!).ToDictionary(g => g.Key, g => g.Count());
        var answers = ImmutableDictionary.CreateBuilder<string, HostAnswer>();
        foreach (var id in evidence.NamedIds)
        {
            var reply = await host.InsistAsync(HttpMethod.Get, $"/v1/tasks/{id}");
            if (reply.Status == HttpStatusCode.NotFound) continue;
            if (reply.Status != HttpStatusCode.OK) throw new InvalidOperationException($"Task {id}: {reply}");
            answers.Add(id, AnswerOf(reply.Json, settled.GetValueOrDefault(id), Digest.Of(await host.OutputAsync(id))));
        }
        return evidence with { Answers = answers.ToImmutable() };
    }

    public static HostAnswer AnswerOf(JsonNode task, int settled, Digest output) => new(
        (string)task["id"]!, (string)task["name"]!, (string)task["state"]!, (string?)task["end"]?["cause"], (int?)task["end"]?["exitCode"], (int)task["attempt"]!,
        task["endedAt"] is { } at ? DateTimeOffset.Parse((string)at!, CultureInfo.InvariantCulture) : null)
    { SettledEvents = settled, Output = output, Session = (string?)task["session"] };
}
