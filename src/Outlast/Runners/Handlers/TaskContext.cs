using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Outlast.Runners.Handlers;

/// <summary>A running handler's hands: everything that it may ask of the runtime, and everything that it should know of its own task. Thread-safe.</summary>
/// <remarks>
/// <para>Steps, children, waits and questions pass one boundary: once a stop is asked each of them throws <see cref="TaskStoppedException"/>, again and again, and the task ends by the stop even if the
/// code catches that and returns something. Code that never saw the stop and delivers its result has won: its task is completed. Progress, output and <see cref="Beat"/> are always taken.
/// Cleanup that needs a boundary runs in <see cref="CleanUpAsync"/>.</para>
/// <para>When the host goes, a boundary throws an <see cref="OperationCanceledException"/> and the task is queued again, first in line; the next host runs the code from its beginning, and
/// what was finished is not run again: its value is read from the journal. So what happens between steps must be safe to repeat, and names must be the same each time.</para>
/// </remarks>
public sealed class TaskContext
{
    internal const int LongestName = 200;
    private const string Step = "step", Question = "question", Child = "child";
    private static readonly AsyncLocal<TaskContext?> Ambient = new();
    private readonly HandlerRun _run;
    private readonly TaskDefaults _defaults;
    private readonly SemaphoreSlim _oneQuestion = new(1, 1);

    internal TaskContext(HandlerRun run, TaskDefaults defaults) => (_run, _defaults) = (run, defaults);

    /// <summary>That of the handler whose code this is, at any depth; none elsewhere.</summary>
    public static TaskContext? Current => Ambient.Value;

    /// <summary>The task.</summary>
    public TaskId Task => _run.Attempt.Task;

    /// <summary>What it was asked for, limits included.</summary>
    public TaskSpec Spec => _run.Attempt.Spec;

    /// <summary>Which attempt this is, from 1. One that goes on after a host's death or departure keeps its number.</summary>
    public int Attempt => _run.Attempt.Attempt;

    /// <summary>Whether a former host has run this attempt before.</summary>
    public bool IsResumed => _run.Attempt.IsResumed;

    /// <summary>What was finished before this code began, in order: steps and answers of a former host or a former attempt.</summary>
    public ImmutableArray<TaskStep> FinishedSteps => _run.FinishedBefore;

    /// <summary>That a stop is asked, by whom and why; none if it is not.</summary>
    public StopRequest? StopAsked => _run.StopAsked;

    /// <summary>Cancelled when a stop is asked: come to an end soon, in good order.</summary>
    public CancellationToken StopToken => _run.Stop.Token;

    /// <summary>Cancelled when the grace is over, too: break off. Code that does not return even then is given up, and its task ends without it.</summary>
    public CancellationToken HardToken => _run.Hard.Token;

    /// <summary>Cancelled when the host goes: what waits long may break off, and is run again by the next host.</summary>
    public CancellationToken SuspendToken => _run.Suspend.Token;

    /// <summary>What it prints, as a command would: its log, which <c>outlast logs</c> reads. Each call is in it at once.</summary>
    public TextWriter Output => _run.Output;

    /// <summary>Says that the work advances where nothing else shows it. Each step, child, question, print and progress says so by itself.</summary>
    public void Beat() => _run.Beat();

    /// <summary>Passes the boundary and does nothing else: for long code without steps.</summary>
    /// <exception cref="TaskStoppedException">A stop is asked.</exception>
    /// <exception cref="OperationCanceledException">The host goes.</exception>
    /// <exception cref="ClaimLostException">The attempt is over: another host has the task, or the code had returned and this is what it left behind.</exception>
    public void CheckBoundary() => _run.Pass();

    /// <summary>Tells how far it is.</summary>
    /// <param name="fraction">From 0 to 1.</param>
    /// <param name="text">In words.</param>
    public void Progress(double fraction, string? text = null) => Report(new(Fraction: double.IsFinite(fraction) ? Math.Clamp(fraction, 0, 1) : null, Text: text));

