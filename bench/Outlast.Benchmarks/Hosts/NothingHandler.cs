using System.Collections.Immutable;
using Outlast.Runners;

namespace Outlast.Benchmarks.Hosts;

/// <summary>A handler that does nothing and ends well: what is left is what the runtime itself costs.</summary>
internal sealed class NothingHandler : ITaskRunner
{
    private static readonly Task<TaskOutcome> Done = Task.FromResult(new TaskOutcome { Kind = OutcomeKind.Succeeded, Cause = EndCause.Exit });
    private long _began;

    public static TaskSubmission Submission { get; } = new(new TaskSpec { Name = "nothing", Handler = "nothing" }, new Actor(ActorType.User, "benchmark", ".net"));

    /// <summary>When the last one began, as <see cref="System.Diagnostics.Stopwatch"/> counts.</summary>
    public long Began => Volatile.Read(ref _began);

    public TaskKind Kind => TaskKind.Handler;

    public Task<TaskOutcome> RunAsync(AttemptContext attempt, CancellationToken letGo)
    {
        Volatile.Write(ref _began, System.Diagnostics.Stopwatch.GetTimestamp());
        return Done;
    }

    public Task<AttemptFinding> ExamineAsync(AttemptContext attempt, CancellationToken letGo) => Task.FromResult(new AttemptFinding(FindingKind.Gone, "nothing is left of nothing"));

    public Task<TaskOutcome> AdoptAsync(AttemptContext attempt, CancellationToken letGo) => Done;

    public Task<StopReport> StopAsync(AttemptContext attempt, StopRequest stop, CancellationToken hurry, CancellationToken letGo) => Task.FromResult(new StopReport([], []));

    public ImmutableDictionary<TaskId, AttemptVitals> Measure(IReadOnlyList<AttemptContext> attempts, IDictionary<TaskId, Exception> failures) => ImmutableDictionary<TaskId, AttemptVitals>.Empty;

    public OutputFacts MeasureOutput(AttemptContext attempt) => OutputFacts.Empty;

    public ImmutableArray<Survivor> FindLeftovers(AttemptContext attempt, ImmutableArray<Survivor> named) => [];

    public Task<LeftoverReport> StopLeftoversAsync(AttemptContext attempt, ImmutableArray<Survivor> named, StopRequest stop, CancellationToken letGo) => throw new NotSupportedException();

    public InputReceipt Send(AttemptContext attempt, ReadOnlySpan<byte> bytes, bool end) => throw new NotSupportedException();
}
