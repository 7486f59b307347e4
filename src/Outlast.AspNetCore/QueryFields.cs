using System.Globalization;
using Microsoft.AspNetCore.Http;

namespace Outlast.AspNetCore;

/// <summary>The fields of a query, taken one by one by name; what nobody takes is an error.</summary>
internal sealed class QueryFields(IQueryCollection query)
{
    private readonly FieldErrors _errors = new();
    private readonly HashSet<string> _taken = [];

    public void Fail(string name, string text) => _errors.Add(name, text);

    public string? Text(string name)
    {
        _taken.Add(name);
        if (!query.TryGetValue(name, out var values)) return null;
        if (values.Count > 1) Fail(name, "is given twice");
        if (!string.IsNullOrWhiteSpace(values[0])) return values[0];
        // A filter without a value would fit everything.
        Fail(name, "is empty; leave it out or give it a value");
        return null;
    }

    public bool Flag(string name)
    {
        var text = Text(name);
        if (text is not (null or "true" or "false")) Fail(name, "must be true or false");
        return text == "true";
    }

    public long? Whole(string name, long least, long most) => Whole(name, Text(name), least, most);

    public long? Whole(string name, string? text, long least, long most)
    {
        if (text is null) return null;
        if (long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) && number >= least && number <= most) return number;
        Fail(name, $"'{JsonFields.Shorten(text)}' is not a whole number from {least} to {most}");
        return null;
    }

    public TimeSpan? Wait(string name)
    {
        if (Text(name) is not { } text) return null;
        if (Duration.TryParse(text, out var wait)) return wait;
        Fail(name, JsonFields.NoDuration(text));
        return null;
    }

    public DateTimeOffset? Time(string name)
    {
        if (Text(name) is not { } text) return null;
        if (DateTimeOffset.TryParseExact(text, "yyyy-MM-dd'T'HH:mm:ss.FFFFFFFK", CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out var time)) return time;
        Fail(name, $"'{JsonFields.Shorten(text)}' is no time; write 2026-11-20T10:00:00Z");
        return null;
    }

    /// <summary>Several ids: the field may come several times, and each may name several, with commas.</summary>
    public IReadOnlyList<TaskId> Ids(string name, int most)
    {
        _taken.Add(name);
        if (!query.TryGetValue(name, out var values)) return [];
        var words = values.SelectMany(v => (v ?? "").Split(',', StringSplitOptions.TrimEntries)).ToList();
        if (words.Count > most) Fail(name, $"names {words.Count}; {most} are the most");
        var ids = new List<TaskId>(words.Count);
        foreach (var word in words.Distinct())
        {
            if (TaskId.TryParse(word, out var id)) ids.Add(id);
            else Fail(name, $"'{JsonFields.Shorten(word)}' is no whole task id");
        }
        return ids;
    }

    public TaskId? Id(string name)
    {
        if (Text(name) is not { } text) return null;
        if (TaskId.TryParse(text, out var id)) return id;
        Fail(name, "must be a whole task id");
        return null;
    }

    public IEnumerable<T> Words<T>(string name) where T : struct, Enum
    {
        if (Text(name) is not { } text) yield break;
        var words = text.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        if (words.Length == 0) Fail(name, $"'{JsonFields.Shorten(text)}' names nothing");
        foreach (var word in words)
        {
            if (Names.TryParse<T>(word, out var value)) yield return value;
            else Fail(name, $"'{JsonFields.Shorten(word)}' is not one of {string.Join(", ", Names.All<T>())}");
        }
    }

    /// <summary>Names what nobody took, and everything else that is wrong.</summary>
    /// <exception cref="RefusedException">Something is.</exception>
    public void ThrowIfAny()
    {
        foreach (var name in query.Keys)
            if (!_taken.Contains(name)) Fail(JsonFields.Shorten(name), "is not known here");
        _errors.ThrowIfAny("The request cannot be understood");
    }
}