    /// <summary>Tells how far it is, in words.</summary>
    public void Progress(string text) => Report(new(Text: text));

    /// <summary>Tells how far it is, by what is done: <c>Progress(3, 12, "files")</c>.</summary>
    public void Progress(long done, long total, string unit, string? text = null) =>
        Report(new(total > 0 ? Math.Clamp((double)done / total, 0, 1) : null, text, done, total, unit));

    /// <summary>Runs code that happens once: when it has finished, its value is on disk, and no later attempt or host runs it again. Code that throws has not finished.</summary>
    /// <typeparam name="T">What it gives, as JSON.</typeparam>
    /// <param name="name">Its name, once within the task and the same each time: in a loop every turn has its own. Names are shared with questions.</param>
    /// <param name="step">The code. A stop does not break it off before the grace is over; its token is cancelled then. A host that dies meanwhile may have begun it: the next one runs it again.</param>
    /// <returns>What it gave, now or then.</returns>
    /// <exception cref="TaskStoppedException">A stop is asked; the step did not begin.</exception>
    /// <exception cref="ArgumentException">The name is used twice in this attempt.</exception>
    /// <exception cref="ClaimLostException">As <see cref="CheckBoundary"/>.</exception>
    public async Task<T> StepAsync<T>(string name, Func<CancellationToken, Task<T>> step)
    {
        ArgumentNullException.ThrowIfNull(step);
        _run.Use(name, Step);
        try
        {
            _run.Pass();
            if (_run.FindStep(name) is { } done) return Read<T>(name, done.Result);
            // What cannot be written is refused before it has happened.
            _run.Json.GetTypeInfo(typeof(T));
            var value = await step(_run.Hard.Token).ConfigureAwait(false);
            await _run.FinishAsync(name, Write(value)).ConfigureAwait(false);
            return value;
        }
        catch
        {
            // Whoever tries again does so under the same name.
            _run.Unuse(name, Step);
            throw;
        }
    }

    /// <summary>As <see cref="StepAsync{T}(string, Func{CancellationToken, Task{T}})"/>, for code that gives nothing.</summary>
    public async Task StepAsync(string name, Func<CancellationToken, Task> step)
    {
        ArgumentNullException.ThrowIfNull(step);
        await StepAsync<JsonElement?>(name, async hard =>
        {
            await step(hard).ConfigureAwait(false);
            return null;
        }).ConfigureAwait(false);
    }

    /// <summary>Starts a command as a child of this task. It is not over before the child is, and its stop takes the child along.</summary>
    /// <param name="name">The child's name for this task, once within the attempt: the same name after a restart is the same child. In a later attempt, a child that had not completed is started anew.</param>
    /// <param name="argv">Program and arguments. It starts in the host's folder with the host's environment, unless <paramref name="adjust"/> says otherwise.</param>
    /// <param name="adjust">Changes the spec before it is submitted: limits, folder, labels.</param>
    /// <exception cref="TaskStoppedException">A stop is asked.</exception>
    /// <exception cref="InvalidTaskException">The spec is not acceptable.</exception>
    public Task<ChildTask> StartProcessAsync(string name, ImmutableArray<string> argv, Func<TaskSpec, TaskSpec>? adjust = null)
    {
        if (argv.IsDefaultOrEmpty) throw new ArgumentException("A command needs at least a program.", nameof(argv));
        return StartAsync(name, Adjust(_defaults.OfProcess(argv), adjust));
    }

    /// <summary>Starts another handler as a child of this task.</summary>
    /// <typeparam name="TInput">Its input, as JSON.</typeparam>
    /// <param name="name">As in <see cref="StartProcessAsync"/>.</param>
    /// <param name="handler">The handler's name.</param>
    /// <param name="input">What it is given.</param>
    /// <param name="adjust">Changes the spec before it is submitted.</param>
    /// <exception cref="TaskStoppedException">A stop is asked.</exception>
    /// <exception cref="InvalidTaskException">No handler of that name is added, or it does not take that input.</exception>
    public Task<ChildTask> StartHandlerAsync<TInput>(string name, string handler, TInput input, Func<TaskSpec, TaskSpec>? adjust = null) =>
        StartAsync(name, Adjust(_defaults.OfHandler(handler, Write(input)), adjust));

