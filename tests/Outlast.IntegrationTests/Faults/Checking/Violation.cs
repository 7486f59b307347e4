namespace Outlast.IntegrationTests.Faults.Checking;

/// <summary>Which promise was broken.</summary>
internal enum ViolationKind
{
    /// <summary>An acknowledged task does not answer.</summary>
    Missing,
    /// <summary>One submission became two tasks.</summary>
    AcceptedTwice,
    /// <summary>An attempt was started more than once.</summary>
    StartedTwice,
    /// <summary>A task that may not be repeated was.</summary>
    RepeatedUnasked,
    /// <summary>A process runs or ran that no record knows.</summary>
    UnknownProcess,
    /// <summary>Said to be over, yet alive.</summary>
    EndedAlive,
    /// <summary>Said to have ended by itself before it did, or without ever having run.</summary>
    EarlyEnd,
    /// <summary>Said to be lost although nothing was done that could lose it.</summary>
    LostUnproved,
    /// <summary>Another end than the process had: state, cause or exit code.</summary>
    FalseEnd,
    /// <summary>Not over when everything should be.</summary>
    NotTerminal,
    /// <summary>Not exactly one terminal event.</summary>
    SettledEvents,
    /// <summary>An end of which its session was not told under exactly one key.</summary>
    NoticeMissing,
    /// <summary>A notice that came after its acknowledgement was answered.</summary>
    NoticeAgain,
    /// <summary>A notice that first came after a later one.</summary>
    NoticeDisordered,
    /// <summary>A notice of another session's task, or of one that has not ended.</summary>
    NoticeForeign,
    /// <summary>Output is missing.</summary>
    OutputCut,
    /// <summary>Output that the process did not print.</summary>
    OutputForeign,
}

/// <summary>A broken promise, with what shows it.</summary>
internal sealed record Violation(ViolationKind Kind, string Task, string Text)
{
    public override string ToString() => $"{Kind} {Task}: {Text}";
}
