using System.Collections.Immutable;

namespace Outlast.IntegrationTests.Faults.Checking;

/// <summary>What was chosen for a task before it was submitted under <paramref name="Key"/>, which is its name and its idempotency key.</summary>
internal sealed record PlannedTask(string Key, NumberedLines Output, int ExitCode, bool Repeatable);

/// <summary>That a submission was answered with an id.</summary>
internal sealed record Acknowledgement(string Id, string Key);

/// <summary>A start, told by the command itself.</summary>
internal sealed record WitnessedStart(string Id, int Attempt, int Pid, long StartTicks);

/// <summary>That the command reached its last line, told by itself.</summary>
internal sealed record WitnessedEnd(string Id, int Attempt, int Pid, DateTimeOffset At);

/// <summary>A living process that bears the marks of a task of the data folder in question.</summary>
internal sealed record MarkedProcess(int Pid, long StartTicks, string TaskId, string Command);

/// <summary>What the host says of a task.</summary>
internal sealed record HostAnswer(string Id, string Name, string State, string? Cause, int? ExitCode, int Attempt, DateTimeOffset? EndedAt)
{
    /// <summary>How many terminal events it has.</summary>
    public int SettledEvents { get; init; } = 1;
    /// <summary>The session that is told of it.</summary>
    public string? Session { get; init; }
    /// <summary>Its whole output, as the host gives it out.</summary>
    public Digest Output { get; init; } = Digest.Empty;

    public bool IsTerminal => State is not ("queued" or "running" or "waiting" or "stopping");
}

/// <summary>What a follower of the output received, and whether it was told that this was all.</summary>
/// <param name="Id">The task.</param>
/// <param name="Output">What came.</param>
/// <param name="SawEnd">Whether it saw the end.</param>
/// <param name="Gaps">What the host said that it left out.</param>
internal sealed record FollowedOutput(string Id, Digest Output, bool SawEnd, string Gaps = "");

/// <summary>What the client of a session saw, in its order: that a notice came, or that its acknowledgement was answered.</summary>
internal sealed record InboxEntry(string Session, string Key, long Seq, bool Acknowledged);

/// <summary>All that the checker knows.</summary>
internal sealed record Evidence
{
    public ImmutableDictionary<string, PlannedTask> Plans { get; init; } = ImmutableDictionary<string, PlannedTask>.Empty;
    public ImmutableArray<Acknowledgement> Acknowledged { get; init; } = [];
    /// <summary>Tasks that somebody asked to stop, or tried to ask.</summary>
    public ImmutableHashSet<string> StopsAsked { get; init; } = [];
    public ImmutableArray<WitnessedStart> Starts { get; init; } = [];
    public ImmutableArray<WitnessedEnd> Ends { get; init; } = [];
    public ImmutableDictionary<string, HostAnswer> Answers { get; init; } = ImmutableDictionary<string, HostAnswer>.Empty;
    /// <summary>Marked processes that are alive after everything is over.</summary>
    public ImmutableArray<MarkedProcess> Alive { get; init; } = [];
    /// <summary>Task marks that were seen on any process at any time.</summary>
    public ImmutableHashSet<string> MarksSeen { get; init; } = [];
    public ImmutableArray<FollowedOutput> Followed { get; init; } = [];
    /// <summary>Of each session in the order of its only client.</summary>
    public ImmutableArray<InboxEntry> Inboxes { get; init; } = [];
    /// <summary>Sessions whose client has read on until nothing was open.</summary>
    public ImmutableHashSet<string> ReadToTheEnd { get; init; } = [];
    /// <summary>Whether nothing was done in the run that could lose an attempt: then none may be run again, allowed or not.</summary>
    public bool NoAttemptCanBeLost { get; init; }

    /// <summary>Every id that anything names: those the host has to answer for.</summary>
    public IEnumerable<string> NamedIds =>
        Acknowledged.Select(a => a.Id).Concat(Starts.Select(s => s.Id)).Concat(Alive.Select(p => p.TaskId)).Concat(MarksSeen).Distinct();
}