    /// <summary>Starts any task as a child of this one.</summary>
    /// <param name="name">As in <see cref="StartProcessAsync"/>.</param>
    /// <param name="spec">What to run.</param>
    /// <exception cref="TaskStoppedException">A stop is asked.</exception>
    public async Task<ChildTask> StartAsync(string name, TaskSpec spec)
    {
        ArgumentNullException.ThrowIfNull(spec);
        _run.Use(name, Child);
        try
        {
            var record = await GuardedAsync(wait => _run.Services.StartChildAsync(name, spec, wait), _run.Break.Token).ConfigureAwait(false);
            return new(this, name, record.Id, record.Number);
        }
        catch
        {
            _run.Unuse(name, Child);
            throw;
        }
    }

    /// <summary>Waits until all of these tasks have ended. This task holds no place meanwhile, and is not silent.</summary>
    /// <param name="tasks">Whose ends.</param>
    /// <param name="timeout">How long at most; none: no bound.</param>
    /// <returns>All of them as they are then, in the same order; some may be open when the time was over.</returns>
    /// <exception cref="TaskStoppedException">A stop is asked.</exception>
    /// <exception cref="WaitCycleException">One of them waits for this task.</exception>
    public Task<ImmutableArray<TaskRecord>> WaitAllAsync(IEnumerable<TaskId> tasks, TimeSpan? timeout = null) => WaitAsync(tasks, any: false, timeout);

    /// <summary>Waits until one of these tasks has ended, as <see cref="WaitAllAsync"/>.</summary>
    public Task<ImmutableArray<TaskRecord>> WaitAnyAsync(IEnumerable<TaskId> tasks, TimeSpan? timeout = null) => WaitAsync(tasks, any: true, timeout);

    /// <summary>Asks a person or a client, and waits for the answer, for days if need be: the task is <c>waiting</c>, holds no place, and outlives its host. The answer becomes a step.</summary>
    /// <param name="name">Its name, as a step's.</param>
    /// <param name="text">The question.</param>
    /// <param name="choices">The answers that are taken; none given: any text.</param>
    /// <param name="default">The answer that expiry gives; none: the answer then has no text.</param>
    /// <param name="expiry">How long it may be answered; none: as the host is set, 24 h.</param>
    /// <returns>What was answered, and by whom; without a text it expired.</returns>
    /// <exception cref="TaskStoppedException">A stop is asked.</exception>
    public async Task<QuestionAnswer> AskAsync(string name, string text, IEnumerable<string>? choices = null, string? @default = null, TimeSpan? expiry = null)
    {
        if (string.IsNullOrWhiteSpace(text)) throw new ArgumentException("A question needs a text.", nameof(text));
        ImmutableArray<string>? answers = choices is null ? null : [.. choices];
        if (answers is { IsEmpty: true }) throw new ArgumentException("Of no choices none can be chosen; leave them out where any text will do.", nameof(choices));
        if (answers is { } given && @default is { } otherwise && !given.Contains(otherwise)) throw new ArgumentException($"The default '{otherwise}' is none of the choices.", nameof(@default));
        if (expiry <= TimeSpan.Zero) throw new ArgumentException("A question needs time to be answered.", nameof(expiry));
        _run.Use(name, Question);
        try
        {
            _run.Pass();
            if (_run.FindStep(name) is { } done) return Read<Answer>(name, done.Result).ToAnswer();
            return await AskOneAsync(name, () => new(text, _run.Time.GetUtcNow(), ExpiryOf(expiry), @default) { Choices = answers, Name = name }).ConfigureAwait(false);
        }
        catch
        {
            _run.Unuse(name, Question);
            throw;
        }
    }

