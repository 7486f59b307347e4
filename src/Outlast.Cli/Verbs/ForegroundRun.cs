using System.Runtime.InteropServices;
using Outlast.Cli.Calling;
using Outlast.Cli.Rendering;
using Outlast.Client;

namespace Outlast.Cli.Verbs;

/// <summary>A task with somebody waiting: its output here, its exit code at the end. Only Ctrl-C stops it; whatever else ends this program leaves it running.</summary>
internal sealed class ForegroundRun(CommandContext context, OutlastHttpClient client, bool json)
{
    private static readonly TimeSpan SilenceBeforeQueueNotice = TimeSpan.FromSeconds(2);
    private readonly TaskCompletionSource<TaskView> _submitted = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<int> _left = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _interrupts;
    private volatile bool _lineOpen;
    private volatile bool _printed;

    /// <param name="submit">Makes the task.</param>
    /// <param name="cancel">Leaves it alone.</param>
    public async Task<int> RunAsync(Func<CancellationToken, Task<TaskView>> submit, CancellationToken cancel)
    {
        using var signals = new SignalSet(this);
        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        var whole = FollowAsync(submit, over.Token);
        var first = await Task.WhenAny(whole, _left.Task);
        if (first == whole) return await whole;
        await over.CancelAsync();
        return await _left.Task;
    }

    private async Task<int> FollowAsync(Func<CancellationToken, Task<TaskView>> submit, CancellationToken cancel)
    {
        var task = await submit(cancel);
        _submitted.SetResult(task);
        using var done = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        _ = TellIfQueuedAsync(task.Id, done.Token);
        if (task.Spec.Process?.Stdin.Kind == "fifo") _ = new StdinForwarder(context, client).ForwardAsync(task.Id, done.Token);

        await Together.RunAsync(cancel,
            stop => PrintAsync(task.Id, errorStream: false, stop),
            stop => task.Spec.Process?.Stderr == "separate" ? PrintAsync(task.Id, errorStream: true, stop) : Task.CompletedTask);
        task = await client.WaitAsync(task.Id, cancel);
        await done.CancelAsync();
        Tell(task);
        return ExitCodes.Of(task);
    }

    private async Task PrintAsync(string id, bool errorStream, CancellationToken cancel) =>
        // From the first attempt on, whatever has begun by now.
        await client.FollowOutputAsync(new OutputSource(id, errorStream, 1), 0, (bytes, _) =>
        {
            _printed = true;
            if (errorStream)
            {
                context.Terminal.WriteError(bytes.Span);
                return ValueTask.CompletedTask;
            }
            context.Terminal.Write(bytes.Span);
            _lineOpen = bytes.Span[^1] != '\n';
            return ValueTask.CompletedTask;
        }, gap => context.Terminal.Say($"{Words.Bytes(gap.To - gap.From)} of output came faster than they could be shown, and are gone ({gap.Why})"), attempt =>
        {
            if (!errorStream) context.Terminal.Say($"attempt {attempt} begins");
        }, cancel);

    private void Tell(TaskView task)
    {
        if (Explanation(task) is { } text) context.Terminal.Say(text);
        if (!json) return;
        if (_lineOpen) context.Terminal.Line("");
        Json.Write(context.Terminal, task, OutlastJson.Wire.TaskView);
    }

    /// <summary>What an exit code alone would leave open; none where the command ended by itself.</summary>
    private string? Explanation(TaskView task)
    {
        if (task.End is not { } end || end.Cause == "exit") return null;
        var state = task.State == TaskStateNames.Lost ? "is lost" : Words.State(task);
        var why = string.IsNullOrWhiteSpace(end.Reason) ? $"cause {end.Cause}" : end.Reason;
        return $"task {task.Number} {(why.StartsWith(state, StringComparison.Ordinal) ? why : $"{state}: {why}")}. More: {context.Command($"show {task.Number}")}";
    }

    private async Task TellIfQueuedAsync(string id, CancellationToken cancel)
    {
        try
        {
            await Task.Delay(SilenceBeforeQueueNotice, context.Time, cancel);
            if (_printed || !context.Terminal.ErrorIsTerminal) return;
            var task = await client.GetAsync(id, cancel: cancel);
            if (task is { Queue: not null, NotBefore: { } at }) context.Terminal.Say(Words.Invariant($"task {task.Number} starts at {Words.At(at, context.Time.GetUtcNow())}"));
            else if (task.Queue is { } queue) context.Terminal.Say(Words.Invariant($"task {task.Number} is queued, place {queue.Position}: {queue.WaitsFor}"));
        }
        catch (Exception e) when (e is OperationCanceledException or OutlastProblemException or HostUnreachableException)
        {
            // Only a courtesy; the wait itself says what matters.
        }
    }

    private void OnInterrupt()
    {
        var now = Interlocked.Increment(ref _interrupts) > 1;
        if (now && !_submitted.Task.IsCompleted)
        {
            context.Terminal.Say("left before the host answered; the task may have been accepted");
            _left.TrySetResult(ExitCodes.Stopped);
            return;
        }
        _ = StopAsync(now);
    }

    private async Task StopAsync(bool now)
    {
        var task = await _submitted.Task;
        context.Terminal.Say(now ? $"stopping task {task.Number} now" : $"asking task {task.Number} to stop; Ctrl-C again stops it now");
        try
        {
            await client.StopAsync(task.Id, new("Ctrl-C", now ? true : null));
        }
        catch (OutlastProblemException e) when (e.Type == ProblemTypes.Ended)
        {
            // It was faster.
        }
        catch (Exception e)
        {
            context.Terminal.Say($"could not ask task {task.Number} to stop: {Problems.Describe(e, context, "run").Text}");
        }
    }

    private void Leave(int signal, bool quietly)
    {
        if (!quietly)
        {
            context.Terminal.Say(_submitted.Task.IsCompletedSuccessfully
                ? $"task {_submitted.Task.Result.Number} goes on; follow it: {context.Command($"logs -f {_submitted.Task.Result.Number}")}"
                : "left before the host answered; the task may have been accepted");
        }
        _left.TrySetResult(ExitCodes.OfSignal(signal));
    }

    /// <summary>The signals that mean something here. One that the caller had ignored stays ignored, as for any program of a background job.</summary>
    private sealed class SignalSet : IDisposable
    {
        private const int Hangup = 1, Interrupt = 2, Quit = 3, Terminate = 15;
        private readonly List<PosixSignalRegistration> _registrations = [];

        public SignalSet(ForegroundRun run)
        {
            On(Interrupt, PosixSignal.SIGINT, run.OnInterrupt);
            On(Terminate, PosixSignal.SIGTERM, () => run.Leave(Terminate, quietly: false));
            On(Quit, PosixSignal.SIGQUIT, () => run.Leave(Quit, quietly: false));
            On(Hangup, PosixSignal.SIGHUP, () => run.Leave(Hangup, quietly: true));
        }

        public void Dispose() => _registrations.ForEach(r => r.Dispose());

        private void On(int number, PosixSignal signal, Action act)
        {
            if (Caller.Ignores(number)) return;
            _registrations.Add(PosixSignalRegistration.Create(signal, received =>
            {
                received.Cancel = true;
                act();
            }));
        }
    }
}
