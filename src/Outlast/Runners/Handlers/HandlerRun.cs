using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;
using Outlast.Output;

namespace Outlast.Runners.Handlers;

/// <summary>One attempt of a handler: its boundary, its signals, its journal, and how it ended.</summary>
internal sealed class HandlerRun(AttemptContext attempt, ImmutableArray<TaskStep> finished, JsonSerializerOptions json, OutputCapRule? outputCap, TimeProvider time) : IDisposable
{
    private static readonly AsyncLocal<HandlerRun?> CleaningUp = new();
    private readonly TaskCompletionSource<TaskOutcome> _outcome = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly long _began = time.GetTimestamp();
    private readonly Lock _lock = new();
    // Guarded by _lock: the journal, the names that this attempt has used, and whether the code was refused something.
    private readonly Dictionary<string, TaskStep> _steps = finished.IsDefaultOrEmpty ? [] : finished.ToDictionary(s => s.Name, StringComparer.Ordinal);
    private readonly HashSet<string> _used = new(StringComparer.Ordinal);
    private bool _wasRefused, _wasSuspended, _isAbandoned;
    private int _ordinal = finished.IsDefaultOrEmpty ? 0 : finished.Max(s => s.Ordinal);
    private long _beats;
    private volatile StopRequest? _stop;

    public AttemptContext Attempt => attempt;
    public IAttemptServices Services { get; } = attempt.Services ?? throw new InvalidOperationException("A handler needs what its host offers to attempts.");
    public JsonSerializerOptions Json => json;
    public TimeProvider Time => time;
    public HandlerOutput Output { get; } = new(attempt.Folder, attempt.IsResumed, outputCap);

    /// <summary>Why it is to stop, while it is followed and ever after: its record forgets, and code that was given up goes on.</summary>
    public StopRequest? StopAsked => attempt.StopAsked() ?? _stop;

    /// <summary>A stop is asked.</summary>
    public Signal Stop { get; } = new();
    /// <summary>The grace is over.</summary>
    public Signal Hard { get; } = new();
    /// <summary>The host goes.</summary>
    public Signal Suspend { get; } = new();
    /// <summary>Any of them: what waits goes no further.</summary>
    public Signal Break { get; } = new();

    /// <summary>How it ended: by itself, or given up.</summary>
    public Task<TaskOutcome> Outcome => _outcome.Task;

    public long Beats => Interlocked.Read(ref _beats) + Output.Writes;

    public TimeSpan Elapsed => time.GetElapsedTime(_began);

    /// <summary>The steps that were finished before this attempt's code began, in order.</summary>
    public ImmutableArray<TaskStep> FinishedBefore => finished.IsDefault ? [] : finished;

    public void Beat() => Interlocked.Increment(ref _beats);

    /// <summary>The one boundary: whoever asks the runtime for anything comes by here first. Refuses when a stop is asked or the host goes, and counts as a sign of life.</summary>
    /// <exception cref="TaskStoppedException">A stop is asked.</exception>
    /// <exception cref="OperationCanceledException">The host goes.</exception>
    /// <exception cref="ClaimLostException">The attempt is over: what its code has left behind may begin nothing.</exception>
    public void Pass()
    {
        Beat();
        var isOver = Outcome.IsCompletedSuccessfully;
        if (CleansUp && !Hard.IsRaised && !isOver) return;
        // The record knows first: what is asked of a task reaches its code from the moment of the commit.
        if (StopAsked is { } stop)
        {
            lock (_lock) _wasRefused = true;
            throw new TaskStoppedException(attempt.Task, stop, Stop.Token);
        }
        if (Suspend.IsRaised)
        {
            lock (_lock) _wasSuspended = true;
            throw new HandlerSuspendedException(Suspend.Token);
        }
        if (isOver) throw new ClaimLostException(attempt.Task);
    }

    /// <summary>Lets the boundary pass for what is called within, as long as the grace lasts.</summary>
    public async Task CleanUpAsync(Func<CancellationToken, Task> cleanup)
    {
        CleaningUp.Value = this;
        await cleanup(Hard.Token).ConfigureAwait(false);
    }

    /// <summary>What a wait goes by: in cleanup only the end of the grace breaks it off.</summary>
    public CancellationToken WaitToken => CleansUp ? Hard.Token : Break.Token;

    private bool CleansUp => CleaningUp.Value == this;

    public void AskStop(StopRequest stop)
    {
        _stop = stop;
        Stop.Raise();
        Break.Raise();
    }

    public void AskSuspension()
    {
        Suspend.Raise();
        Break.Raise();
    }

    public void EndGrace()
    {
        Hard.Raise();
        Break.Raise();
    }