    /// <summary>Runs cleanup for which the boundary is open although a stop is asked, as long as the grace lasts: a step that takes back what was done. Children and questions are refused all the same.</summary>
    /// <param name="cleanup">The code; its token is cancelled when the grace is over.</param>
    public Task CleanUpAsync(Func<CancellationToken, Task> cleanup)
    {
        ArgumentNullException.ThrowIfNull(cleanup);
        return _run.CleanUpAsync(cleanup);
    }

    internal static async Task<T> EnterAsync<T>(TaskContext context, Func<TaskContext, Task<T>> code)
    {
        // Seen by what this calls, and by nobody else.
        Ambient.Value = context;
        return await code(context).ConfigureAwait(false);
    }

    internal async Task StopAsync(TaskId child, string? reason)
    {
        _run.Pass();
        await _run.Services.StopChildAsync(child, reason, CancellationToken.None).ConfigureAwait(false);
    }

    internal T ResultOf<T>(TaskRecord ended) =>
        ended.State == TaskState.Completed ? Read<T>($"the result of task {ended.Number}", ended.End!.Result) : throw new ChildFailedException(ended);

    private async Task<ImmutableArray<TaskRecord>> WaitAsync(IEnumerable<TaskId> tasks, bool any, TimeSpan? timeout)
    {
        ImmutableArray<TaskId> ids = [.. tasks];
        if (ids.IsEmpty) return [];
        _run.Output.Rest();
        var ended = await GuardedAsync(wait => _run.Services.WaitAsync(ids, any, timeout, wait), _run.WaitToken).ConfigureAwait(false);
        // A stop takes the children along, and their ends may be here before it is: whoever waits is to hear of the stop, and not to go on as if they had ended by themselves.
        _run.Pass();
        return ended;
    }

    /// <summary>A task asks one thing at a time: what waits for one answer cannot wait for another. The time of a question begins with its turn, and the turn ends when the answer is in the journal: the record then keeps the next one.</summary>
    private async Task<QuestionAnswer> AskOneAsync(string name, Func<Question> question)
    {
        _run.Output.Rest();
        return await GuardedAsync(async wait =>
        {
            await _oneQuestion.WaitAsync(wait).ConfigureAwait(false);
            try
            {
                var answer = await _run.Services.AskAsync(question(), wait).ConfigureAwait(false);
                await _run.FinishAsync(name, Answer.Of(answer).ToJson()).ConfigureAwait(false);
                return answer;
            }
            finally
            {
                _oneQuestion.Release();
            }
        }, _run.WaitToken).ConfigureAwait(false);
    }

    /// <summary>The boundary before, and behind what it broke off: then it says why.</summary>
    private async Task<T> GuardedAsync<T>(Func<CancellationToken, Task<T>> ask, CancellationToken wait)
    {
        _run.Pass();
        try
        {
            var answer = await ask(wait).ConfigureAwait(false);
            _run.Beat();
            return answer;
        }
        catch (Exception)
        {
            _run.Pass();
            throw;
        }
    }

    private void Report(TaskProgress progress)
    {
        _run.Beat();
        _run.Services.Report(progress);
    }

    private DateTimeOffset? ExpiryOf(TimeSpan? expiry)
    {
        var now = _run.Time.GetUtcNow();
        return (expiry ?? _defaults.QuestionExpiry) is { } span ? (span < DateTimeOffset.MaxValue - now ? now + span : null) : null;
    }

    private static TaskSpec Adjust(TaskSpec spec, Func<TaskSpec, TaskSpec>? adjust) => adjust is null ? spec : adjust(spec);

    private JsonElement? Write<T>(T value) => value is null ? null : JsonSerializer.SerializeToElement(value, (JsonTypeInfo<T>)_run.Json.GetTypeInfo(typeof(T)));

    private T Read<T>(string what, JsonElement? written)
    {
        try
        {
            return written is not { } value ? default! : value.Deserialize((JsonTypeInfo<T>)_run.Json.GetTypeInfo(typeof(T)))!;
        }
        catch (JsonException e)
        {
            throw new JsonException($"What the journal holds of '{what}' is no {typeof(T).Name} any more: {e.Message}", e);
        }
    }
}
