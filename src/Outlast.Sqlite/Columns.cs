namespace Outlast.Sqlite;

/// <summary>How values of the vocabulary stand in columns: times in 100 ns since 1970.</summary>
internal static class Columns
{
    public static string Of<T>(T value) where T : struct, Enum => Names.Of(value);
    public static long Of(DateTimeOffset time) => time.UtcTicks - DateTimeOffset.UnixEpoch.Ticks;
    public static long? Of(DateTimeOffset? time) => time is { } known ? Of(known) : null;

    public static TaskState? State(string? name) => Names.TryParse<TaskState>(name, out var state) ? state : null;
    public static TaskKind? Kind(string? name) => Names.TryParse<TaskKind>(name, out var kind) ? kind : null;
    public static TaskEventType? EventType(string? name) => Names.TryParse<TaskEventType>(name, out var type) ? type : null;
    public static DateTimeOffset Time(long value) => DateTimeOffset.UnixEpoch.AddTicks(value);
    public static DateTimeOffset? Time(long? value) => value is { } known ? Time(known) : null;
}
