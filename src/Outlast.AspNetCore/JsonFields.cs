using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Outlast.AspNetCore;

/// <summary>The fields of one JSON object, taken one by one by name; what nobody takes is an error, and every error knows its path. <c>null</c> counts as absent.</summary>
internal sealed partial class JsonFields
{
    private readonly FieldErrors _errors;
    private readonly string _path;
    private readonly Dictionary<string, JsonElement> _left = new(StringComparer.Ordinal);

    public JsonFields(JsonElement value, string path, FieldErrors errors)
    {
        _errors = errors;
        _path = path;
        var hasNull = false;
        foreach (var field in value.EnumerateObject())
        {
            hasNull |= field.Value.ValueKind == JsonValueKind.Null;
            if (NameOf(field) is not { } name) Fail("", "has a name that is no text: half of a surrogate pair");
            else if (!_left.TryAdd(name, field.Value)) Fail(name, "is given twice");
        }
        if (hasNull)
            foreach (var (name, _) in _left.Where(f => f.Value.ValueKind == JsonValueKind.Null).ToList()) _left.Remove(name);
        WasEmpty = _left.Count == 0;
    }

    /// <summary>Whether nothing was given at all.</summary>
    public bool WasEmpty { get; }

    public void Fail(string name, string text) => _errors.Add(PathOf(name), text);

    public bool Has(string name) => _left.ContainsKey(name);

    /// <summary>Names what was not taken: it is unknown, or a later version's.</summary>
    public void FailOnRest(IReadOnlySet<string> later)
    {
        foreach (var name in _left.Keys) Fail(name, later.Contains(name) ? "not supported yet" : "is not known");
    }

    public string? Text(string name, int longest = int.MaxValue) =>
        Take(name, JsonValueKind.String, "a text") is { } value && TextOf(value, PathOf(name), longest) is { } text ? text : null;

    /// <summary>A whole task id.</summary>
    public TaskId? Id(string name)
    {
        if (Text(name) is not { } text) return null;
        if (TaskId.TryParse(text, out var id)) return id;
        Fail(name, "must be a whole task id");
        return null;
    }

    public bool? Flag(string name)
    {
        if (!_left.Remove(name, out var value)) return null;
        if (value.ValueKind is JsonValueKind.True or JsonValueKind.False) return value.GetBoolean();
        Fail(name, "must be true or false");
        return null;
    }

    public long? Whole(string name, long least, long most)
    {
        if (Take(name, JsonValueKind.Number, "a number") is not { } value) return null;
        if (value.TryGetInt64(out var number) && number >= least && number <= most) return number;
        Fail(name, $"must be a whole number from {least} to {most}");
        return null;
    }

    public JsonFields? Object(string name) => Take(name, JsonValueKind.Object, "an object") is { } value ? new(value, PathOf(name), _errors) : null;

    /// <summary>Whether the field is there and an object.</summary>
    public bool IsObject(string name) => _left.TryGetValue(name, out var value) && value.ValueKind == JsonValueKind.Object;

    /// <summary>Whether the field is there and a text.</summary>
    public bool IsText(string name) => _left.TryGetValue(name, out var value) && value.ValueKind == JsonValueKind.String;

    /// <summary>Any value, to keep.</summary>
    public JsonElement? Value(string name) => _left.Remove(name, out var value) ? value.Clone() : null;

    /// <summary>Takes a field without a look: it was refused already.</summary>
    public void Skip(string name) => _left.Remove(name);

    public List<string>? Texts(string name)
    {
        if (Take(name, JsonValueKind.Array, "a list of texts") is not { } list) return null;
        var texts = new List<string>(list.GetArrayLength());
        foreach (var item in list.EnumerateArray())
        {
            var path = $"{PathOf(name)}[{texts.Count}]";
            if (item.ValueKind != JsonValueKind.String) _errors.Add(path, "must be a text");
            texts.Add(item.ValueKind == JsonValueKind.String ? TextOf(item, path, int.MaxValue) ?? "" : "");
        }
        return texts;
    }

    /// <summary>A list of objects, each with its place in its path; what is no object is an error and absent.</summary>
    public List<JsonFields>? Objects(string name, int least, int most)
    {
        if (Take(name, JsonValueKind.Array, "a list of objects") is not { } list) return null;
        var count = list.GetArrayLength();
        if (count < least || count > most)
        {
            Fail(name, $"has {count}; {least} to {most} are expected");
            return null;
        }
        var objects = new List<JsonFields>(count);
        foreach (var (i, item) in list.EnumerateArray().Index())
        {
            var path = $"{PathOf(name)}[{i}]";
            if (item.ValueKind == JsonValueKind.Object) objects.Add(new(item, path, _errors));
            else _errors.Add(path, "must be an object");
        }
        return objects;
    }