    /// <summary>Takes a name for a step or a question.</summary>
    /// <exception cref="ArgumentException">It is no name, or this attempt has used it.</exception>
    public void Use(string name, string kind)
    {
        ArgumentNullException.ThrowIfNull(name);
        if (name.Length is 0 or > TaskContext.LongestName || string.IsNullOrWhiteSpace(name) || name.Any(char.IsControl))
            throw new ArgumentException($"The name of a {kind} is one line of 1 to {TaskContext.LongestName} characters.", nameof(name));
        lock (_lock)
        {
            if (!_used.Add($"{Namespace(kind)}:{name}"))
                throw new ArgumentException($"The name '{name}' was used for another {kind} of this attempt. What is to run again must be known by its own name after a restart: in a loop, give each turn a name, '{name} 1', '{name} 2'.", nameof(name));
        }
    }

    /// <summary>What failed may be tried again under its name.</summary>
    public void Unuse(string name, string kind)
    {
        lock (_lock) _used.Remove($"{Namespace(kind)}:{name}");
    }

    public TaskStep? FindStep(string name)
    {
        lock (_lock) return _steps.GetValueOrDefault(name);
    }

    /// <summary>Journals a finished step.</summary>
    public async Task FinishAsync(string name, JsonElement? result)
    {
        TaskStep step;
        lock (_lock) step = new(name, ++_ordinal, result, attempt.Attempt, time.GetUtcNow());
        // It has happened: whoever asks for a stop meanwhile does not make it undone.
        await Services.WriteStepAsync(step, CancellationToken.None).ConfigureAwait(false);
        lock (_lock) _steps[name] = step;
        Beat();
    }

    /// <summary>What the code's end means: a refusal that it swallowed is not made good by what it returns.</summary>
    /// <param name="result">What it returned.</param>
    /// <param name="error">What it threw; none if it returned.</param>
    /// <param name="evidence">What else is known of its end.</param>
    public TaskOutcome Classify(JsonElement? result, Exception? error, ImmutableArray<string> evidence)
    {
        bool wasRefused, wasSuspended;
        lock (_lock) (wasRefused, wasSuspended) = (_wasRefused, _wasSuspended);
        var stops = StopAsked is not null;
        var facts = new TaskOutcome { Kind = OutcomeKind.Succeeded, Cause = EndCause.Exit, Result = result, Evidence = evidence, Resources = new(Elapsed, null, null), Output = MeasureOutput() };
        if (wasRefused || error is TaskStoppedException || error is OperationCanceledException && stops)
        {
            var broken = facts with { Kind = OutcomeKind.Interrupted, Cause = EndCause.Error };
            if (error is null) return broken with { Evidence = [.. evidence, $"it went on after a boundary had refused it{(result is null ? "" : "; what it returned is kept as its result")}"] };
            return error is OperationCanceledException ? broken : broken with { Error = ErrorOf(error) };
        }
        if (wasSuspended || error is OperationCanceledException && Suspend.IsRaised && !stops) return facts with { Kind = OutcomeKind.Suspended, Cause = EndCause.Exit, Result = null, Reason = null };
        return error is null ? facts : facts with { Kind = OutcomeKind.Failed, Cause = EndCause.Error, Error = ErrorOf(error) };
    }

    /// <summary>The code came back. False: too late, it had been given up.</summary>
    public bool Conclude(TaskOutcome outcome) => _outcome.TrySetResult(outcome);

    /// <summary>The code does not come back. False: it just did.</summary>
    public bool Abandon(string evidence)
    {
        var outcome = new TaskOutcome { Kind = OutcomeKind.Interrupted, Cause = EndCause.Error, Evidence = [evidence, .. Output.End()], Resources = new(Elapsed, null, null), Output = MeasureOutput() };
        lock (_lock)
        {
            if (!_outcome.TrySetResult(outcome)) return false;
            _isAbandoned = true;
        }
        return true;
    }

    public bool IsAbandoned
    {
        get { lock (_lock) return _isAbandoned; }
    }

    /// <summary>The host is gone from it: nobody waits for its outcome any more.</summary>
    public void LetGo(CancellationToken letGo)
    {
        _outcome.TrySetCanceled(letGo);
        AskSuspension();
        EndGrace();
    }

    public void Dispose() => Output.Dispose();

    /// <summary>None if the log cannot be looked at: that must not cost the code its end.</summary>
    private OutputFacts? MeasureOutput()
    {
        try
        {
            return Output.Measure();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static string Namespace(string kind) => kind == "child" ? "child" : "step";

    private static ErrorFacts ErrorOf(Exception error) => new(error.GetType().FullName ?? error.GetType().Name, error.Message, error.StackTrace);

    /// <summary>For evidence: <c>0.0 s</c>.</summary>
    public static string Seconds(TimeSpan span) => string.Create(CultureInfo.InvariantCulture, $"{span.TotalSeconds:0.0} s");
}
