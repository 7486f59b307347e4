using System.Globalization;
using Outlast.Client;

namespace Outlast.Cli.Rendering;

/// <summary>Figures and commands as people write them.</summary>
internal static class Words
{
    /// <summary><c>350ms</c>, <c>2.5s</c>, <c>1h 30m</c>: the two largest units.</summary>
    public static string Length(TimeSpan length)
    {
        if (length < TimeSpan.Zero) return "-" + Length(-length);
        if (length < TimeSpan.FromSeconds(1)) return Invariant($"{(long)length.TotalMilliseconds}ms");
        if (length < TimeSpan.FromMinutes(1)) return (Math.Floor(length.TotalSeconds * 10) / 10).ToString("0.#", CultureInfo.InvariantCulture) + "s";
        (int Count, string Unit)[] parts = [(length.Days, "d"), (length.Hours, "h"), (length.Minutes, "m"), (length.Seconds, "s")];
        return string.Join(' ', parts.SkipWhile(p => p.Count == 0).Take(2).Where(p => p.Count > 0).Select(p => Invariant($"{p.Count}{p.Unit}")));
    }

    public static string Length(long milliseconds) => Length(TimeSpan.FromMilliseconds(milliseconds));

    /// <summary>The largest unit alone, for narrow columns: <c>3m</c>.</summary>
    public static string Ago(DateTimeOffset at, DateTimeOffset now)
    {
        var age = now - at;
        return age.TotalDays >= 1 ? Invariant($"{(int)age.TotalDays}d")
            : age.TotalHours >= 1 ? Invariant($"{(int)age.TotalHours}h")
            : age.TotalMinutes >= 1 ? Invariant($"{(int)age.TotalMinutes}m")
            : Invariant($"{Math.Max(0, (int)age.TotalSeconds)}s");
    }

    /// <summary>Today without the date, otherwise with it; in the caller's time zone.</summary>
    public static string At(DateTimeOffset at, DateTimeOffset now)
    {
        var (local, today) = (at.ToLocalTime(), now.ToLocalTime().Date);
        return local.ToString(local.Date == today ? "HH:mm:ss" : "yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture);
    }

    public static string Bytes(long bytes) => bytes switch
    {
        1 => "1 byte",
        < 1024 => Invariant($"{bytes} bytes"),
        < 1024 * 1024 => Invariant($"{bytes / 1024.0:0.#} KiB"),
        < 1024L * 1024 * 1024 => Invariant($"{bytes / 1024.0 / 1024:0.#} MiB"),
        _ => Invariant($"{bytes / 1024.0 / 1024 / 1024:0.##} GiB"),
    };

    /// <summary>In a narrow column: <c>812</c>, <c>3.4K</c>, <c>12M</c>.</summary>
    public static string ShortBytes(long bytes)
    {
        var (size, unit) = ((double)bytes, 0);
        for (; size >= 999.5 && unit < 5; unit++) size /= 1024;
        return Invariant($"{(unit == 0 || size >= 9.95 ? size.ToString("0", CultureInfo.InvariantCulture) : size.ToString("0.0", CultureInfo.InvariantCulture))}{"BKMGTP"[unit]}").Replace("B", "", StringComparison.Ordinal);
    }

    /// <summary>The largest unit alone: <c>45s</c>, <c>3m</c>, <c>2h</c>.</summary>
    public static string ShortLength(TimeSpan length) => Ago(DateTimeOffset.UnixEpoch, DateTimeOffset.UnixEpoch + (length < TimeSpan.Zero ? TimeSpan.Zero : length));

    public static string Count(long count, string thing, string? things = null) => Invariant($"{count} {(count == 1 ? thing : things ?? thing + "s")}");

    /// <summary>The state in words, with what a person asks next: how it failed, what it waits for.</summary>
    public static string State(TaskView task) => task.State switch
    {
        TaskStateNames.TimedOut => "timed out",
        TaskStateNames.Failed when task.End is { Signal: { } signal } => $"failed ({signal})",
        TaskStateNames.Failed when task.End is { ExitCode: { } code and not 0 } => Invariant($"failed ({code})"),
        TaskStateNames.Running when task.Phase == "finishing" => "finishing",
        _ => task.State,
    };

    /// <summary>A command line as one could type it.</summary>
    public static string Command(TaskView task) =>
        task.Spec.Process is { } process ? string.Join(' ', process.Argv.Select(Quote)) : task.Spec.Handler ?? task.Spec.Agent ?? "";

    public static string Quote(string word) =>
        word.Length > 0 && word.All(c => char.IsAsciiLetterOrDigit(c) || "-_./:=,+@%".Contains(c, StringComparison.Ordinal)) ? word
        : "'" + word.Replace("'", "'\\''", StringComparison.Ordinal) + "'";

    /// <summary>A key of measured values as words: <c>idleMs</c> is <c>idle 30m</c>.</summary>
    public static string Measured(string key, long value) =>
        key.EndsWith("Ms", StringComparison.Ordinal) ? $"{Spaced(key[..^2])} {Length(value)}"
        : key.EndsWith("Bytes", StringComparison.Ordinal) ? $"{Spaced(key[..^5])} {Bytes(value)}"
        : Invariant($"{Spaced(key)} {value}");

    public static string Actor(ActorView actor) => actor.Type switch
    {
        "rule" => $"the rule '{actor.Id}'",
        "host" => $"host {actor.Id}",
        _ => actor.Via is { } via ? $"{actor.Id} via {via}" : actor.Id,
    };

    public static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    /// <summary>Reads a length of time: <c>90s</c>, <c>1h30m</c>, <c>PT10M</c>.</summary>
    public static bool TryReadLength(string text, out TimeSpan length)
    {
        length = default;
        try
        {
            length = text.StartsWith('P') ? System.Xml.XmlConvert.ToTimeSpan(text) : Sum(text);
        }
        catch (Exception e) when (e is FormatException or OverflowException)
        {
            return false;
        }
        return length >= TimeSpan.Zero && length.TotalDays <= 3653;
    }

    private static TimeSpan Sum(string text)
    {
        if (text == "0") return TimeSpan.Zero;
        if (text.Length == 0) throw new FormatException();
        var sum = TimeSpan.Zero;
        for (var i = 0; i < text.Length;)
        {
            var end = i;
            while (end < text.Length && (char.IsAsciiDigit(text[end]) || text[end] == '.')) end++;
            var unit = end;
            while (unit < text.Length && char.IsAsciiLetterLower(text[unit])) unit++;
            var count = double.Parse(text.AsSpan(i, end - i), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture);
            sum += text[end..unit] switch
            {
                "ms" => TimeSpan.FromMilliseconds(count),
                "s" => TimeSpan.FromSeconds(count),
                "m" => TimeSpan.FromMinutes(count),
                "h" => TimeSpan.FromHours(count),
                "d" => TimeSpan.FromDays(count),
                _ => throw new FormatException(),
            };
            i = unit;
        }
        return sum;
    }

    private static string Spaced(string camel) => string.Concat(camel.Select(c => char.IsUpper(c) ? $" {char.ToLowerInvariant(c)}" : $"{c}"));
}
