using Outlast.Output;

namespace Outlast.Supervision;

/// <summary>Whether this machine can take the middle out of a log, asked of the data folder's file system until it has answered.</summary>
internal sealed class OutputDropping(DataFolder folder)
{
    private readonly Lock _gate = new();
    // Guarded by _gate:
    private bool _isKnown;
    private string? _obstacle;

    /// <summary>Why it cannot; none: it can.</summary>
    public string? Obstacle
    {
        get
        {
            lock (_gate)
            {
                // A disk that is full now says nothing about what its file system can: the next one asks again.
                if (!_isKnown) _obstacle = HolePuncher.FindObstacle(folder.Path, out _isKnown);
                return _obstacle;
            }
        }
    }

    /// <summary>The defaults as they can be kept: where nothing can be removed, a default cap would only refuse every task. The doctor says so.</summary>
    public TaskDefaults Moderate(TaskDefaults defaults) => defaults is { OutputCap: not null, OutputPolicy: not OutputPolicy.Stop } && Obstacle is not null ? defaults.WithoutCap() : defaults;

    /// <summary>The field of a spec whose cap could not be kept, and why; none: it can.</summary>
    public (string Field, string Problem)? FindBreach(TaskSpec spec) =>
        spec.Process is { OutputCap: not null, OutputPolicy: not OutputPolicy.Stop and var policy } && Obstacle is { } obstacle
            ? ("process.outputPolicy", $"'{Names.Of(policy)}' cannot be kept here: {obstacle}; use stop, or no cap")
            : null;
}
