using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;

namespace Outlast.Hosting;

/// <summary>Reads the setting of many keys: <c>session:*=5, label:gpu=1</c>, or an object.</summary>
internal static class LimitRules
{
    public const string Setting = "concurrency.limits";
    private const string Shape = "write session:*=5, label:gpu=1, or an object of keys and numbers";

    /// <summary>Every rule, in the order in which it is written; or what is wrong.</summary>
    public static (ImmutableArray<LimitRule> Rules, string? Problem) Read(string text)
    {
        var rules = ImmutableArray.CreateBuilder<LimitRule>();
        if (text == "none") return ([], null);
        foreach (var (pattern, max, problem) in text.StartsWith('{') ? OfObject(text) : OfList(text))
        {
            if (problem is not null) return ([], problem);
            if (!LimitRule.TryParse(pattern, max, out var rule, out var wrong)) return ([], wrong);
            if (rules.Any(r => r.Key == rule.Key && r.Scope == rule.Scope && r.Label == rule.Label)) return ([], $"'{pattern}' is given twice");
            rules.Add(rule);
        }
        return (rules.ToImmutable(), null);
    }

    private static IEnumerable<(string Pattern, long Max, string? Problem)> OfList(string text)
    {
        foreach (var entry in text.Split(',', StringSplitOptions.TrimEntries))
        {
            // The pattern of a label has an '=' of its own.
            var equals = entry.LastIndexOf('=');
            if (equals > 0 && long.TryParse(entry.AsSpan(equals + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var max)) yield return (entry[..equals].TrimEnd(), max, null);
            else yield return ("", 0, $"'{entry}' is no limit; {Shape}");
        }
    }

    private static IEnumerable<(string Pattern, long Max, string? Problem)> OfObject(string text)
    {
        JsonDocument document;
        string? malformed = null;
        try
        {
            document = JsonDocument.Parse(text, new() { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true });
        }
        catch (JsonException e)
        {
            (document, malformed) = (JsonDocument.Parse("{}"), $"no JSON: {e.Message}");
        }
        using (document)
        {
            if (malformed is not null) yield return ("", 0, malformed);
            foreach (var property in document.RootElement.EnumerateObject())
            {
                if (property.Value.ValueKind == JsonValueKind.Number && property.Value.TryGetInt64(out var max)) yield return (property.Name, max, null);
                else yield return ("", 0, $"'{property.Name}' allows {property.Value.GetRawText()}; a number is expected");
            }
        }
    }
}
