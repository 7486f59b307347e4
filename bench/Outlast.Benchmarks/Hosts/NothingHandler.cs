using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Diagnostics;
using Outlast.Runners;

namespace Outlast.Benchmarks.Hosts;

/// <summary>A handler that does nothing and ends well: what is left is what the runtime itself costs.</summary>
/// <param name="kind">Whose runner it is; the HTTP door takes processes.</param>
/// <param name="lasts">Whether each does nothing until it is asked to stop.</param>
internal sealed class NothingHandler(TaskKind kind = TaskKind.Handler, bool lasts = false) : ITaskRunner
{
    private static readonly Task<TaskOutcome> Done = Task.FromResult(new TaskOutcome { Kind = OutcomeKind.Succeeded, Cause = EndCause.Exit });
    private static readonly TaskOutcome Interrupted = new() { Kind = OutcomeKind.Interrupted, Cause = EndCause.User, Reason = "asked to stop" };
    private readonly ConcurrentDictionary<TaskId, TaskCompletionSource<TaskOutcome>> _lasting = new();
    private long _began, _asked;

    public static TaskSubmission Submission { get; } = new(new TaskSpec { Name = "nothing", Handler = "nothing" }, new Actor(ActorType.User, "benchmark", ".net"));

    /// <summary>When the last one began, as <see cref="Stopwatch"/> counts.</summary>
    public long Began => Volatile.Read(ref _began);

    /// <summary>When the last one was asked to stop.</summary>
    public long Asked => Volatile.Read(ref _asked);

    public TaskKind Kind => kind;

    public Task<TaskOutcome> RunAsync(AttemptContext attempt, CancellationToken letGo)
    {
        Volatile.Write(ref _began, Stopwatch.GetTimestamp());
        return lasts ? LastingOf(attempt).Task : Done;
    }

    public Task<AttemptFinding> ExamineAsync(AttemptContext attempt, CancellationToken letGo) => Task.FromResult(new AttemptFinding(FindingKind.Gone, "nothing is left of nothing"));

    public Task<TaskOutcome> AdoptAsync(AttemptContext attempt, CancellationToken letGo) => Done;

    public Task<StopReport> StopAsync(AttemptContext attempt, StopRequest stop, CancellationToken hurry, CancellationToken letGo)
    {
        Volatile.Write(ref _asked, Stopwatch.GetTimestamp());
        LastingOf(attempt).TrySetResult(Interrupted);
        return Task.FromResult(new StopReport([], []));
    }

    public ImmutableDictionary<TaskId, AttemptVitals> Measure(IReadOnlyList<AttemptContext> attempts, IDictionary<TaskId, Exception> failures) => ImmutableDictionary<TaskId, AttemptVitals>.Empty;

    public OutputFacts MeasureOutput(AttemptContext attempt) => OutputFacts.Empty;

    public ImmutableArray<Survivor> FindLeftovers(AttemptContext attempt, ImmutableArray<Survivor> named) => [];

    public Task<LeftoverReport> StopLeftoversAsync(AttemptContext attempt, ImmutableArray<Survivor> named, StopRequest stop, CancellationToken letGo) => throw new NotSupportedException();

    public InputReceipt Send(AttemptContext attempt, ReadOnlySpan<byte> bytes, bool end) => throw new NotSupportedException();

    private TaskCompletionSource<TaskOutcome> LastingOf(AttemptContext attempt) => _lasting.GetOrAdd(attempt.Task, static _ => new(TaskCreationOptions.RunContinuationsAsynchronously));
}
