using System.Text.Json;
using Outlast.Client;

namespace Outlast.Cli.Rendering;

/// <summary>What an event tells, in words.</summary>
internal static class EventWords
{
    public static string Of(EventView happened) => ControlSequences.Escape(string.Join("  ", happened.Data.OrderBy(d => d.Key == "reason" ? 0 : 1).Select(Of).Where(words => words.Length > 0)));

    private static string Of(KeyValuePair<string, JsonElement> fact) => (fact.Key, fact.Value.ValueKind) switch
    {
        ("reason", JsonValueKind.String) => fact.Value.GetString()!,
        // Said by the event's own state.
        ("state", _) => "",
        ("actor" or "by", JsonValueKind.Object) => "by " + Actor(fact.Value),
        ("measured", JsonValueKind.Object) => string.Join(", ", fact.Value.EnumerateObject().Select(m => m.Value.TryGetInt64(out var value) ? Words.Measured(m.Name, value) : $"{m.Name} {m.Value}")),
        (_, JsonValueKind.String) => $"{fact.Key}={Words.Quote(fact.Value.GetString()!)}",
        _ => $"{fact.Key}={fact.Value}",
    };

    private static string Actor(JsonElement actor) => Words.Actor(new(Text(actor, "type") ?? "", Text(actor, "id") ?? "", Text(actor, "via")));

    private static string? Text(JsonElement element, string name) => element.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
}
