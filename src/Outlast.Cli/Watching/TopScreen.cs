using System.Runtime.InteropServices;
using System.Threading.Channels;
using Outlast.Client;

namespace Outlast.Cli.Watching;

/// <summary>The live view at work: one loop takes keys, looks and signals in their order, and shows what comes of them.</summary>
internal sealed class TopScreen(CommandContext context, HostWatch watch)
{
    private const int TailBytes = 64 * 1024;
    private readonly Channel<Action> _happened = Channel.CreateUnbounded<Action>(new() { SingleReader = true });
    private readonly TopView _view = new(context.Terminal.Ink, context.Time);
    private readonly FullScreen _screen = new(context.Terminal);
    private readonly CancellationTokenSource _over = new();
    private PosixSignalRegistration? _stop;
    private CancellationTokenSource? _following;
    private int? _exitCode;

    public async Task<int> RunAsync(CancellationToken cancel)
    {
        using var cancelled = cancel.Register(() => Happen(() => _exitCode ??= ExitCodes.Stopped));
        using var signals = new SignalSet(this);
        using var screen = _screen;
        _stop = ListenForStop();
        try
        {
            _screen.Enter();
            var looking = WatchAsync();
            var keys = Task.Factory.StartNew(ReadKeys, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
            Task<bool>? happening = null;
            while (_exitCode is null)
            {
                var (height, width) = FullScreen.Size;
                _screen.Show(_view.Frame(height, width), width);
                happening ??= _happened.Reader.WaitToReadAsync(CancellationToken.None).AsTask();
                // A message goes by itself, also where nothing else happens for long.
                if (_view.MessageRests is { } rest) await Task.WhenAny(happening, Task.Delay(rest, context.Time, CancellationToken.None));
                else await happening;
                if (happening.IsCompleted) happening = null;
                // What has come in the meantime makes one frame.
                while (_exitCode is null && _happened.Reader.TryRead(out var next)) next();
            }
            return _exitCode.Value;
        }
        finally
        {
            _stop.Dispose();
            await _over.CancelAsync();
        }
    }

    private void Happen(Action what) => _happened.Writer.TryWrite(what);

    private async Task WatchAsync()
    {
        try
        {
            await watch.LookAsync(sample => Happen(() => _view.Take(sample)), _over.Token);
        }
        catch (OperationCanceledException) when (_over.IsCancellationRequested)
        {
            // The view has ended.
        }
        catch (Exception e)
        {
            Happen(() => throw new IOException($"the live view cannot go on: {e.Message}", e));
        }
    }

    private void ReadKeys()
    {
        var buffer = new byte[256];
        while (!_over.IsCancellationRequested)
        {
            if (!LibC.Await(0, LibC.POLLIN, 200)) continue;
            var count = LibC.Read(0, buffer);
            if (count <= 0)
            {
                // The terminal is gone.
                Happen(() => _exitCode ??= ExitCodes.OfSignal(1));
                return;
            }
            var sent = buffer[..count];
            Happen(() =>
            {
                foreach (var key in Key.Read(sent)) Fulfil(_view.Press(key));
            });
        }
    }

    private void Fulfil(TopWish? wish)
    {
        switch (wish)
        {
            case TopWish.Quit: _exitCode ??= ExitCodes.Ok; break;
            case TopWish.Suspend: Suspend(); break;
            case TopWish.Redraw: _screen.Forget(); break;
            case TopWish.Leave: StopFollowing(); break;
            case TopWish.Follow(var task): Follow(task); break;
            case TopWish.Stop(var task, var now):
                _ = AskAsync("stop", task, async client => $"task {task.Number}: {(await client.StopAsync(task.Id, new("asked in the live view", now ? true : null), _over.Token)).State}");
                break;
            case TopWish.Extend(var task, var by):
                _ = AskAsync("extend", task, async client =>
                {
                    var limits = (await client.ExtendAsync(task.Id, new(task.Limits?.TimeoutMs is null ? null : by, task.Limits?.IdleTimeoutMs is null ? null : by), _over.Token)).Limits;
                    return $"task {task.Number}: timeout {Limit(limits?.TimeoutMs)}, idle timeout {Limit(limits?.IdleTimeoutMs)}";
                });
                break;
        }
    }

    private static string Limit(long? milliseconds) => milliseconds is { } limit ? Rendering.Words.Length(limit) : "none";

    /// <summary>Asks the host for something, and tells what came of it.</summary>
    private async Task AskAsync(string verb, TaskView task, Func<OutlastHttpClient, Task<string>> ask)
    {
        string text;
        try
        {
            text = watch.Client is { } client ? await ask(client) : "the host is away: nothing was asked";
        }
        catch (OperationCanceledException)
        {
            return;
        }
        catch (Exception e)
        {
            text = $"task {task.Number}: {Problems.Describe(e, context, verb).Text.Replace('\n', ' ')}";
        }
        Happen(() => _view.Tell(text));
        watch.Hurry();
    }

    private void Follow(TaskView task)
    {
        StopFollowing();
        _following = CancellationTokenSource.CreateLinkedTokenSource(_over.Token);
        var output = new FollowedOutput($"task {task.Number}  {task.Name}");
        _view.Followed = output;
        _ = FollowAsync(task, output, errorStream: false, _following.Token);
        if (task.Spec.Process?.Stderr == "separate") _ = FollowAsync(task, output, errorStream: true, _following.Token);
    }

    private void StopFollowing()
    {
        _following?.Cancel();
        _following = null;
        _view.Followed = null;
    }

    /// <summary>Follows from a little before its end on, over as many hosts as that takes.</summary>
    private async Task FollowAsync(TaskView task, FollowedOutput output, bool errorStream, CancellationToken cancel)
    {
        long? next = null;
        var source = new OutputSource(task.Id, errorStream);
        try
        {
            while (true)
            {
                try
                {
                    if (watch.Client is { } client)
                    {
                        source = source with { Attempt = source.Attempt ?? (task.Attempt > 0 ? task.Attempt : null) };
                        next ??= (await client.ReadOutputTailAsync(source, TailBytes, cancel)).Offset;
                        await client.FollowOutputAsync(source, next.Value, (bytes, _) =>
                        {
                            next += bytes.Length;
                            output.Add(bytes.Span);
                            Happen(() => { });
                            return ValueTask.CompletedTask;
                        }, gap =>
                        {
                            next = gap.To;
                            output.Note($"{Rendering.Words.Bytes(gap.To - gap.From)} are not there any more");
                        }, attempt =>
                        {
                            (next, source) = (0, source with { Attempt = attempt });
                            if (!errorStream) output.Note($"attempt {attempt} begins");
                        }, cancel);
                        var ended = await client.GetAsync(task.Id, cancel: cancel);
                        if (!errorStream) output.Note($"task {task.Number} {Rendering.Words.State(ended)}{(ended.End?.Reason is { } reason ? $": {Rendering.ControlSequences.Escape(reason)}" : "")}");
                        Happen(() => { });
                        return;
                    }
                }
                catch (HostUnreachableException)
                {
                    // It comes back, and the output is where it was.
                }
                await Task.Delay(TimeSpan.FromMilliseconds(200), context.Time, cancel);
            }
        }
        catch (OperationCanceledException)
        {
            // Nobody looks any more.
        }
        catch (Exception e)
        {
            output.Note(Problems.Describe(e, context, "logs").Text);
            Happen(() => { });
        }
    }

    /// <summary>Gives the terminal back, stops with the whole job, and takes it again when continued.</summary>
    private void Suspend()
    {
        _screen.Leave();
        _stop?.Dispose();
        LibC.StopJob();
        _stop = ListenForStop();
        _screen.Enter();
    }

    private PosixSignalRegistration ListenForStop() => PosixSignalRegistration.Create(PosixSignal.SIGTSTP, received =>
    {
        received.Cancel = true;
        Happen(Suspend);
    });

    /// <summary>What the system tells a full screen.</summary>
    private sealed class SignalSet : IDisposable
    {
        private readonly List<PosixSignalRegistration> _registrations = [];

        public SignalSet(TopScreen top)
        {
            foreach (var (signal, number) in ((PosixSignal, int)[])[(PosixSignal.SIGINT, 2), (PosixSignal.SIGTERM, 15), (PosixSignal.SIGQUIT, 3), (PosixSignal.SIGHUP, 1)])
                On(signal, () => top._exitCode ??= ExitCodes.OfSignal(number));
            On(PosixSignal.SIGWINCH, () => { });
            On(PosixSignal.SIGCONT, top._screen.Enter);

            void On(PosixSignal signal, Action act) => _registrations.Add(PosixSignalRegistration.Create(signal, received =>
            {
                received.Cancel = true;
                top.Happen(act);
            }));
        }

        public void Dispose() => _registrations.ForEach(r => r.Dispose());
    }
}
