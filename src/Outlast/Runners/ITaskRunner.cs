using System.Collections.Immutable;

namespace Outlast.Runners;

/// <summary>Runs the attempts of one kind of task.</summary>
/// <remarks>A runner never learns that a store exists: it is handed a context and tells what happened. Thread-safe; one call of <see cref="RunAsync"/> or <see cref="AdoptAsync"/> an attempt.</remarks>
public interface ITaskRunner
{
    /// <summary>Which kind.</summary>
    TaskKind Kind { get; }

    /// <summary>Whether an attempt whose owner is gone can go on from its journal; otherwise it is settled by what is left of it.</summary>
    bool Resumes => false;

    /// <summary>The names of what it can run, where tasks of this kind name something: its handlers, say.</summary>
    IEnumerable<string> Subjects => [];

    /// <summary>What is wrong with a task of this kind, beyond what every spec must be: an unknown handler, say. None: nothing.</summary>
    (string Field, string Problem)? FindBreach(TaskSpec spec) => null;

    /// <summary>Asks every attempt that can be suspended to be so at its next boundary; its outcome is then <see cref="OutcomeKind.Suspended"/>. Does not wait.</summary>
    void Suspend() { }

    /// <summary>How many runs are still going on although their tasks have ended: code that did not return when it had to.</summary>
    int Abandoned => 0;

    /// <summary>Starts the attempt and follows it to its end. A launch that the system refuses is an outcome (cause <see cref="EndCause.NeverStarted"/>).</summary>
    /// <param name="attempt">What to run.</param>
    /// <param name="letGo">The host goes: stop following, leave the work alone, throw <see cref="OperationCanceledException"/>.</param>
    /// <exception cref="NeverStartedException">It provably did not start, through no fault of its own (no room on the disk, say): it may be queued again.</exception>
    Task<TaskOutcome> RunAsync(AttemptContext attempt, CancellationToken letGo);

    /// <summary>Finds out what became of an attempt whose owner is gone. Starts nothing; afterwards nothing of a "never started" attempt can start any more.</summary>
    Task<AttemptFinding> ExamineAsync(AttemptContext attempt, CancellationToken letGo);

    /// <summary>Follows an attempt that was found alive or ended to its end, as if this host had started it.</summary>
    Task<TaskOutcome> AdoptAsync(AttemptContext attempt, CancellationToken letGo);

    /// <summary>Stops everything that belongs to the attempt: asks, waits the rest of the grace, kills, looks again. Bounded in time; idempotent; returns after verification.</summary>
    /// <param name="attempt">What to stop.</param>
    /// <param name="stop">The request; its grace counts from <see cref="StopRequest.RequestedAt"/>, but a host that took over waits 1 s at least.</param>
    /// <param name="hurry">Cancelled when the rest of the grace is to be skipped.</param>
    /// <param name="letGo">The host goes: leave the ladder where it is; the next host goes on with it.</param>
    Task<StopReport> StopAsync(AttemptContext attempt, StopRequest stop, CancellationToken hurry, CancellationToken letGo);

    /// <summary>Those of the processes that an end named which are alive still, each that very one. Cheap.</summary>
    ImmutableArray<Survivor> FindLeftovers(AttemptContext attempt, ImmutableArray<Survivor> named);

    /// <summary>Ends what an attempt that has ended left behind: what its end named, and whatever else is marked as its task's. As <see cref="StopAsync"/>: asks, waits the grace, kills, looks again.</summary>
    /// <param name="attempt">The attempt.</param>
    /// <param name="named">What its end named.</param>
    /// <param name="stop">The request.</param>
    /// <param name="letGo">The host goes: leave the rest alone.</param>
    Task<LeftoverReport> StopLeftoversAsync(AttemptContext attempt, ImmutableArray<Survivor> named, StopRequest stop, CancellationToken letGo);

    /// <summary>Measures all given attempts at one moment. An attempt that cannot be measured is absent, with its error in <paramref name="failures"/>.</summary>
    ImmutableDictionary<TaskId, AttemptVitals> Measure(IReadOnlyList<AttemptContext> attempts, IDictionary<TaskId, Exception> failures);

    /// <summary>Sizes of the attempt's output, read now. Cheap; also for attempts that ended long ago.</summary>
    OutputFacts MeasureOutput(AttemptContext attempt);

    /// <summary>Hands bytes to the open standard input of the attempt, in one piece as far as they fit. Never waits: what does not fit is not taken.</summary>
    /// <param name="attempt">To which; its spec says that its input is open.</param>
    /// <param name="bytes">What. Taken is what the pipe has: it is in the system's memory, not on disk, and not yet read.</param>
    /// <param name="end">Whether end-of-file follows, once all of it was taken.</param>
    InputReceipt Send(AttemptContext attempt, ReadOnlySpan<byte> bytes, bool end);
}

/// <summary>What became of bytes that were sent.</summary>
public enum InputState
{
    /// <summary>All of them were taken, and end-of-file with them where that was asked.</summary>
    Taken,
    /// <summary>There was no more room; no end-of-file was given.</summary>
    Full,
    /// <summary>Nobody reads: the command is not that far yet, or has closed its standard input.</summary>
    Unread,
    /// <summary>End-of-file was given before.</summary>
    Ended,
    /// <summary>The attempt has not started yet.</summary>
    NotStarted,
}

