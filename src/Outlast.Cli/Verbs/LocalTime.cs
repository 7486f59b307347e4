using System.Globalization;
using Outlast.Cli.Rendering;

namespace Outlast.Cli.Verbs;

/// <summary>A time as a person types it: with a zone, or without one and then meant here; the host may live in another zone.</summary>
internal static class LocalTime
{
    private static readonly string[] Dates = ["yyyy-MM-dd'T'HH:mm", "yyyy-MM-dd'T'HH:mm:ss", "yyyy-MM-dd'T'HH:mm:ss.FFFFFFF", "yyyy-MM-dd HH:mm", "yyyy-MM-dd HH:mm:ss"];
    private static readonly string[] Zoned = ["yyyy-MM-dd'T'HH:mmK", "yyyy-MM-dd'T'HH:mm:ssK", "yyyy-MM-dd'T'HH:mm:ss.FFFFFFFK"];
    private static readonly string[] Clocks = ["H:mm", "HH:mm", "H:mm:ss", "HH:mm:ss"];

    /// <summary>The moment. A time of day alone is the next one: today, or else tomorrow.</summary>
    public static DateTimeOffset Read(string option, string text, DateTimeOffset now, TimeZoneInfo zone)
    {
        var culture = CultureInfo.InvariantCulture;
        if (DateTime.TryParseExact(text, Dates, culture, DateTimeStyles.None, out var local)) return Here(option, text, local, zone);
        if (TimeOnly.TryParseExact(text, Clocks, culture, DateTimeStyles.None, out var clock))
        {
            var here = TimeZoneInfo.ConvertTime(now, zone).DateTime;
            var today = here.Date + clock.ToTimeSpan();
            return Here(option, text, today > here ? today : today.AddDays(1), zone);
        }
        if (DateTimeOffset.TryParseExact(text, Zoned, culture, DateTimeStyles.None, out var moment)) return moment.ToUniversalTime();
        throw CommandException.Usage($"{option} '{text}' is no time; write 08:30 or 2026-11-27T08:30, or with a zone 2026-11-27T08:30:00Z");
    }

    /// <summary>The moment as the host reads it; what is a length of time is the host's to count.</summary>
    public static string ReadUnlessLength(string option, string text, DateTimeOffset now, TimeZoneInfo zone) =>
        Words.TryReadLength(text, out _) ? text : Read(option, text, now, zone).UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);

    private static DateTimeOffset Here(string option, string text, DateTime local, TimeZoneInfo zone)
    {
        if (zone.IsInvalidTime(local)) throw CommandException.Usage($"{option} '{text}' is not there: the clocks are set forward over it");
        if (zone.IsAmbiguousTime(local)) throw CommandException.Usage($"{option} '{text}' is there twice, for the clocks are set back; write it with its zone, for example {local:yyyy-MM-dd'T'HH:mm:ss}{Offset(zone.GetAmbiguousTimeOffsets(local)[0])}");
        return new DateTimeOffset(local, zone.GetUtcOffset(local)).ToUniversalTime();
    }

    private static string Offset(TimeSpan offset) => $"{(offset < TimeSpan.Zero ? "-" : "+")}{offset:hh\\:mm}";
}
