using System.Text.Json;
using System.Text.Json.Serialization;

namespace Outlast.Runners.Handlers;

/// <summary>An answer, as the journal keeps it.</summary>
internal sealed record Answer(string? Text, string ActorType, string ActorId, string? Via, DateTimeOffset At)
{
    public static Answer Of(QuestionAnswer answer) => new(answer.Text, Names.Of(answer.Actor.Type), answer.Actor.Id, answer.Actor.Via, answer.At);

    public JsonElement ToJson() => JsonSerializer.SerializeToElement(this, AnswerJson.Default.Answer);

    public QuestionAnswer ToAnswer() => new(Text, new(Names.TryParse<ActorType>(ActorType, out var type) ? type : Outlast.ActorType.User, ActorId, Via), At);
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(Answer))]
internal sealed partial class AnswerJson : JsonSerializerContext;
