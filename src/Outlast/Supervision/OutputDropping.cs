using Outlast.Output;

namespace Outlast.Supervision;

/// <summary>Whether this machine can take the middle out of a log, asked once of the data folder's file system.</summary>
internal sealed class OutputDropping(DataFolder folder)
{
    private readonly Lazy<string?> _obstacle = new(() => HolePuncher.FindObstacle(folder.Path));

    /// <summary>Why it cannot; none: it can.</summary>
    public string? Obstacle => _obstacle.Value;

    /// <summary>The defaults as they can be kept: where nothing can be removed, a default cap would only refuse every task. The doctor says so.</summary>
    public TaskDefaults Moderate(TaskDefaults defaults) => defaults is { OutputCap: not null, OutputPolicy: not OutputPolicy.Stop } && Obstacle is not null ? defaults.WithoutCap() : defaults;

    /// <summary>The field of a spec whose cap could not be kept, and why; none: it can.</summary>
    public (string Field, string Problem)? FindBreach(TaskSpec spec) =>
        spec.Process is { OutputCap: not null, OutputPolicy: not OutputPolicy.Stop and var policy } && Obstacle is { } obstacle
            ? ("process.outputPolicy", $"'{Names.Of(policy)}' cannot be kept here: {obstacle}; use stop, or no cap")
            : null;
}
