namespace Outlast.Client;

/// <summary>What <c>type</c> of problem details can say. Stable.</summary>
public static class ProblemTypes
{
    /// <summary>400: <c>errors</c> names every bad field.</summary>
    public const string Invalid = "urn:outlast:invalid";
    /// <summary>401: over TCP without the token, or with a wrong one.</summary>
    public const string Unauthorized = "urn:outlast:unauthorized";
    /// <summary>403: a foreign web page, a foreign host name, another user.</summary>
    public const string Forbidden = "urn:outlast:forbidden";
    /// <summary>404: no such task.</summary>
    public const string NotFound = "urn:outlast:not-found";
    /// <summary>404: no such route.</summary>
    public const string NoRoute = "urn:outlast:no-route";
    /// <summary>405: the route takes other methods.</summary>
    public const string WrongMethod = "urn:outlast:wrong-method";
    /// <summary>409: the idempotency key belongs to another body; with <c>id</c>.</summary>
    public const string IdempotencyMismatch = "urn:outlast:idempotency-mismatch";
    /// <summary>409: the task has ended; with <c>id</c>, <c>number</c>, <c>state</c>.</summary>
    public const string Ended = "urn:outlast:ended";
    /// <summary>409: the task has not ended; with <c>id</c>, <c>number</c>, <c>state</c>.</summary>
    public const string NotEnded = "urn:outlast:not-ended";
    /// <summary>409: the task is being stopped, its limits hold no more; with <c>id</c>, <c>number</c>, <c>state</c>.</summary>
    public const string Stopping = "urn:outlast:stopping";
    /// <summary>409: processes that the ended task left behind are alive; with <c>alive</c> (how many), <c>id</c>, <c>number</c>, <c>state</c>.</summary>
    public const string LeftoversAlive = "urn:outlast:leftovers-alive";
    /// <summary>409: the task has not started; with <c>id</c>, <c>number</c>, <c>state</c>.</summary>
    public const string NotStarted = "urn:outlast:not-started";
    /// <summary>409: only the first <c>taken</c> bytes found room; with <c>id</c>, <c>number</c>, <c>state</c> too.</summary>
    public const string InputFull = "urn:outlast:input-full";
    /// <summary>409: it takes no input; with <c>why</c> (<c>never_open</c>, <c>unread</c>, <c>ended</c>), <c>stdin</c> (what it has), <c>taken</c>, <c>id</c>, <c>number</c>, <c>state</c>.</summary>
    public const string InputClosed = "urn:outlast:input-closed";
    /// <summary>409: the parent is over or asked to stop; with <c>parent</c>, <c>state</c>.</summary>
    public const string ParentEnded = "urn:outlast:parent-ended";
    /// <summary>409: the tree has no room for another task; with <c>limit</c> (<c>tree.depth</c>, <c>tree.children</c>, <c>budget.tasks</c>), <c>has</c>, <c>max</c>, <c>above</c> (whose limit it is).</summary>
    public const string TreeFull = "urn:outlast:tree-full";
    /// <summary>409: who is waited for waits for the one that asks; with <c>path</c>: from it, each waiting for the next, back to it.</summary>
    public const string WaitCycle = "urn:outlast:wait-cycle";
    /// <summary>409: the program that should follow cannot serve; the host goes on.</summary>
    public const string RestartRefused = "urn:outlast:restart-refused";
    /// <summary>409: tasks ask for one restart after the other.</summary>
    public const string RestartLoop = "urn:outlast:restart-loop";
    /// <summary>409: the host is part of another program, which alone can do that; with <c>program</c>.</summary>
    public const string Embedded = "urn:outlast:embedded";
    /// <summary>410: a tombstone; with <c>id</c>, <c>number</c>, <c>state</c>, <c>endedAt</c>, <c>removedAt</c>, <c>reason</c>.</summary>
    public const string Removed = "urn:outlast:removed";
    /// <summary>410: the task's record is there, its output is not; with <c>removedAt</c>, <c>reason</c>.</summary>
    public const string OutputRemoved = "urn:outlast:output-removed";
    /// <summary>413: the body is too large; with <c>maxBytes</c>.</summary>
    public const string TooLarge = "urn:outlast:too-large";
    /// <summary>416: the offset is beyond the output; with <c>size</c>.</summary>
    public const string OutOfRange = "urn:outlast:range";
    /// <summary>429: full, and refusal was asked for; with <c>limit</c>, <c>running</c>, <c>max</c>.</summary>
    public const string Full = "urn:outlast:full";
    /// <summary>500: a fault of the host.</summary>
    public const string Internal = "urn:outlast:internal";
    /// <summary>500: output that is there could not be read.</summary>
    public const string OutputUnreadable = "urn:outlast:output-unreadable";
    /// <summary>503: nothing was accepted; with <c>detail</c>.</summary>
    public const string StoreUnavailable = "urn:outlast:store-unavailable";
    /// <summary>503: the host goes away and takes no new work.</summary>
    public const string Draining = "urn:outlast:draining";
    /// <summary>503 of <c>/readyz</c>; with <c>reasons</c>.</summary>
    public const string NotReady = "urn:outlast:not-ready";
}
