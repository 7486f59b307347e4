using System.Collections.Concurrent;
using System.Collections.Immutable;
using Outlast.Runners;
using Outlast.Runners.Processes;
using Process = System.Diagnostics.Process;

namespace Outlast.TestKit;

/// <summary>A process runner on a data folder of its own, for tests with real processes. Whatever its tasks leave is ended with it.</summary>
public sealed class ProcessBench : IAsyncDisposable
{
    private readonly ConcurrentBag<TaskId> _tasks = [];
    private readonly bool _ownsFolder;

    public ProcessBench(string? folder = null, ProcessRunnerOptions? options = null, TimeProvider? time = null)
    {
        _ownsFolder = folder is null;
        Data = new DataFolder(folder ?? Directory.CreateTempSubdirectory("outlast-").FullName);
        Runner = new ProcessRunner(options ?? new ProcessRunnerOptions(), time ?? TimeProvider.System);
    }

    public DataFolder Data { get; }

    public ProcessRunner Runner { get; private set; }

    /// <summary>The host's own view of the world is gone; the processes are not.</summary>
    public void ForgetEverything()
    {
        Runner.Dispose();
        Runner = new ProcessRunner(new ProcessRunnerOptions(), TimeProvider.System);
    }

    public TestAttempt Attempt(params string[] argv) => Attempt(new ProcessSpec { Argv = [.. argv], Cwd = "/", Environment = OrdinaryEnvironment });

    public TestAttempt Shell(string script) => Attempt("/bin/sh", "-c", script);

    public TestAttempt Attempt(ProcessSpec spec, TimeSpan? grace = null, TaskId? id = null, TaskId? parent = null)
    {
        var task = id ?? TaskId.New(DateTimeOffset.UtcNow);
        _tasks.Add(task);
        return new TestAttempt(this, task, new TaskSpec { Name = "test", Process = spec, StopGrace = grace ?? TimeSpan.FromSeconds(5) }, parent);
    }

    public static ImmutableSortedDictionary<string, string> OrdinaryEnvironment { get; } =
        ImmutableSortedDictionary<string, string>.Empty.Add("PATH", "/usr/local/bin:/usr/bin:/bin").Add("HOME", "/root").Add("LANG", "C");

    /// <summary>Pids of living processes that carry the task's mark.</summary>
    public static ImmutableArray<int> MarkedBy(TaskId task) => Marked($"OUTLAST_TASK_ID={task}");

    private static ImmutableArray<int> Marked(string mark) =>
    [
        .. Directory.EnumerateDirectories("/proc").Select(d => int.TryParse(Path.GetFileName(d), out var pid) ? pid : 0).Where(pid => pid > 0 && IsAlive(pid) && HasMark(pid, mark)),
    ];

    /// <summary>Pids of living processes, hosts and tasks alike, whose data folder is that folder or lies in it.</summary>
    public static ImmutableArray<int> ThoseOf(string folder) => Marked($"OUTLAST_DATA={folder}");

    /// <summary>Pids of living processes that serve the task without being part of it.</summary>
    public static ImmutableArray<int> KeepersOf(TaskId task) => Marked($"OUTLAST_KEEPER_OF={task}");

    public static bool IsAlive(int pid)
    {
        try
        {
            var stat = File.ReadAllText($"/proc/{pid}/stat");
            return stat[stat.LastIndexOf(')') + 2] is not ('Z' or 'X');
        }
        catch (IOException)
        {
            return false;
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var pid in _tasks.SelectMany(t => MarkedBy(t)))
        {
            try
            {
                using var process = Process.GetProcessById(pid);
                process.Kill();
            }
            catch (ArgumentException)
            {
                // It has just ended.
            }
        }
        Runner.Dispose();
        if (!_ownsFolder) return;
        for (var attempt = 0; attempt < 50; attempt++)
        {
            try
            {
                Directory.Delete(Data.Path, recursive: true);
                return;
            }
            catch (IOException)
            {
                await Task.Delay(20); // A wrapper may still be writing its exit record.
            }
        }
    }

    private static bool HasMark(int pid, string mark)
    {
        try
        {
            return File.ReadAllText($"/proc/{pid}/environ").Contains(mark, StringComparison.Ordinal);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }
}

/// <summary>One attempt of a test, with everything that its runner told about it.</summary>
public sealed class TestAttempt
{
    private readonly ProcessBench _bench;
    private readonly TaskCompletionSource<ProcessFacts> _launched = new(TaskCreationOptions.RunContinuationsAsynchronously);

    internal TestAttempt(ProcessBench bench, TaskId task, TaskSpec spec, TaskId? parent)
    {
        _bench = bench;
        Task = task;
        Spec = spec;
        Context = Make(task, spec, parent, process: null);
    }

    public TaskId Task { get; }
    public TaskSpec Spec { get; }
    public AttemptContext Context { get; private set; }
    public ConcurrentQueue<string> Annotations { get; } = [];
    public StopRequest? Stop { get; set; }
    public Task<ProcessFacts> Launched => _launched.Task;
    public string Folder => Context.Folder;
    public string Output => File.ReadAllText(Path.Combine(Folder, "output.log"));

    public async Task<TaskOutcome> RunAsync(CancellationToken letGo = default)
    {
        try
        {
            return await _bench.Runner.RunAsync(Context, letGo);
        }
        finally
        {
            // What was over, or left alone, at once was not told before.
            if (Context is { Process: { } process, LaunchedAt: not null }) _launched.TrySetResult(process);
        }
    }

    public Task<AttemptFinding> ExamineAsync() => _bench.Runner.ExamineAsync(Context, default);

    public Task<TaskOutcome> AdoptAsync(CancellationToken letGo = default) => _bench.Runner.AdoptAsync(Context, letGo);

    public Task<StopReport> StopAsync(bool now = false, DateTimeOffset? requestedAt = null, CancellationToken hurry = default, CancellationToken letGo = default)
    {
        Stop = new StopRequest { Cause = EndCause.User, Actor = new Actor(ActorType.User, "test"), RequestedAt = requestedAt ?? DateTimeOffset.UtcNow, Now = now };
        return _bench.Runner.StopAsync(Context, Stop, hurry, letGo);
    }

    public AttemptVitals Measure()
    {
        var failures = new Dictionary<TaskId, Exception>();
        var vitals = _bench.Runner.Measure([Context], failures);
        return failures.Count == 0 ? vitals[Task] : throw failures[Task];
    }

    /// <summary>As a later host sees it: with what the record knows, or nothing.</summary>
    public void SeenByNextHost(ProcessFacts? recorded, DateTimeOffset? claimedAt = null) => Context = Make(Task, Spec, Context.Parent, recorded, claimedAt);

    /// <summary>Waits until the command has printed that.</summary>
    public Task Printed(string text) => Eventually.TrueAsync(() => File.Exists(Path.Combine(Folder, "output.log")) && Output.Contains(text, StringComparison.Ordinal), $"output contains '{text}'");

    private AttemptContext Make(TaskId task, TaskSpec spec, TaskId? parent, ProcessFacts? process, DateTimeOffset? claimedAt = null) => new()
    {
        Task = task,
        Attempt = 1,
        Spec = spec,
        Parent = parent,
        Process = process,
        ClaimedAt = claimedAt,
        Folder = _bench.Data.Attempt(task, 1),
        Launched = facts =>
        {
            _launched.TrySetResult(facts);
            return System.Threading.Tasks.Task.CompletedTask;
        },
        Annotated = text =>
        {
            Annotations.Enqueue(text);
            return System.Threading.Tasks.Task.CompletedTask;
        },
        StopAsked = () => Stop,
    };
}
