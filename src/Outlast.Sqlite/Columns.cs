using System.Text.Json;

namespace Outlast.Sqlite;

/// <summary>How values of the vocabulary stand in columns: names in snake_case, times in 100 ns since 1970.</summary>
internal static class Columns
{
    private static readonly Names<TaskState> States = new();
    private static readonly Names<TaskKind> Kinds = new();
    private static readonly Names<EndCause> Causes = new();
    private static readonly Names<TaskEventType> EventTypes = new();

    public static string Of(TaskState state) => States.Of(state);
    public static string Of(TaskKind kind) => Kinds.Of(kind);
    public static string Of(EndCause cause) => Causes.Of(cause);
    public static string Of(TaskEventType type) => EventTypes.Of(type);
    public static long Of(DateTimeOffset time) => time.UtcTicks - DateTimeOffset.UnixEpoch.Ticks;
    public static long? Of(DateTimeOffset? time) => time is { } known ? Of(known) : null;

    public static TaskState? State(string? name) => States.Find(name);
    public static TaskKind? Kind(string? name) => Kinds.Find(name);
    public static TaskEventType? EventType(string? name) => EventTypes.Find(name);
    public static DateTimeOffset Time(long value) => DateTimeOffset.UnixEpoch.AddTicks(value);
    public static DateTimeOffset? Time(long? value) => value is { } known ? Time(known) : null;

    private sealed class Names<T> where T : struct, Enum
    {
        private readonly Dictionary<T, string> _names = Enum.GetValues<T>().ToDictionary(value => value, value => JsonNamingPolicy.SnakeCaseLower.ConvertName(value.ToString()));
        private readonly Dictionary<string, T> _values;

        public Names() => _values = _names.ToDictionary(pair => pair.Value, pair => pair.Key);

        public string Of(T value) => _names[value];

        public T? Find(string? name) => name is not null && _values.TryGetValue(name, out var value) ? value : null;
    }
}
