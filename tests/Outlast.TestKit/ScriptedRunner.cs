using System.Collections.Concurrent;
using System.Collections.Immutable;
using Outlast.Runners;

namespace Outlast.TestKit;

/// <summary>A runner whose attempts do what a test says, and nothing else.</summary>
public sealed class ScriptedRunner : ITaskRunner
{
    private readonly ConcurrentDictionary<TaskId, ScriptedAttempt> _attempts = new();

    public TaskKind Kind => TaskKind.Process;

    /// <summary>What an examination finds; by default that the attempt is alive.</summary>
    public Func<AttemptContext, AttemptFinding> Examination { get; set; } = _ => new(FindingKind.Alive, "alive");

    /// <summary>What happens when an attempt is to be launched; by default it runs.</summary>
    public Action<AttemptContext> Launch { get; set; } = _ => { };

    /// <summary>What a stop does; by default the attempt dies of it at once.</summary>
    public Func<ScriptedAttempt, StopRequest, CancellationToken, Task<StopReport>> Ladder { get; set; } = (attempt, _, _) =>
    {
        attempt.End(143, "TERM", "TERM");
        return Task.FromResult(new StopReport([], ["TERM", "verified gone"]));
    };

    /// <summary>Whether a process is told as soon as it exists; otherwise its record learns of it with its end.</summary>
    public bool TellsLaunch { get; set; } = true;

    /// <summary>Whether attempts end well as soon as they run.</summary>
    public bool EndAtOnce { get; set; }

    /// <summary>Told to fail the next measurements.</summary>
    public Exception? Blind { get; set; }

    /// <summary>How many attempts are running at this moment, and how many ever were.</summary>
    public int Running => _attempts.Values.Count(a => !a.Outcome.Task.IsCompleted);

    public int Started { get; private set; }

    /// <summary>The attempt of a task, as soon as it runs.</summary>
    public async Task<ScriptedAttempt> AttemptOf(TaskId id)
    {
        ScriptedAttempt? attempt = null;
        await Eventually.TrueAsync(() => _attempts.TryGetValue(id, out attempt) && attempt.Known.IsCompleted, $"task {id} runs");
        return attempt!;
    }

    public bool Knows(TaskId id) => _attempts.ContainsKey(id);

    public async Task<TaskOutcome> RunAsync(AttemptContext attempt, CancellationToken letGo)
    {
        letGo.ThrowIfCancellationRequested();
        Launch(attempt);
        var scripted = new ScriptedAttempt(attempt);
        _attempts[attempt.Task] = scripted;
        // After it is known: a stop that comes from here on finds it, one that came before is seen here.
        if (attempt.StopAsked() is not null)
        {
            scripted.Known = Task.CompletedTask;
            throw new NeverStartedException("A stop was asked before it started.");
        }
        lock (this) Started++;
        var process = new ProcessFacts(4711, 4712, "boot", 1);
        if (TellsLaunch) scripted.Known = attempt.Launched(process);
        else (attempt.Process, attempt.LaunchedAt, scripted.Known) = (process, DateTimeOffset.UnixEpoch.AddYears(50), Task.CompletedTask);
        await scripted.Known;
        if (EndAtOnce) scripted.End(0);
        return await scripted.Outcome.Task.WaitAsync(letGo);
    }

    public Task<AttemptFinding> ExamineAsync(AttemptContext attempt, CancellationToken letGo) => Task.FromResult(Examination(attempt));

    public async Task<TaskOutcome> AdoptAsync(AttemptContext attempt, CancellationToken letGo)
    {
        _attempts.TryGetValue(attempt.Task, out var former);
        var scripted = _attempts.AddOrUpdate(attempt.Task, _ => Adopted(attempt), (_, old) => old.Outcome.Task.IsCompleted ? old : Adopted(attempt));
        // Who has ended the former one in this moment has not seen this one.
        if (former is { Outcome.Task: { IsCompletedSuccessfully: true } ended }) scripted.Outcome.TrySetResult(ended.Result);
        return await scripted.Outcome.Task.WaitAsync(letGo);
    }

