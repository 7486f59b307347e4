using System.Collections.Concurrent;
using System.Collections.Frozen;
using System.Collections.Immutable;
using System.Diagnostics;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Outlast.Diagnostics;
using Outlast.Output;

namespace Outlast.Runners.Handlers;

/// <summary>Runs the code that a program has added. It lives in the program and ends with it; the next host runs it again, and what its journal holds is not done twice.</summary>
internal sealed class HandlerRunner : ITaskRunner, IDisposable
{
    private readonly FrozenDictionary<string, (HandlerRegistration Handler, JsonSerializerOptions Json)> _handlers;
    private readonly ConcurrentDictionary<TaskId, HandlerRun> _runs = new();
    private readonly ThreadReserve _threads;
    private readonly IServiceScopeFactory _scopes;
    private readonly HandlerRunnerOptions _options;
    private readonly TaskDefaults _defaults;
    private readonly TimeProvider _time;
    private readonly OutputCapRule? _outputCap;
    private int _abandoned;

    public HandlerRunner(IEnumerable<HandlerRegistration> handlers, IServiceScopeFactory scopes, HandlerRunnerOptions options, TaskDefaults defaults, TimeProvider time)
    {
        (_scopes, _options, _defaults, _time) = (scopes, options, defaults, time);
        _threads = new(() => _runs.Count);
        // No policy ends code for what it prints.
        _outputCap = OutputCapRule.Of(defaults.OutputCap, defaults.OutputPolicy == OutputPolicy.Stop ? OutputPolicy.KeepEnds : defaults.OutputPolicy);
        _handlers = handlers.ToFrozenDictionary(h => h.Name, h => (h, h.OptionsOver(options.Json)), StringComparer.Ordinal);
        foreach (var (handler, json) in _handlers.Values) handler.Check(json);
    }

    public TaskKind Kind => TaskKind.Handler;

    public bool Resumes => true;

    /// <summary>How many attempts it knows of, given up ones among them.</summary>
    public int Running => _runs.Count;

    public IEnumerable<string> Subjects => _handlers.Keys.Order(StringComparer.Ordinal);

    public int Abandoned => Volatile.Read(ref _abandoned);

    public (string Field, string Problem)? FindBreach(TaskSpec spec)
    {
        if (!_handlers.TryGetValue(spec.Handler!, out var added)) return ("handler", Unknown(spec.Handler!));
        return added.Handler.Bind(spec.Input, added.Json).Problem is { } problem ? ("input", problem) : null;
    }

    public async Task<TaskOutcome> RunAsync(AttemptContext attempt, CancellationToken letGo)
    {
        if (!_handlers.TryGetValue(attempt.Spec.Handler!, out var added)) return Refused(Unknown(attempt.Spec.Handler!));
        var (code, problem) = added.Handler.Bind(attempt.Spec.Input, added.Json);
        if (code is null) return Refused($"its input {problem}");
        var run = new HandlerRun(attempt, await ReadJournalAsync(attempt, letGo).ConfigureAwait(false), added.Json, _outputCap, _time);
        _runs[attempt.Task] = run;
        try
        {
            // After it is known: a stop that comes from here on finds it, one that came before is seen here.
            if (attempt.StopAsked() is not null)
            {
                const string why = "a stop was asked before its code began";
                // A ladder that has found it already need not wait for what never comes.
                run.Conclude(Refused(why));
                throw new NeverStartedException(why);
            }
            using var going = letGo.Register(() => run.LetGo(letGo));
            // What the code submits belongs to its attempt. Nothing else of those who woke the host is handed on to it.
            var activity = Activity.Current;
            _threads.Run(() =>
            {
                Activity.Current = activity;
                _ = ExecuteAsync(run, code);
            });
            return await run.Outcome.ConfigureAwait(false);
        }
        finally
        {
            if (!run.IsAbandoned) _runs.TryRemove(KeyValuePair.Create(attempt.Task, run));
        }
    }

