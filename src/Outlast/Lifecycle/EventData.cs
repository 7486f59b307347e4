using System.Collections.Frozen;
using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;

namespace Outlast.Lifecycle;

/// <summary>The details of an event as they are gathered: what is absent is left out.</summary>
internal sealed class EventData
{
    private readonly ImmutableSortedDictionary<string, JsonElement>.Builder _fields = ImmutableSortedDictionary.CreateBuilder<string, JsonElement>(StringComparer.Ordinal);

    public static EventData None => new();

    public EventData With(string key, string? text) => text is null ? this : Add(key, JsonSerializer.SerializeToElement(text));

    /// <summary>A word of the vocabulary.</summary>
    public EventData WithName<T>(string key, T value) where T : struct, Enum => Add(key, Word<T>.Elements[value]);

    public EventData With(string key, long? number) => number is null ? this : Add(key, JsonSerializer.SerializeToElement(number.Value));

    public EventData With(string key, double? number) => number is null ? this : Add(key, JsonSerializer.SerializeToElement(number.Value));

    public EventData With(string key, bool holds) => holds ? Add(key, JsonSerializer.SerializeToElement(true)) : this;

    public EventData With(string key, TimeSpan? duration) => With(key, (long?)duration?.TotalMilliseconds);

    public EventData With(string key, DateTimeOffset? time) => With(key, time?.ToUniversalTime().ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture));

    public EventData With(string key, ImmutableSortedDictionary<string, long> measured) => measured.IsEmpty ? this : Add(key, JsonSerializer.SerializeToElement(measured));

    public EventData With(string key, Actor? actor)
    {
        if (actor is null) return this;
        var fields = new Dictionary<string, string> { ["type"] = Names.Of(actor.Type), ["id"] = actor.Id };
        if (actor.Via is { } via) fields["via"] = via;
        return Add(key, JsonSerializer.SerializeToElement(fields));
    }

    public TaskEventDraft As(TaskEventType type, DateTimeOffset at) => new(type, at, _fields.ToImmutable());

    private EventData Add(string key, JsonElement value)
    {
        _fields[key] = value;
        return this;
    }

    /// <summary>There are few of them, and every task has several.</summary>
    private static class Word<T> where T : struct, Enum
    {
        internal static readonly FrozenDictionary<T, JsonElement> Elements = Enum.GetValues<T>().ToFrozenDictionary(v => v, v => JsonSerializer.SerializeToElement(Names.Of(v)));
    }
}
