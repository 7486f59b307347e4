using Outlast.Client;

namespace Outlast.Cli.Watching;

/// <summary>How things were at one moment.</summary>
/// <param name="At">When.</param>
/// <param name="Host">The host, as it was when it last answered; none before it did.</param>
/// <param name="AwaySince">Since when it does not answer; none while it does.</param>
/// <param name="Tasks">Those that are open, and those that ended in the last minute.</param>
/// <param name="More">Whether there are more open ones than these.</param>
/// <param name="FreeBytes">Room on the disk of the data folder; none if unknown.</param>
internal sealed record TopSample(DateTimeOffset At, HostView? Host, DateTimeOffset? AwaySince, IReadOnlyList<TaskView> Tasks, bool More, long? FreeBytes)
{
    public static TopSample Nothing(DateTimeOffset at) => new(at, null, null, [], false, null);
}
