using System.Globalization;
using System.Text.RegularExpressions;
using System.Xml;

namespace Outlast;

/// <summary>How lengths of time are written: <c>500ms</c>, <c>90s</c>, <c>10m</c>, <c>1h30m</c>, <c>2d</c>, or ISO 8601 (<c>PT10M</c>).</summary>
public static partial class Duration
{
    /// <summary>The longest that is accepted: 10 years.</summary>
    public static TimeSpan Max { get; } = TimeSpan.FromDays(3653);

    /// <summary>Reads a length of time; never negative, at most <see cref="Max"/>. A bare number is refused, for it has no unit; <c>0</c> alone is zero.</summary>
    public static bool TryParse(string? text, out TimeSpan duration)
    {
        duration = default;
        text = text?.Trim();
        if (string.IsNullOrEmpty(text)) return false;
        if (text == "0") return true;
        try
        {
            duration = text[0] is 'P' or 'p' ? XmlConvert.ToTimeSpan(text.ToUpperInvariant()) : ParseUnits(text);
        }
        catch (Exception e) when (e is FormatException or OverflowException)
        {
            return false;
        }
        return duration >= TimeSpan.Zero && duration <= Max;
    }

    /// <summary>Writes a length of time as people do: <c>1h 30m</c>, <c>2.5s</c>.</summary>
    public static string Format(TimeSpan duration)
    {
        if (duration < TimeSpan.Zero) return "-" + Format(-duration);
        if (duration < TimeSpan.FromSeconds(1)) return $"{(long)duration.TotalMilliseconds}ms";
        if (duration < TimeSpan.FromMinutes(1)) return (Math.Floor(duration.TotalSeconds * 10) / 10).ToString("0.#", CultureInfo.InvariantCulture) + "s";
        var whole = TimeSpan.FromSeconds(Math.Floor(duration.TotalSeconds));
        (int Count, string Unit)[] parts = [(whole.Days, "d"), (whole.Hours, "h"), (whole.Minutes, "m"), (whole.Seconds, "s")];
        return string.Join(' ', parts.SkipWhile(p => p.Count == 0).Take(2).Where(p => p.Count > 0).Select(p => $"{p.Count}{p.Unit}"));
    }

    private static TimeSpan ParseUnits(string text)
    {
        if (!Units().IsMatch(text)) throw new FormatException();
        var sum = TimeSpan.Zero;
        foreach (Match part in Part().Matches(text))
        {
            var count = double.Parse(part.Groups[1].ValueSpan, CultureInfo.InvariantCulture);
            sum += part.Groups[2].Value switch
            {
                "ms" => TimeSpan.FromMilliseconds(count),
                "s" => TimeSpan.FromSeconds(count),
                "m" => TimeSpan.FromMinutes(count),
                "h" => TimeSpan.FromHours(count),
                _ => TimeSpan.FromDays(count),
            };
        }
        return sum;
    }

    [GeneratedRegex(@"^(\d+(\.\d+)?(ms|s|m|h|d)\s*)+$", RegexOptions.CultureInvariant)]
    private static partial Regex Units();

    [GeneratedRegex(@"(\d+(?:\.\d+)?)(ms|s|m|h|d)", RegexOptions.CultureInvariant)]
    private static partial Regex Part();
}
