using System.Globalization;

namespace Outlast.Runners.Processes;

/// <summary>Facts of the machine that do not change while it runs.</summary>
internal static class Machine
{
    /// <summary>This boot.</summary>
    public static string BootId { get; } = File.ReadAllText("/proc/sys/kernel/random/boot_id").Trim();

    /// <summary>When this boot began, to the second.</summary>
    public static DateTimeOffset BootedAt { get; } = DateTimeOffset.FromUnixTimeSeconds(
        long.Parse(File.ReadLines("/proc/stat").First(l => l.StartsWith("btime ", StringComparison.Ordinal))[6..], NumberStyles.None, CultureInfo.InvariantCulture));

    /// <summary>Whose this program is.</summary>
    public static uint UserId { get; } = LibC.UserId();
}
