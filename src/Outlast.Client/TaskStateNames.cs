namespace Outlast.Client;

/// <summary>The states of a task as the wire names them.</summary>
public static class TaskStateNames
{
    /// <summary>Not started yet.</summary>
    public const string Queued = "queued";
    /// <summary>An attempt runs.</summary>
    public const string Running = "running";
    /// <summary>It waits for an answer.</summary>
    public const string Waiting = "waiting";
    /// <summary>It is asked to stop.</summary>
    public const string Stopping = "stopping";
    /// <summary>It did what it was asked to do.</summary>
    public const string Completed = "completed";
    /// <summary>It ended, and not well.</summary>
    public const string Failed = "failed";
    /// <summary>A limit on time or silence ended it.</summary>
    public const string TimedOut = "timed_out";
    /// <summary>Somebody wished its end.</summary>
    public const string Stopped = "stopped";
    /// <summary>The truth cannot be known.</summary>
    public const string Lost = "lost";

    /// <summary>All of them, in the order of a life.</summary>
    public static IReadOnlyList<string> All { get; } = [Queued, Running, Waiting, Stopping, Completed, Failed, TimedOut, Stopped, Lost];

    /// <summary>Whether nobody moves a task out of this state.</summary>
    public static bool IsTerminal(string state) => state is Completed or Failed or TimedOut or Stopped or Lost;
}
