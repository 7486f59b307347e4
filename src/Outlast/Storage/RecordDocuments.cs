using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Outlast.Storage;

/// <summary>A spec as it is stored: written once.</summary>
internal sealed record SpecDocument(int V, TaskSpec Spec);

/// <summary>Everything of a record but its spec and its number, which a store keeps beside it.</summary>
internal sealed record StateDocument(
    int V, TaskId Id, TaskState State, long Version, int Attempt, bool Resumes, TaskClaim? Claim, TaskId? Parent, TaskId Root, int Depth, int OpenChildren,
    TaskOutcome? Outcome, StopRequest? Stop, Question? Question, TaskLimits Limits, ProcessFacts? Process, int Adoptions, bool FirstInLine,
    DateTimeOffset? NotBefore, DateTimeOffset CreatedAt, DateTimeOffset? StartedAt, DateTimeOffset? EndedAt, TimeSpan Paused,
    OutputFacts Output, TaskEnd? End, ImmutableArray<Annotation> Annotations, long Events, TaskId? RetryOf, int? OpenBelow, int? EverBelow, EndedBelow? Below, TimeSpan? TimeoutWarned)
{
    public static StateDocument Of(TaskRecord r) => new(
        RecordSerializer.Format, r.Id, r.State, r.Version, r.Attempt, r.Resumes, r.Claim, r.Parent, r.Root, r.Depth, r.OpenChildren,
        r.Outcome, r.Stop, r.Question, r.Limits, r.Process, r.Adoptions, r.FirstInLine,
        r.NotBefore, r.CreatedAt, r.StartedAt, r.EndedAt, r.Paused,
        r.Output, r.End, r.Annotations, r.Events, r.RetryOf, NotZero(r.OpenBelow), NotZero(r.EverBelow), r.Below, r.TimeoutWarned);

    public TaskRecord ToRecord(long number, TaskSpec spec) => new()
    {
        Id = Id,
        Number = number,
        Spec = spec,
        State = State,
        Version = Version,
        Attempt = Attempt,
        Resumes = Resumes,
        Claim = Claim,
        Parent = Parent,
        Root = Root,
        Depth = Depth,
        OpenChildren = OpenChildren,
        Outcome = Outcome,
        Stop = Stop,
        Question = Question,
        Limits = Limits,
        Process = Process,
        Adoptions = Adoptions,
        FirstInLine = FirstInLine,
        NotBefore = NotBefore,
        CreatedAt = CreatedAt,
        StartedAt = StartedAt,
        EndedAt = EndedAt,
        Paused = Paused,
        Output = Output,
        End = End,
        Annotations = Annotations,
        Events = Events,
        RetryOf = RetryOf,
        OpenBelow = OpenBelow ?? 0,
        EverBelow = EverBelow ?? 0,
        Below = Below,
        TimeoutWarned = TimeoutWarned,
    };

    private static int? NotZero(int count) => count == 0 ? null : count;
}

/// <summary>How the documents look: camelCase names, snake_case values, absent where there is no value; the rest is the base library's own form, exact to the tick.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    IgnoreReadOnlyProperties = true,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    AllowDuplicateProperties = false,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true,
    Converters =
    [
        typeof(TaskIdConverter), typeof(HostIdConverter), typeof(FencingTokenConverter),
        typeof(SnakeCase<TaskState>), typeof(SnakeCase<EndCause>), typeof(SnakeCase<ActorType>), typeof(SnakeCase<OutcomeKind>), typeof(SnakeCase<ChildPolicy>),
        typeof(SnakeCase<RetryOn>), typeof(SnakeCase<StdinKind>), typeof(SnakeCase<StderrMode>), typeof(SnakeCase<OutputRoute>), typeof(SnakeCase<OutputPolicy>), typeof(SnakeCase<LeftoverPolicy>), typeof(SnakeCase<NotifyPolicy>),
    ])]
[JsonSerializable(typeof(SpecDocument))]
[JsonSerializable(typeof(StateDocument))]
[JsonSerializable(typeof(ImmutableSortedDictionary<string, JsonElement>), TypeInfoPropertyName = "EventData")]
[JsonSerializable(typeof(ImmutableSortedDictionary<string, string>), TypeInfoPropertyName = "Labels")]
[JsonSerializable(typeof(JsonElement))]
[JsonSerializable(typeof(string))]
internal sealed partial class RecordJson : JsonSerializerContext;

internal sealed class SnakeCase<T>() : JsonStringEnumConverter<T>(JsonNamingPolicy.SnakeCaseLower, allowIntegerValues: false) where T : struct, Enum;

internal sealed class TaskIdConverter : JsonConverter<TaskId>
{
    public override TaskId Read(ref Utf8JsonReader reader, Type type, JsonSerializerOptions options) =>
        reader.TokenType == JsonTokenType.String && TaskId.TryParse(reader.GetString(), out var id) ? id : throw new JsonException("is no task id");

    public override void Write(Utf8JsonWriter writer, TaskId value, JsonSerializerOptions options)
    {
        Span<char> text = stackalloc char[TaskId.Length];
        value.Format(text);
        writer.WriteStringValue(text);
    }
}

internal sealed class HostIdConverter : JsonConverter<HostId>
{
    public override HostId Read(ref Utf8JsonReader reader, Type type, JsonSerializerOptions options) =>
        reader.TokenType == JsonTokenType.String && reader.GetString() is { Length: > 0 } text ? new HostId(text) : throw new JsonException("is no host id");

    public override void Write(Utf8JsonWriter writer, HostId value, JsonSerializerOptions options) => writer.WriteStringValue(value.Value);
}

internal sealed class FencingTokenConverter : JsonConverter<FencingToken>
{
    public override FencingToken Read(ref Utf8JsonReader reader, Type type, JsonSerializerOptions options) =>
        reader.TokenType == JsonTokenType.Number && reader.TryGetInt64(out var value) ? new FencingToken(value) : throw new JsonException("is no fencing token");

    public override void Write(Utf8JsonWriter writer, FencingToken value, JsonSerializerOptions options) => writer.WriteNumberValue(value.Value);
}
