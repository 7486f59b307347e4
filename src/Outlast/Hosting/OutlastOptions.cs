using System.Globalization;
using Microsoft.Extensions.Configuration;

namespace Outlast.Hosting;

/// <summary>The settings that a program gives the host that is part of it, by their keys in <c>outlast.json</c> (docs/configuration.md).</summary>
/// <remarks>Whoever runs the program has the last word: its environment (<c>OUTLAST_…</c>) and the <c>outlast.json</c> of its data folder win over what is given here.
/// Everything is checked together when the host starts.</remarks>
public sealed class OutlastOptions
{
    private readonly Dictionary<string, GivenSetting> _given = new(StringComparer.OrdinalIgnoreCase);

    internal IReadOnlyDictionary<string, GivenSetting> Given => _given;

    /// <summary>Sets one, written as in the file: <c>Set("process.idleTimeout", "10m")</c>.</summary>
    public OutlastOptions Set(string key, string value)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(key);
        ArgumentNullException.ThrowIfNull(value);
        _given[key] = new(value, "code");
        return this;
    }

    /// <summary>Sets a duration; <see cref="Timeout.InfiniteTimeSpan"/> for none.</summary>
    public OutlastOptions Set(string key, TimeSpan value) => Set(key, value == Timeout.InfiniteTimeSpan ? "none" : Duration.Format(value));

    /// <summary>Sets a number, or a size in bytes.</summary>
    public OutlastOptions Set(string key, long value) => Set(key, value.ToString(CultureInfo.InvariantCulture));

    /// <summary>Every value below a section; its keys may be in any case.</summary>
    internal void Read(IConfiguration section)
    {
        var prefix = section is IConfigurationSection { Path: { Length: > 0 } path } ? path + ConfigurationPath.KeyDelimiter : "";
        foreach (var (key, value) in section.AsEnumerable(makePathsRelative: true))
            if (value is not null && key.Length > 0) _given[key.Replace(ConfigurationPath.KeyDelimiter, ".", StringComparison.Ordinal)] = new(value, prefix + key);
    }
}

/// <summary>What a program gives for a setting.</summary>
/// <param name="Text">As in the file.</param>
/// <param name="From">Where it is given.</param>
internal readonly record struct GivenSetting(string Text, string From);
