namespace Outlast.Supervision;

/// <summary>Who goes first: those that were suspended or never started, then the larger priority, then the smaller number.</summary>
internal readonly record struct QueueOrder(bool FirstInLine, int Priority, long Number) : IComparable<QueueOrder>
{
    public int CompareTo(QueueOrder other) =>
        FirstInLine != other.FirstInLine ? (FirstInLine ? -1 : 1) : Priority != other.Priority ? other.Priority.CompareTo(Priority) : Number.CompareTo(other.Number);
}

/// <summary>A task that waits for its turn, or for its time.</summary>
internal sealed class QueuedTask(TaskId id, QueueOrder order, Lane lane, TaskId? parent = null, long version = 0)
{
    public TaskId Id => id;
    public TaskId? Parent => parent;
    public QueueOrder Order => order;
    public Lane Lane { get; set; } = lane;

    /// <summary>That of the record that says that it waits.</summary>
    public long Version => version;

    /// <summary>Set while its time has not come.</summary>
    public DateTimeOffset? NotBefore { get; set; }

    /// <summary>Its record as it was committed last, kept of some: see <see cref="KnownRecords"/>.</summary>
    public TaskRecord? Known { get; set; }

    /// <summary>What that takes in memory, roughly.</summary>
    public long KnownBytes { get; set; }
}
