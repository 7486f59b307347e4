using System.Collections.Immutable;
using Outlast.Client;
using Outlast.Hosting;

namespace Outlast.Cli.Serving;

/// <summary>A setting with all that a person asks of it: what it is, who set it, what it may be and does, and what a host that started now would have instead.</summary>
internal sealed record ExplainedSetting(string Key, string Value, string From, string Default, string Range, string About, string Variable)
{
    /// <summary>What the next host would have, where that differs from what the running one has.</summary>
    public ComingValue? Coming { get; init; }

    /// <summary>What is wrong with what is set, so that it counts as not set; none where nothing is.</summary>
    public string? Broken { get; init; }

    /// <summary>Every setting of the running host; without one, of a host that would start here and now.</summary>
    /// <param name="running">What the running host says; none where none runs.</param>
    /// <param name="local">What <c>outlast.json</c> and this environment make.</param>
    /// <param name="file">What <c>outlast.json</c> alone makes.</param>
    /// <param name="errors">What is wrong with the local ones; each begins with its key, where it is about one.</param>
    public static IReadOnlyList<ExplainedSetting> Of(IReadOnlyList<SettingView>? running, OutlastSettings local, OutlastSettings file, IReadOnlyList<string> errors)
    {
        List<ExplainedSetting> explained = [];
        foreach (var (i, meaning) in local.Descriptions.Index())
        {
            var (here, written) = (local.All[i], file.All[i]);
            // A host of another version may not know it.
            var now = running is null ? new(here.Key, here.Value, here.From) : running.FirstOrDefault(s => s.Key == meaning.Key) ?? new(meaning.Key, "unknown to the running host", "");
            explained.Add(new(meaning.Key, now.Value, now.From, meaning.Default, meaning.Range, meaning.About, meaning.Variable)
            {
                Coming = running is null ? null : Differing(now, here, written),
                Broken = errors.FirstOrDefault(e => e.StartsWith(meaning.Key + " ", StringComparison.Ordinal)),
            });
        }
        return explained;
    }

    /// <summary>What would change it. A restart keeps the host's environment, which wins over the file; only a new start takes this shell's.</summary>
    private static ComingValue? Differing(SettingView now, SettingValue here, SettingValue written) =>
        // A program that the host is part of gives it again at its next start.
        written.From == "default" && here.From == "default" && now.From is not ("default" or OutlastSettings.FileName) && now.From != OutlastSettings.EnvironmentName(here.Key) ? null :
        here.From == OutlastSettings.EnvironmentName(here.Key) ? here.Value == now.Value ? null : new(here.Value, here.From, ByRestart: false)
        : now.From == OutlastSettings.EnvironmentName(here.Key) || written.Value == now.Value ? null
        : new(written.Value, written.From, ByRestart: true);
}

/// <summary>What another host would have.</summary>
/// <param name="Value">The value.</param>
/// <param name="From">Where it is set.</param>
/// <param name="ByRestart">Whether a restart brings it; otherwise a host that is started from here.</param>
internal sealed record ComingValue(string Value, string From, bool ByRestart);

/// <summary>Reads what a host would read that started here and now.</summary>
internal static class LocalSettings
{
    /// <param name="folder">Whose <c>outlast.json</c>.</param>
    /// <param name="environment">Reads an environment variable.</param>
    public static (OutlastSettings Settings, ImmutableArray<string> Errors) Read(DataFolder folder, Func<string, string?> environment)
    {
        try
        {
            return OutlastSettings.Examine(File.Exists(folder.Settings) ? File.ReadAllText(folder.Settings) : null, environment);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            var (settings, errors) = OutlastSettings.Examine(null, environment);
            return (settings, [$"outlast.json cannot be read: {e.Message}", .. errors]);
        }
    }
}