    public Task<AttemptFinding> ExamineAsync(AttemptContext attempt, CancellationToken letGo) =>
        Task.FromResult(new AttemptFinding(FindingKind.Gone, "its code ended with the host that ran it"));

    public Task<TaskOutcome> AdoptAsync(AttemptContext attempt, CancellationToken letGo) => throw new NotSupportedException("Code that a former host ran is not alive: it is run again.");

    public async Task<StopReport> StopAsync(AttemptContext attempt, StopRequest stop, CancellationToken hurry, CancellationToken letGo)
    {
        if (!_runs.TryGetValue(attempt.Task, out var run) || run.Attempt.Attempt != attempt.Attempt) return new([], ["its code was not running"]);
        var evidence = ImmutableArray.CreateBuilder<string>();
        run.AskStop(stop);
        evidence.Add($"asked to stop at its next boundary, {Since()} after the request");
        var left = stop.RequestedAt + attempt.Spec.StopGrace - _time.GetUtcNow();
        if (!await EndsWithinAsync(run, left, hurry, letGo).ConfigureAwait(false))
        {
            run.EndGrace();
            evidence.Add($"hard token at {Since()}");
            if (!await EndsWithinAsync(run, _options.AbandonAfter, CancellationToken.None, letGo).ConfigureAwait(false) && run.Abandon($"its code did not return and was given up at {Since()}: it may go on in the host's process, without its task"))
            {
                Interlocked.Increment(ref _abandoned);
                // It may hold a thread for ever.
                _threads.Raise(1);
            }
        }
        if (!run.IsAbandoned) evidence.Add($"its code returned at {Since()}");
        return new([], evidence.ToImmutable());

        string Since() => HandlerRun.Seconds(_time.GetUtcNow() - stop.RequestedAt);
    }

    public void Suspend()
    {
        foreach (var run in _runs.Values) run.AskSuspension();
    }

    public ImmutableArray<Survivor> FindLeftovers(AttemptContext attempt, ImmutableArray<Survivor> named) => [];

    public Task<LeftoverReport> StopLeftoversAsync(AttemptContext attempt, ImmutableArray<Survivor> named, StopRequest stop, CancellationToken letGo) => Task.FromResult(new LeftoverReport([], [], []));

    public ImmutableDictionary<TaskId, AttemptVitals> Measure(IReadOnlyList<AttemptContext> attempts, IDictionary<TaskId, Exception> failures)
    {
        var vitals = ImmutableDictionary.CreateBuilder<TaskId, AttemptVitals>();
        foreach (var attempt in attempts)
        {
            try
            {
                if (_runs.TryGetValue(attempt.Task, out var run)) vitals[attempt.Task] = new(run.Output.Measure(), null, TimeSpan.Zero, 0, 0, 0, 0, run.Beats);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                failures[attempt.Task] = e;
            }
        }
        return vitals.ToImmutable();
    }

    public OutputFacts MeasureOutput(AttemptContext attempt) => HandlerOutput.Measure(attempt.Folder);

    public InputReceipt Send(AttemptContext attempt, ReadOnlySpan<byte> bytes, bool end) => new(0, InputState.Unread);

    public void Dispose() => _threads.Dispose();

    private async Task ExecuteAsync(HandlerRun run, Func<TaskContext, IServiceScopeFactory, Task<JsonElement?>> code)
    {
        JsonElement? result = null;
        Exception? error = null;
        try
        {
            result = await TaskContext.EnterAsync(new TaskContext(run, _defaults), context => code(context, _scopes)).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            error = e;
        }
        var outcome = Conclude(run, result, error);
        if (!run.Conclude(outcome) && run.IsAbandoned) await ReturnLateAsync(run, outcome).ConfigureAwait(false);
    }

