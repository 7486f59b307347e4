using Outlast.Client;

namespace Outlast.Cli;

/// <summary>What the program ends with.</summary>
internal static class ExitCodes
{
    public const int Ok = 0;
    /// <summary>Something is wrong that the other codes do not name: an unhealthy host, a fault of ours.</summary>
    public const int Fault = 1;
    public const int Usage = 2;
    public const int Unreachable = 3;
    public const int NotFound = 4;
    public const int Conflict = 5;
    public const int Refused = 6;
    public const int TimedOut = 124;
    /// <summary>In <c>run</c>: Outlast itself could not do it. Of a task: lost, or never started.</summary>
    public const int NoVerdict = 125;
    public const int Stopped = 130;

    /// <summary>Ended by signal <paramref name="number"/>, as a shell says it.</summary>
    public static int OfSignal(int number) => 128 + number;

    /// <summary>The code of an ended task: the command's own wherever it ended by itself.</summary>
    public static int Of(TaskView task) => task.State switch
    {
        TaskStateNames.TimedOut => TimedOut,
        TaskStateNames.Stopped => Stopped,
        TaskStateNames.Lost => NoVerdict,
        TaskStateNames.Completed => task.End?.ExitCode ?? Ok,
        _ when task.End?.Cause == "never_started" => NoVerdict,
        // A command ends by its exit; an error without one is Outlast's own.
        _ when task is { Kind: "process", End: { Cause: "error", ExitCode: null } } => NoVerdict,
        _ => task.End?.ExitCode is { } code and not 0 ? code : Fault,
    };

    /// <summary>The code of a refusal by the host.</summary>
    public static int Of(OutlastProblemException problem) => problem.Status switch
    {
        400 => Usage,
        404 or 410 => NotFound,
        409 when problem.Type == ProblemTypes.TreeFull => Refused,
        409 => Conflict,
        401 or 403 or 413 or 429 or 503 => Refused,
        _ => Fault,
    };
}
