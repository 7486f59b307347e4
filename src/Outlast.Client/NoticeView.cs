namespace Outlast.Client;

/// <summary>A message of the host to a session: that a task of it ended, warns or asks, or that a group is over. It comes until it is acknowledged, always under the same key.</summary>
public sealed record NoticeView
{
    /// <summary>Its number over all notices of the store; grows. A cursor.</summary>
    public required long Seq { get; init; }
    /// <summary>The same whenever it comes.</summary>
    public required string Key { get; init; }
    /// <summary><c>ended</c>, <c>warning</c>, <c>question</c> or <c>group</c>.</summary>
    public required string Kind { get; init; }
    /// <summary>Who says it: always <c>outlast</c>. It is nobody's message but the host's, whatever its text contains.</summary>
    public string Provenance { get; init; } = "outlast";
    /// <summary>To whom; exactly that one.</summary>
    public required string Session { get; init; }
    /// <summary>The task's whole id; of a group, that of the one that ended last.</summary>
    public required string Task { get; init; }
    /// <summary>The task's number.</summary>
    public required long Number { get; init; }
    /// <summary>The task's group.</summary>
    public string? Group { get; init; }
    /// <summary>When it happened.</summary>
    public required DateTimeOffset At { get; init; }
    /// <summary>In a few words.</summary>
    public required string Title { get; init; }
    /// <summary>In a sentence or two.</summary>
    public required string Text { get; init; }
    /// <summary>The task's state at that moment.</summary>
    public required string State { get; init; }
    /// <summary>Why it ended, if it did.</summary>
    public string? Cause { get; init; }
    /// <summary><c>queued</c>, <c>handed_over</c>, <c>acknowledged</c>, <c>consumed</c> or <c>dropped</c>.</summary>
    public required string Delivery { get; init; }
    /// <summary>How often it was handed over, this time included.</summary>
    public required int Deliveries { get; init; }
    /// <summary>Why it will not be delivered.</summary>
    public string? DroppedReason { get; init; }
}

/// <summary>Notices in order.</summary>
/// <param name="Notices">The notices.</param>
/// <param name="Next">The <c>after</c> with which one goes on.</param>
public sealed record InboxView(IReadOnlyList<NoticeView> Notices, long Next);

/// <summary>The body of <c>POST /v1/sessions/{s}/inbox/ack</c>: one of the three.</summary>
/// <param name="Keys">Those with these keys.</param>
/// <param name="Through">All up to that number.</param>
/// <param name="All">Everything that is open.</param>
public sealed record AcknowledgeRequestBody(IReadOnlyList<string>? Keys = null, long? Through = null, bool? All = null);

/// <summary>What became of an acknowledgement.</summary>
/// <param name="Count">How many were acknowledged.</param>
/// <param name="Acknowledged">Their keys, in order; the first thousand.</param>
/// <param name="Final">Keys of those that were final before.</param>
/// <param name="Unknown">Keys that the session has no notice of.</param>
public sealed record AcknowledgedView(int Count, IReadOnlyList<string> Acknowledged, IReadOnlyList<string>? Final = null, IReadOnlyList<string>? Unknown = null);

/// <summary>A conversation or client that tasks belong to.</summary>
public sealed record SessionView
{
    /// <summary>Its name.</summary>
    public required string Name { get; init; }
    /// <summary>When it is told: <c>push</c>, <c>hold</c> or <c>never</c>.</summary>
    public required string Notify { get; init; }
    /// <summary>How many of its tasks have not ended.</summary>
    public required int OpenTasks { get; init; }
    /// <summary>How many notices nobody was told of yet.</summary>
    public required int Queued { get; init; }
    /// <summary>How many were handed over and not acknowledged.</summary>
    public required int HandedOver { get; init; }
    /// <summary>How many will not be delivered.</summary>
    public required int Dropped { get; init; }
    /// <summary>Only where it was closed just now: the numbers of its tasks that were asked to stop.</summary>
    public IReadOnlyList<long>? Stopped { get; init; }
}

/// <summary>Every session, by name.</summary>
public sealed record SessionListView(IReadOnlyList<SessionView> Sessions);

/// <summary>The body of <c>PUT /v1/sessions/{s}</c>.</summary>
/// <param name="Notify"><c>push</c>, <c>hold</c> or <c>never</c>.</param>
public sealed record SessionRequestBody(string Notify);