    private static ScriptedAttempt Adopted(AttemptContext attempt) => new(attempt) { Known = Task.CompletedTask };

    public async Task<StopReport> StopAsync(AttemptContext attempt, StopRequest stop, CancellationToken hurry, CancellationToken letGo)
    {
        var report = new StopReport([], ["nothing had started"]);
        // It may be adopted meanwhile: then whoever follows it now is to hear of the stop too.
        for (ScriptedAttempt? stopped = null; _attempts.TryGetValue(attempt.Task, out var scripted) && scripted != stopped; stopped = scripted) report = await Ladder(scripted, stop, hurry);
        return report;
    }

    public ImmutableDictionary<TaskId, AttemptVitals> Measure(IReadOnlyList<AttemptContext> attempts, IDictionary<TaskId, Exception> failures)
    {
        if (Blind is { } blind) throw blind;
        return attempts.Where(a => _attempts.TryGetValue(a.Task, out var scripted) && scripted.Context.Attempt == a.Attempt).ToImmutableDictionary(a => a.Task, a => _attempts[a.Task].Vitals);
    }

    /// <summary>Which of the processes that an end named are alive; by default none.</summary>
    public Func<ImmutableArray<Survivor>, ImmutableArray<Survivor>> Alive { get; set; } = _ => [];

    public ImmutableArray<Survivor> FindLeftovers(AttemptContext attempt, ImmutableArray<Survivor> named) => Alive(named);

    public Task<LeftoverReport> StopLeftoversAsync(AttemptContext attempt, ImmutableArray<Survivor> named, StopRequest stop, CancellationToken letGo)
    {
        var living = Alive(named);
        Alive = _ => [];
        return Task.FromResult(new LeftoverReport(living, [], ["TERM", "verified gone"]));
    }

    /// <summary>What becomes of bytes that are sent; by default they are taken.</summary>
    public Func<AttemptContext, byte[], bool, InputReceipt> Input { get; set; } = (_, bytes, _) => new(bytes.Length, InputState.Taken);

    public InputReceipt Send(AttemptContext attempt, ReadOnlySpan<byte> bytes, bool end) => Input(attempt, bytes.ToArray(), end);

    /// <summary>The task whose log cannot be looked at.</summary>
    public TaskId? Unreadable { get; set; }

    /// <summary>What a look at it throws.</summary>
    public Exception WhyUnreadable { get; set; } = new UnauthorizedAccessException("no permission");

    public OutputFacts MeasureOutput(AttemptContext attempt) => attempt.Task == Unreadable ? throw WhyUnreadable : _attempts.TryGetValue(attempt.Task, out var scripted) ? scripted.Vitals.Output : OutputFacts.Empty;
}

/// <summary>An attempt in a test's hands.</summary>
public sealed class ScriptedAttempt(AttemptContext context)
{
    public AttemptContext Context => context;

    /// <summary>Completes when its record knows of it; until it is launched, not at all.</summary>
    public Task Known { get; set; } = new TaskCompletionSource().Task;

    public TaskCompletionSource<TaskOutcome> Outcome { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public AttemptVitals Vitals { get; set; } = new(OutputFacts.Empty, null, TimeSpan.Zero, 1, 1, 0, 0);

    /// <summary>It prints.</summary>
    public void Print(long bytes) => Vitals = Vitals with { Output = Vitals.Output with { Bytes = Vitals.Output.Bytes + bytes } };

    /// <summary>It computes.</summary>
    public void Compute(TimeSpan cpu) => Vitals = Vitals with { Cpu = Vitals.Cpu + cpu };

    /// <summary>It ends.</summary>
    public void End(int code, string? signal = null, params ImmutableArray<string> seen) => Outcome.TrySetResult(new TaskOutcome
    {
        Kind = code == 0 ? OutcomeKind.Succeeded : OutcomeKind.Failed,
        Cause = EndCause.Exit,
        Exit = new(code, signal, seen),
        Output = Vitals.Output,
    });
}
