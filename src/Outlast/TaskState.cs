namespace Outlast;

/// <summary>What runs a task.</summary>
public enum TaskKind
{
    /// <summary>An OS process.</summary>
    Process,
    /// <summary>A model loop.</summary>
    Agent,
    /// <summary>Registered .NET code.</summary>
    Handler,
}

/// <summary>Where a task is in its life. Each state says who moves a task out of it.</summary>
public enum TaskState
{
    /// <summary>Left by the dispatcher's claim, a stop, a start deadline.</summary>
    Queued,
    /// <summary>Left by the executor, a question, a stop, the rescuer.</summary>
    Running,
    /// <summary>Left by an answer, the question's expiry, a stop. Holds no slot; outlives its owner.</summary>
    Waiting,
    /// <summary>Left by the executor or the rescuer, in bounded time.</summary>
    Stopping,
    /// <summary>Final: it did what it was asked to do.</summary>
    Completed,
    /// <summary>Final: it ended, and not well.</summary>
    Failed,
    /// <summary>Final: a limit on time or silence ended it.</summary>
    TimedOut,
    /// <summary>Final: somebody wished its end.</summary>
    Stopped,
    /// <summary>Final: the truth cannot be known.</summary>
    Lost,
}

/// <summary>Questions about states that more than one room asks.</summary>
public static class TaskStates
{
    /// <summary>Whether nobody moves a task out of this state.</summary>
    public static bool IsTerminal(this TaskState state) => state switch
    {
        TaskState.Queued or TaskState.Running or TaskState.Waiting or TaskState.Stopping => false,
        TaskState.Completed or TaskState.Failed or TaskState.TimedOut or TaskState.Stopped or TaskState.Lost => true,
    };
}

/// <summary>Why a task ended, or is asked to.</summary>
public enum EndCause
{
    /// <summary>The command ended by itself.</summary>
    Exit,
    /// <summary>The work reported an error, or was interrupted by nobody known.</summary>
    Error,
    /// <summary>A person asked.</summary>
    User,
    /// <summary>A model asked.</summary>
    Model,
    /// <summary>The task it belongs to was stopped.</summary>
    Parent,
    /// <summary>The wall-clock limit.</summary>
    Deadline,
    /// <summary>The inactivity limit.</summary>
    Inactivity,
    /// <summary>It was not started in time.</summary>
    StartDeadline,
    /// <summary>It printed more than its cap.</summary>
    OutputLimit,
    /// <summary>It used up steps, tokens or cost.</summary>
    Budget,
    /// <summary>A reload whose policy ends old runs.</summary>
    Reload,
    /// <summary>The host went away and was told to take its work along.</summary>
    Shutdown,
    /// <summary>Its owner is gone and nothing can be proved.</summary>
    HostLost,
    /// <summary>The system refused the launch.</summary>
    NeverStarted,
    /// <summary>An operator's word.</summary>
    Operator,
}

/// <summary>What kind of somebody an actor is.</summary>
public enum ActorType
{
    /// <summary>A person.</summary>
    User,
    /// <summary>A model's run.</summary>
    Agent,
    /// <summary>A host.</summary>
    Host,
    /// <summary>A rule of Outlast: a limit, a policy.</summary>
    Rule,
}

/// <summary>Who did something.</summary>
/// <param name="Type">What kind of somebody.</param>
/// <param name="Id">Which one: <c>uid 1000</c>, a task's id, <c>h3</c>, <c>inactivity</c>.</param>
/// <param name="Via">Through which door: <c>cli</c>, <c>http</c>, <c>.net</c>; none for rules.</param>
public sealed record Actor(ActorType Type, string Id, string? Via = null)
{
    /// <summary>The rule of that name.</summary>
    public static Actor Rule(string id) => new(ActorType.Rule, id);

    /// <summary>That host.</summary>
    public static Actor Host(HostId host) => new(ActorType.Host, host.Value);
}