/// <summary>What became of bytes that were sent.</summary>
/// <param name="Taken">How many were taken, the first ones.</param>
/// <param name="State">And why not more.</param>
public readonly record struct InputReceipt(int Taken, InputState State);

/// <summary>One attempt, as its runner sees it.</summary>
public sealed class AttemptContext
{
    /// <summary>The task.</summary>
    public required TaskId Task { get; init; }
    /// <summary>Which attempt, from 1.</summary>
    public required int Attempt { get; init; }
    /// <summary>What to run.</summary>
    public required TaskSpec Spec { get; init; }
    /// <summary>The attempt's own folder (<c>tasks/ID/N</c>); the runner makes it.</summary>
    public required string Folder { get; init; }
    /// <summary>The task's parent, for the environment.</summary>
    public TaskId? Parent { get; init; }
    /// <summary>No later than when this attempt was claimed, as far as it is recorded: nothing of it is older.</summary>
    public DateTimeOffset? ClaimedAt { get; init; }
    /// <summary>The process as far as it is known; set by whoever adopts, by <see cref="Launched"/>'s caller, and by a measurement that has seen the command itself.</summary>
    public ProcessFacts? Process { get; set; }
    /// <summary>When <see cref="Process"/> came to be, if the runner has not called <see cref="Launched"/>: the record then learns of both together with the end.</summary>
    public DateTimeOffset? LaunchedAt { get; set; }
    /// <summary>Called at most once, when the process exists and does not end at once; completes when the record knows it.</summary>
    public required Func<ProcessFacts, Task> Launched { get; init; }
    /// <summary>Called with facts worth keeping beside the main story.</summary>
    public required Func<string, Task> Annotated { get; init; }
    /// <summary>Whether a stop is asked, read at the moment of the call.</summary>
    public required Func<StopRequest?> StopAsked { get; init; }
    /// <summary>Whether a former host has run this attempt before, and it goes on from its journal.</summary>
    public bool IsResumed { get; init; }
    /// <summary>The task's last question with its answer, if it has one; whoever asks next takes its place in the record.</summary>
    public Question? Answered { get; init; }
    /// <summary>What work that runs inside this program may ask of the runtime. Always there for attempts that a host runs.</summary>
    public IAttemptServices? Services { get; init; }
}

/// <summary>What became of an attempt whose owner is gone.</summary>
public enum FindingKind
{
    /// <summary>It provably never started and cannot start any more.</summary>
    NeverStarted,
    /// <summary>Something of it is alive: <see cref="ITaskRunner.AdoptAsync"/> follows it.</summary>
    Alive,
    /// <summary>It has ended and what it left tells how: <see cref="ITaskRunner.AdoptAsync"/> returns the outcome at once.</summary>
    Ended,
    /// <summary>It is gone, and nothing tells how: another boot of the machine, or no record.</summary>
    Gone,
}

/// <summary>What became of an attempt, and how that is known.</summary>
/// <param name="Kind">Which of the four.</param>
/// <param name="Evidence">In words.</param>
/// <param name="Process">The process, when the folder knows it and the record may not.</param>
public sealed record AttemptFinding(FindingKind Kind, string Evidence, ProcessFacts? Process = null);

/// <summary>How a stop went.</summary>
/// <param name="Survivors">What is still alive after everything was tried; empty when verified gone.</param>
/// <param name="Evidence">The steps, in words: <c>TERM to group 4711 at 0.0 s</c>, <c>KILL at 10.0 s</c>, <c>verified gone at 10.1 s</c>.</param>
public sealed record StopReport(ImmutableArray<Survivor> Survivors, ImmutableArray<string> Evidence);

/// <summary>How the end of leftovers went.</summary>
/// <param name="Ended">What was alive and is not any more.</param>
/// <param name="Survivors">What is alive still.</param>
/// <param name="Evidence">The steps, in words.</param>
public sealed record LeftoverReport(ImmutableArray<Survivor> Ended, ImmutableArray<Survivor> Survivors, ImmutableArray<string> Evidence);

/// <summary>Signs of life of an attempt, at one moment. Whatever is larger than the last time is activity.</summary>
/// <param name="Output">How much it printed.</param>
/// <param name="LastOutputAt">When its log last changed.</param>
/// <param name="Cpu">CPU time of everything that belongs to it, ended descendants included as far as known.</param>
/// <param name="Births">How many of its processes have been seen so far.</param>
/// <param name="Processes">How many of its processes are alive (zombies are not).</param>
/// <param name="PeakBytes">The largest resident memory of any one of them so far.</param>
/// <param name="MemoryBytes">The resident memory of all of them together now; pages that they share count once each.</param>
/// <param name="Beats">Signs of life of work that runs inside this program: steps, progress, children, its own word.</param>
public sealed record AttemptVitals(OutputFacts Output, DateTimeOffset? LastOutputAt, TimeSpan Cpu, int Births, int Processes, long PeakBytes, long MemoryBytes, long Beats = 0);

/// <summary>An attempt provably did not start, through no fault of its own.</summary>
public sealed class NeverStartedException(string message, Exception? inner = null) : OutlastException(message, inner);
