using System.Text.Json;

namespace Outlast.Client;

/// <summary>Something that happened.</summary>
public sealed record EventView
{
    /// <summary>Its number over all events of the store; grows.</summary>
    public required long Seq { get; init; }
    /// <summary>To which task; absent for events of a host.</summary>
    public string? Task { get; init; }
    /// <summary>The task's session.</summary>
    public string? Session { get; init; }
    /// <summary>Its number among that task's events, from 1, without gaps; absent for events of a host.</summary>
    public long? TaskSeq { get; init; }
    /// <summary><c>task.submitted</c>, <c>task.started</c>, ..., <c>task.ended</c>, <c>host.started</c>, ...</summary>
    public required string Type { get; init; }
    /// <summary>When.</summary>
    public required DateTimeOffset At { get; init; }
    /// <summary>The task's state after it.</summary>
    public string? State { get; init; }
    /// <summary>The task's attempt.</summary>
    public int? Attempt { get; init; }
    /// <summary>Details.</summary>
    public IReadOnlyDictionary<string, JsonElement> Data { get; init; } = new Dictionary<string, JsonElement>();
}

/// <summary>A page of events, oldest first.</summary>
/// <param name="Events">The events.</param>
/// <param name="Next">The <c>after</c> of the next page.</param>
/// <param name="Gap">Present where some after the cursor are no longer kept.</param>
public sealed record EventListView(IReadOnlyList<EventView> Events, long Next, EventGapView? Gap = null);

/// <summary>That events are no longer kept.</summary>
/// <param name="First">The first number that is.</param>
public sealed record EventGapView(long First);

/// <summary>One message of an event stream: an event, or that older ones are no longer kept.</summary>
/// <param name="Event">The event; absent with a gap.</param>
/// <param name="Gap">That some are missing here.</param>
public sealed record EventFrame(EventView? Event, EventGapView? Gap = null);