    /// <summary>Whatever there is to say of it, it is over, and somebody waits for that.</summary>
    private static TaskOutcome Conclude(HandlerRun run, JsonElement? result, Exception? error)
    {
        try
        {
            using (run)
            {
                var evidence = run.Output.End();
                if (run.Output.Writes > 0) Milestone.Reach(Milestone.OutputSynced, run.Attempt.Task);
                return run.Classify(result, error, evidence);
            }
        }
        catch (Exception e)
        {
            // An error whose own words fail, say.
            var type = (error ?? e).GetType();
            return new() { Kind = OutcomeKind.Failed, Cause = EndCause.Error, Result = result, Error = new(type.FullName ?? type.Name, $"how it ended cannot be told: {e.GetType().Name}", null) };
        }
    }

    /// <summary>What is finished, an answer that came while nobody ran the task among it: the record keeps one only until the next question.</summary>
    /// <exception cref="NeverStartedException">The store cannot say it now.</exception>
    private async Task<ImmutableArray<TaskStep>> ReadJournalAsync(AttemptContext attempt, CancellationToken letGo)
    {
        if (!attempt.IsResumed && attempt.Attempt == 1) return [];
        try
        {
            var steps = await attempt.Services!.ReadStepsAsync(letGo).ConfigureAwait(false);
            if (attempt.Answered is not { Name: { } name, Answer: { } answer } || steps.Any(s => s.Name == name)) return steps;
            var answered = new TaskStep(name, steps.IsEmpty ? 1 : steps.Max(s => s.Ordinal) + 1, Answer.Of(answer).ToJson(), attempt.Attempt, _time.GetUtcNow());
            await attempt.Services.WriteStepAsync(answered, letGo).ConfigureAwait(false);
            return steps.Add(answered);
        }
        catch (StoreUnavailableException e)
        {
            throw new NeverStartedException($"its journal could not be read: {e.Message}", e);
        }
    }

    /// <summary>Code that had been given up has come back: what it says is kept beside the end.</summary>
    private async Task ReturnLateAsync(HandlerRun run, TaskOutcome outcome)
    {
        Interlocked.Decrement(ref _abandoned);
        _threads.Raise(-1);
        _runs.TryRemove(KeyValuePair.Create(run.Attempt.Task, run));
        try
        {
            var said = outcome.Result is { } result ? $": {Shorten(result.GetRawText())}" : outcome.Error is { } e ? $": {e.Type}: {Shorten(e.Message)}" : "";
            await run.Attempt.Annotated($"its code, which had been given up, returned after {HandlerRun.Seconds(run.Elapsed)}{said}").ConfigureAwait(false);
        }
        catch (Exception e) when (e is OutlastException or OperationCanceledException)
        {
            // The record was removed meanwhile, or the host goes: nobody asks any more.
        }
    }

    private async Task<bool> EndsWithinAsync(HandlerRun run, TimeSpan span, CancellationToken hurry, CancellationToken letGo)
    {
        if (span > TimeSpan.Zero && !hurry.IsCancellationRequested)
        {
            using var over = CancellationTokenSource.CreateLinkedTokenSource(hurry, letGo);
            await Task.WhenAny(run.Outcome, Task.Delay(span, _time, over.Token)).ConfigureAwait(false);
            await over.CancelAsync().ConfigureAwait(false);
        }
        letGo.ThrowIfCancellationRequested();
        return run.Outcome.IsCompleted;
    }

    private string Unknown(string name) => $"no handler '{Shorten(name)}' is added to this host; there {(_handlers.Count == 0 ? "are none" : $"{(_handlers.Count == 1 ? "is" : "are")}: {string.Join(", ", _handlers.Keys.Order(StringComparer.Ordinal))}")}";

    private static TaskOutcome Refused(string reason) => new() { Kind = OutcomeKind.Failed, Cause = EndCause.NeverStarted, Reason = reason };

    private static string Shorten(string text) => text.Length <= 4000 ? text : $"{text[..4000]}… ({text.Length - 4000} characters more)";
}