    public Dictionary<string, string>? Map(string name)
    {
        if (Object(name) is not { } fields) return null;
        var map = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var key in fields._left.Keys.ToList())
            if (fields.Text(key) is { } text) map[key] = text;
        return map;
    }

    /// <summary>One of some words; others that a later version knows are told apart.</summary>
    public T? Word<T>(string name, IReadOnlyDictionary<string, T> words, params ReadOnlySpan<string> later) where T : struct
    {
        if (Text(name) is not { } text) return null;
        if (words.TryGetValue(text, out var value)) return value;
        Fail(name, later.Contains(text) ? $"'{text}' is not supported yet" : $"'{text}' is not one of {string.Join(", ", words.Keys)}");
        return null;
    }

    /// <summary>A length of time: <c>name</c> as text or <c>nameMs</c> as number; <c>none</c> and 0 are no limit. False: it is not given.</summary>
    public bool Limit(string name, out TimeSpan? limit)
    {
        limit = null;
        var inMilliseconds = name + "Ms";
        if (Has(name) && Has(inMilliseconds))
        {
            Fail(name, $"is given as well as {inMilliseconds}; give one of them");
            _left.Remove(name);
            _left.Remove(inMilliseconds);
            return false;
        }
        if (Has(inMilliseconds))
        {
            if (Whole(inMilliseconds, 0, (long)Duration.Max.TotalMilliseconds) is not { } milliseconds) return false;
            limit = milliseconds == 0 ? null : TimeSpan.FromMilliseconds(milliseconds);
            return true;
        }
        if (!_left.TryGetValue(name, out var value)) return false;
        if (value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out var zero) && zero == 0)
        {
            _left.Remove(name);
            return true;
        }
        if (Text(name) is not { } text) return false;
        if (text == "none") return true;
        if (!Duration.TryParse(text, out var duration))
        {
            Fail(name, NoDuration(text));
            return false;
        }
        limit = duration == TimeSpan.Zero ? null : duration;
        return true;
    }

    /// <summary>A moment, with its zone: <c>2026-11-27T08:00:00Z</c>.</summary>
    public DateTimeOffset? Moment(string name) => Text(name) is { } text ? ReadMoment(name, text, "is no time; write 2026-11-27T08:00:00Z") : null;

    /// <summary>A moment, or how long after another one it is: <c>90s</c>, or <c>nameMs</c> as number.</summary>
    public DateTimeOffset? Moment(string name, DateTimeOffset from)
    {
        if (!Has(name + "Ms") && _left.TryGetValue(name, out var value) && value.ValueKind == JsonValueKind.String)
        {
            if (Text(name) is not { } text) return null;
            return Duration.TryParse(text, out var length) && length > TimeSpan.Zero ? from + length : ReadMoment(name, text, "is no time and no length of time; write 2026-11-27T08:00:00Z or 10m");
        }
        if (!Limit(name, out var after)) return null;
        if (after is null) Fail(name, "must be a time, or a length of time that is more than nothing");
        return from + after;
    }

    /// <summary>How a limit is moved: <c>+30m</c> on top of what is left, <c>2h</c> from now, <c>none</c> lifted; or in milliseconds from now.</summary>
    public LimitChange? Change(string name)
    {
        var text = _left.TryGetValue(name, out var value) && value.ValueKind == JsonValueKind.String ? TextOf(value, PathOf(name), int.MaxValue) : null;
        if (text is null || !text.StartsWith('+') || Has(name + "Ms")) return Limit(name, out var limit) ? new(limit, FromNow: true) : null;
        _left.Remove(name);
        if (Duration.TryParse(text[1..], out var more) && more > TimeSpan.Zero) return new(more, FromNow: false);
        Fail(name, $"'{Shorten(text)}' is no duration to add; write +30m");
        return null;
    }

    /// <summary>A number of bytes: a number, or a text like <c>10MiB</c>; <c>none</c> and 0 are no cap. False: it is not given.</summary>
    public bool Size(string name, out long? bytes)
    {
        bytes = null;
        if (_left.TryGetValue(name, out var value) && value.ValueKind == JsonValueKind.Number)
        {
            if (Whole(name, 0, long.MaxValue) is not { } number) return false;
            bytes = number == 0 ? null : number;
            return true;
        }
        if (Text(name) is not { } text) return false;
        if (text == "none") return true;
        if (!ByteSize.TryParse(text, out var size))
        {
            Fail(name, $"'{text}' is no size; write 65536, 64KiB, 10MiB or 1GiB");
            return false;
        }
        bytes = size == 0 ? null : size;
        return true;
    }

    public static string NoDuration(string text) => $"'{Shorten(text)}' is no duration; write 90s, 10m or PT10M";

    public static string Shorten(string text) => text.Length <= 60 ? text : text[..(char.IsHighSurrogate(text[59]) ? 59 : 60)] + "…";

    private DateTimeOffset? ReadMoment(string name, string text, string complaint)
    {
        if (!Zoned().IsMatch(text) || !DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.None, out var moment) || moment <= DateTimeOffset.UnixEpoch) Fail(name, $"'{Shorten(text)}' {complaint}");
        // Whatever is counted from there must be a time as well.
        else if (moment >= DateTimeOffset.MaxValue - 2 * Duration.Max) Fail(name, $"'{Shorten(text)}' is too far away");
        else return moment.ToUniversalTime();
        return null;
    }

    [GeneratedRegex(@"^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$", RegexOptions.CultureInvariant)]
    private static partial Regex Zoned();

    private JsonElement? Take(string name, JsonValueKind kind, string what)
    {
        if (!_left.Remove(name, out var value)) return null;
        if (value.ValueKind == kind) return value;
        Fail(name, $"must be {what}");
        return null;
    }

    private string? TextOf(JsonElement value, string path, int longest)
    {
        try
        {
            var text = value.GetString()!;
            if (text.Length <= longest) return text;
            _errors.Add(path, $"has {text.Length} characters; {longest} are the most");
        }
        catch (InvalidOperationException)
        {
            _errors.Add(path, "is no text: half of a surrogate pair");
        }
        return null;
    }

    private static string? NameOf(JsonProperty field)
    {
        try
        {
            return field.Name;
        }
        catch (InvalidOperationException)
        {
            return null;
        }
    }

    private string PathOf(string name) => _path.Length == 0 ? name : name.Length == 0 ? _path : $"{_path}.{Shorten(name)}";
}
