using System.Globalization;
using System.Text.Json;
using Outlast.Cli.Rendering;
using Outlast.Cli.Serving;
using Outlast.Client;

namespace Outlast.Cli.Demonstrating;

/// <summary>The whole story in a folder of its own, with commands that anybody can type; every promise is looked at, none is taken for granted.</summary>
internal sealed class Demonstration(CommandContext context, string folder, bool tells)
{
    private const string Counter = "1", Worker = "2", Tree = "3", Quiet = "4", Tidy = "5";
    private const string Stubborn = "trap \"\" TERM; while :; do sleep 1; done";
    private static readonly TimeSpan CallBound = TimeSpan.FromSeconds(40), SeeBound = TimeSpan.FromSeconds(20), Pause = TimeSpan.FromMilliseconds(20);
    private readonly string _data = Path.Combine(folder, "data");
    private readonly OwnProgram _program = new(context.Caller, context.Time, folder, Path.Combine(folder, "data"));

    public Proof Proof { get; } = new();

    private string Gate(string name) => Path.Combine(folder, name);

    public async Task RunAsync(CancellationToken cancel)
    {
        try
        {
            Tell($"A data folder of its own, so that nothing of yours is touched:  export OUTLAST_DATA={Words.Quote(_data)}");
            await StartAsync(cancel);
            await SilenceAsync(cancel);
            var before = await ShowAsync(Counter, cancel);
            await KillHostAsync(before, cancel);
            await AdoptAsync(before, cancel);
            await RestartAsync(before, cancel);
            await StopTreeAsync(cancel);
            await StopTidyAsync(cancel);
            await FinishAsync(cancel);
        }
        catch (Exception e) when (e is DemonstrationException or JsonException or IOException or FormatException)
        {
            Proof.Add("the story can be told to its end", e.Message, so: false);
        }
    }

