using System.Collections.Immutable;
using System.Text.Json;

namespace Outlast.Storage;

/// <summary>What a store announces when a record gives way to a tombstone.</summary>
public static class Removal
{
    /// <summary>The event of that removal.</summary>
    public static TaskEvent EventOf(Tombstone tombstone, long seq, string? session, long taskSeq, int attempt)
    {
        ArgumentNullException.ThrowIfNull(tombstone);
        var data = ImmutableSortedDictionary<string, JsonElement>.Empty.Add("reason", JsonSerializer.SerializeToElement(tombstone.Reason, RecordJson.Default.String));
        return new(seq, tombstone.Id, session, taskSeq, TaskEventType.Removed, tombstone.RemovedAt, tombstone.State, attempt, data);
    }
}