    /// <summary>Leaves nothing: tasks stopped, host gone, and whatever else has this folder in its environment ended.</summary>
    public async Task CleanAsync()
    {
        using var bound = new CancellationTokenSource(CallBound, context.Time);
        try
        {
            if (File.Exists(Path.Combine(_data, "host.json")))
            {
                await _program.RunAsync(["stop", "--all", "--now", "--yes"], bound.Token);
                await _program.RunAsync(["shutdown", "--stop-tasks"], bound.Token);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or IOException)
        {
            // What is left goes the hard way.
        }
        var hunt = context.Time.GetTimestamp();
        while (Surroundings.WithVariable("OUTLAST_DATA", _data) is { Count: > 0 } left && context.Time.GetElapsedTime(hunt) < SeeBound)
        {
            foreach (var pid in left) LibC.Kill(pid);
            await Task.Delay(Pause, context.Time);
        }
    }

    private async Task StartAsync(CancellationToken cancel)
    {
        Tell("Five tasks. One prints a line every 20 ms until it is told to end:");
        await OkAsync(["run", "-d", "--name", "counter", "--", "sh", "-c", $"i=0; until [ -e {Words.Quote(Gate("done"))} ]; do echo line $i; i=$((i+1)); sleep 0.02; done"], cancel);
        Tell("One will end with exit code 7 at a moment at which no host lives:");
        await OkAsync(["run", "-d", "--name", "worker", "--", "sh", "-c", $"until [ -e {Words.Quote(Gate("go"))} ]; do sleep 0.05; done; exit 7"], cancel);
        Tell("One is a tree that does not want to die: it ignores TERM, and so do its children, in sessions of their own, one of them a daemon:");
        await OkAsync(["run", "-d", "--name", "tree", "--stop-grace", "1s", "--", "sh", "-c", $"setsid sh -c '{Stubborn}' & (setsid sh -c '{Stubborn}' &); sh -c '{Stubborn}' & {Stubborn}"], cancel);
        Tell("One says nothing, and may be silent for a second:");
        await OkAsync(["run", "-d", "--name", "quiet", "--idle-timeout", "1s", "--", "sleep", "600"], cancel);
        Tell("And one cleans up when it is asked to stop:");
        await OkAsync(["run", "-d", "--name", "tidy", "--", "sh", "-c", "trap 'echo cleaned up; exit 0' TERM; echo ready; while :; do sleep 0.1; done 2>/dev/null"], cancel);
        await OkAsync(["ps"], cancel);
    }

    private async Task SilenceAsync(CancellationToken cancel)
    {
        Tell("Silence is noticed, announced, and ended; the end names its rule:");
        var waited = await TypeAsync(["wait", Quiet], cancel);
        var task = await ShowAsync(Quiet, cancel);
        Proof.Add("silence is ended, and named", $"task {Quiet}: {task.State}, cause {task.End?.Cause}; 'wait' ended with {waited.Code}",
            task is { State: TaskStateNames.TimedOut, End: { Cause: "inactivity", Actor.Type: "rule" } } && waited.Code == ExitCodes.TimedOut);
    }

    private async Task KillHostAsync(TaskView before, CancellationToken cancel)
    {
        var worker = (await ShowAsync(Worker, cancel)).Process?.Pid ?? throw new DemonstrationException($"task {Worker} has no process");
        var host = HostAddress.ReadHostFile(_data) ?? throw new DemonstrationException("there is no host.json");
        Tell("The host dies, without a word:");
        Tell($"$ kill -9 {host.Pid}", isCommand: true);
        LibC.Kill(host.Pid);
        await SeeAsync(() => !Surroundings.IsAlive(host.Pid), "the host is dead", cancel);
        var pid = before.Process?.Pid ?? throw new DemonstrationException($"task {Counter} has no process");
        // The end of this one is seen by nobody: no host lives.
        await File.WriteAllTextAsync(Gate("go"), "", cancel);
        await SeeAsync(() => !Surroundings.IsAlive(worker), $"task {Worker} ends without a host", cancel);
        var alive = Surroundings.IsAlive(pid) && !Surroundings.IsAlive(host.Pid);
        Proof.Add("work outlives its host", $"host {host.Pid} is dead, process {pid} of task {Counter} {(alive ? "runs" : "does not run")}", alive);
    }

    private async Task AdoptAsync(TaskView before, CancellationToken cancel)
    {
        Tell("The next verb starts a host, which takes over what runs and finds out what ended meanwhile:");
        var waited = await TypeAsync(["wait", Worker], cancel);
        var worker = await ShowAsync(Worker, cancel);
        Proof.Add("an end that no host saw is known", $"task {Worker}: {worker.State}, exit code {worker.End?.ExitCode}; 'wait' ended with {waited.Code}",
            worker is { State: TaskStateNames.Failed, End: { Cause: "exit", ExitCode: 7 } } && waited.Code == 7);
        var known = await TasksAsync(cancel);
        Proof.Add("an accepted task is on disk", $"{known.Count} of 5 tasks are known after kill -9", known.Count == 5);
        var after = await ShowAsync(Counter, cancel);
        Proof.Add("the next host adopts what runs", $"{Same(before, after)}; adopted {after.Adoptions} time(s)", IsSame(before, after) && after is { State: TaskStateNames.Running, Adoptions: >= 1 });
    }

    private async Task RestartAsync(TaskView before, CancellationToken cancel)
    {
        Tell("A restart replaces the host, and nothing that runs:");
        var old = HostAddress.ReadHostFile(_data)?.Epoch;
        await OkAsync(["restart"], cancel);
        var now = HostAddress.ReadHostFile(_data)?.Epoch;
        var after = await ShowAsync(Counter, cancel);
        Proof.Add("a restart loses nothing", $"host h{old} became h{now}; {Same(before, after)}", now > old && IsSame(before, after) && after.State == TaskStateNames.Running);
    }

    private async Task StopTreeAsync(CancellationToken cancel)
    {
        Tell("Stopped means stopped, also for those who ignore it:");
        var tree = await ShowAsync(Tree, cancel);
        var before = Surroundings.WithVariable("OUTLAST_TASK_ID", tree.Id);
        await OkAsync(["stop", Tree, "--reason", "the demo shows it"], cancel);
        var waited = await TypeAsync(["wait", Tree], cancel);
        IReadOnlyList<int> left = [.. Surroundings.WithVariable("OUTLAST_TASK_ID", tree.Id), .. before.Where(Surroundings.IsAlive)];
        var ended = await ShowAsync(Tree, cancel);
        Proof.Add("stopped means stopped", $"{before.Count} processes before, deaf to TERM, {left.Distinct().Count()} after, looked up in /proc; {ended.State}, 'wait' ended with {waited.Code}",
            before.Count >= 4 && left.Count == 0 && ended is { State: TaskStateNames.Stopped, End.Cause: "user" } && waited.Code == ExitCodes.Stopped);
    }

    private async Task StopTidyAsync(CancellationToken cancel)
    {
        Tell("Who wants to clean up has the time to:");
        await OkAsync(["stop", Tidy], cancel);
        await TypeAsync(["wait", Tidy], cancel);
        var printed = await OkAsync(["logs", Tidy], cancel);
        var task = await ShowAsync(Tidy, cancel);
        Proof.Add("cleanup code runs", $"task {Tidy} printed '{printed.Output.TrimEnd().Split('\n')[^1]}'; {task.State}", printed.Output.EndsWith("cleaned up\n", StringComparison.Ordinal) && task.State == TaskStateNames.Stopped);
    }

    private async Task FinishAsync(CancellationToken cancel)
    {
        Tell("The first one has printed all the while. It is told to end:");
        await File.WriteAllTextAsync(Gate("done"), "", cancel);
        var waited = await TypeAsync(["wait", Counter], cancel);
        var lines = (await RunAsync(["logs", Counter], cancel)).Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        var missing = Enumerable.Range(0, lines.Length).FirstOrDefault(i => lines[i] != $"line {i.ToString(CultureInfo.InvariantCulture)}", -1);
        var task = await ShowAsync(Counter, cancel);
        Proof.Add("no line is missing", missing < 0 ? $"lines 0 to {lines.Length - 1}, each once and in order, under 3 hosts" : $"line {missing} is not where it should be", missing < 0 && lines.Length > 100 && task.Output.LostBytes == 0);
        Proof.Add("the exit code is the command's own", $"task {Counter}: {task.State}; 'wait' ended with {waited.Code}", task is { State: TaskStateNames.Completed, Attempt: 1 } && waited.Code == 0);
        var tasks = await TasksAsync(cancel);
        Proof.Add("every end says why", string.Join(", ", tasks.OrderBy(t => t.Number).Select(t => $"{t.Number} {t.State} ({t.End?.Cause})")), tasks.Count == 5 && tasks.All(t => t.End is { Cause.Length: > 0, Reason.Length: > 0 }));
    }

    private static bool IsSame(TaskView before, TaskView after) => before.Process is { } one && after.Process is { } other && (one.Pid, one.StartTicks, before.Attempt) == (other.Pid, other.StartTicks, after.Attempt);

    private static string Same(TaskView before, TaskView after) => $"task {Counter}: process {before.Process?.Pid} is {after.Process?.Pid}, attempt {before.Attempt} is {after.Attempt}";

    /// <summary>A command that is to succeed.</summary>
    private async Task<OwnProgramEnd> OkAsync(IReadOnlyList<string> arguments, CancellationToken cancel)
    {
        var ended = await TypeAsync(arguments, cancel);
        return ended.Code == 0 ? ended : throw new DemonstrationException($"'{Typed(arguments)}' ended with {ended.Code}: {ended.Error.TrimEnd().Split('\n')[^1]}");
    }

    /// <summary>A command as a person would type it, with what it prints.</summary>
    private async Task<OwnProgramEnd> TypeAsync(IReadOnlyList<string> arguments, CancellationToken cancel)
    {
        Tell($"$ {Typed(arguments)}", isCommand: true);
        var ended = await RunAsync(arguments, cancel);
        if (!tells) return ended;
        foreach (var line in ended.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries)) context.Terminal.Line("  " + TextWidth.Cut(ControlSequences.Escape(line).Replace("\\t", "  ", StringComparison.Ordinal), context.Terminal.Width - 2));
        return ended;
    }

    private async Task<OwnProgramEnd> RunAsync(IReadOnlyList<string> arguments, CancellationToken cancel)
    {
        using var bound = new CancellationTokenSource(CallBound, context.Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancel, bound.Token);
        try
        {
            return await _program.RunAsync(arguments, either.Token);
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            throw new DemonstrationException($"'{Typed(arguments)}' has not ended after {CallBound.TotalSeconds} s");
        }
    }

    private async Task<TaskView> ShowAsync(string number, CancellationToken cancel) =>
        Parse((await RunAsync(["show", number, "--json"], cancel)).Output) ?? throw new DemonstrationException($"task {number} is not known");

    private async Task<IReadOnlyList<TaskView>> TasksAsync(CancellationToken cancel) =>
        [.. (await RunAsync(["ps", "-a", "--json"], cancel)).Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(Parse).OfType<TaskView>()];

    private static TaskView? Parse(string line) => line.Length == 0 ? null : JsonSerializer.Deserialize(line, OutlastJson.Wire.TaskView);

    private async Task SeeAsync(Func<bool> isSo, string what, CancellationToken cancel)
    {
        var start = context.Time.GetTimestamp();
        while (!isSo())
        {
            if (context.Time.GetElapsedTime(start) > SeeBound) throw new DemonstrationException($"it was not seen within {SeeBound.TotalSeconds} s that {what}");
            await Task.Delay(Pause, context.Time, cancel);
        }
    }

    private string Typed(IReadOnlyList<string> arguments) => context.Command(string.Join(' ', arguments.Select(a => a == "--" ? a : Words.Quote(a))));

    private void Tell(string text, bool isCommand = false)
    {
        if (!tells) return;
        if (!isCommand) context.Terminal.Line("");
        foreach (var line in isCommand ? [text] : TextWidth.Wrap(text, context.Terminal.Width)) context.Terminal.Line(isCommand && context.Terminal.Ink ? Ink.Bold(line) : line);
    }
}

/// <summary>What the story needs did not happen.</summary>
internal sealed class DemonstrationException(string message) : Exception(message);
