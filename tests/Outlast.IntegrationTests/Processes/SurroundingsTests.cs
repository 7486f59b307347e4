using System.Collections.Immutable;
using System.Diagnostics;
using Outlast.Runners.Processes;
using Outlast.TestKit;
using Xunit;

namespace Outlast.IntegrationTests.Processes;

/// <summary>A command finds itself where the shell that asked for it would have put it.</summary>
public sealed class SurroundingsTests : IAsyncLifetime
{
    private const string Probe = "ulimit -Sn; umask; pwd; env | grep -v ^OUTLAST_ | sort";

    private readonly ProcessBench _bench = new();

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await _bench.DisposeAsync();

    [Fact]
    public async Task Limits_mask_folder_and_environment_are_those_of_the_calling_shell()
    {
        var folder = Directory.CreateDirectory(Path.Combine(_bench.Data.Path, "a folder")).FullName;
        var variables = ProcessBench.OrdinaryEnvironment.Add("SPACES", "  a  b ").Add("QUOTES", "\"'$HOME`x`\\").Add("EMPTY", "").Add("PWD", folder).Add("OLDPWD", "/old");
        var attempt = _bench.Attempt(new ProcessSpec { Argv = ["/bin/sh", "-c", Probe], Cwd = folder, Environment = variables, Umask = 23, OpenFiles = 777 });
        await attempt.RunAsync();
        Assert.Equal(await ByShellAsync(folder, variables), attempt.Output);
    }

    [Fact]
    public async Task No_signal_is_ignored_or_blocked()
    {
        var attempt = _bench.Shell("exec grep -E '^Sig(Ign|Blk|Pnd)' /proc/self/status");
        await attempt.RunAsync();
        Assert.Equal("SigPnd:\t0000000000000000\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n", attempt.Output);
    }

    [Theory]
    [InlineData(StderrMode.Merge, OutputRoute.Pipe)]
    [InlineData(StderrMode.Separate, OutputRoute.Pipe)]
    [InlineData(StderrMode.Separate, OutputRoute.File)]
    public async Task It_has_its_three_descriptors_and_no_other(StderrMode stderr, OutputRoute route)
    {
        // One that is open here and passed on to whoever is started.
        using var inherited = new System.IO.Pipes.AnonymousPipeServerStream(System.IO.Pipes.PipeDirection.In, HandleInheritability.Inheritable);
        var attempt = _bench.Attempt(Spec(["/bin/sh", "-c", "ls /proc/$$/fd"]) with { Stderr = stderr, OutputVia = route });
        await attempt.RunAsync();
        Assert.Equal("0\n1\n2\n", attempt.Output);
    }

    [Fact]
    public async Task It_leads_a_session_and_group_of_its_wrapper_without_a_terminal()
    {
        var attempt = _bench.Shell("cut -d' ' -f5-7 /proc/$$/stat");
        var run = attempt.RunAsync();
        var wrapper = await attempt.Launched;
        await run;
        Assert.Equal($"{wrapper.Pid} {wrapper.Pid} 0\n", attempt.Output);
    }

    [Fact]
    public async Task A_caller_without_PWD_gets_none()
    {
        var attempt = _bench.Attempt(Spec(["/usr/bin/env"]) with { Environment = ImmutableSortedDictionary<string, string>.Empty });
        await attempt.RunAsync();
        Assert.Equal(Marks(attempt), Lines(attempt.Output));
    }

    [Fact]
    public async Task Names_that_a_shell_drops_keeps_or_obeys_arrive_unharmed()
    {
        var variables = new Dictionary<string, string>
        {
            ["a.b"] = "dots",
            ["INPUT_X-Y"] = "q\"$z  two",
            ["-x"] = "dash",
            ["1st"] = "digit",
            ["PWD"] = "/elsewhere",
            ["OLDPWD"] = "/old",
            ["IFS"] = ":,",
            ["OPTIND"] = "abc",
            ["PPID"] = "77",
            ["LINENO"] = "zz",
            ["ENV"] = "/nonexistent",
            ["_outlast_d"] = "mine",
            ["_outlast_s"] = "yes",
            ["LD_LIBRARY_PATH"] = "/nonexistent",
            ["_"] = "u",
            ["PS4"] = "$(id)",
            ["MAIL"] = "m",
            ["TERM"] = "vt",
            ["CDPATH"] = "/",
            ["HISTSIZE"] = "q",
            ["EMPTY"] = "",
            ["BASH_FUNC_f%%"] = "() { :; }",
        }.ToImmutableSortedDictionary();
        var attempt = _bench.Attempt(Spec(["/usr/bin/env"]) with { Environment = variables });
        await attempt.RunAsync();
        Assert.Equal([.. Marks(attempt).Concat(variables.Select(v => $"{v.Key}={v.Value}")).Order(StringComparer.Ordinal)], Lines(attempt.Output));
    }

    [Fact]
    public async Task Marks_of_another_task_and_of_a_keeper_are_not_inherited()
    {
        var parent = TaskId.New(DateTimeOffset.UtcNow);
        var foreign = ProcessBench.OrdinaryEnvironment.Add("OUTLAST_TASK_ID", "x").Add("OUTLAST_ATTEMPT", "9").Add("OUTLAST_ENV_0", "y").Add("OUTLAST_KEEPER_OF", "z").Add("OUTLAST_DATA", "/q").Add("OUTLAST_PARENT_ID", "w");
        var attempt = _bench.Attempt(Spec(["/bin/sh", "-c", "env | grep ^OUTLAST_"]) with { Environment = foreign }, parent: parent);
        await attempt.RunAsync();
        Assert.Equal([.. Marks(attempt).Append($"OUTLAST_PARENT_ID={parent}").Order(StringComparer.Ordinal)], Lines(attempt.Output));
    }

    [Fact]
    public async Task No_value_of_the_environment_is_ever_seen_in_an_argument_list()
    {
        const string Secret = "s3cr3t-7f2a9c";
        var variables = ProcessBench.OrdinaryEnvironment.Add("API_KEY", Secret).Add("API.KEY", Secret).Add("PWD", "/" + Secret).Add("LD_SECRET", Secret);
        var go = Path.Combine(_bench.Data.Path, "go");
        var runs = Enumerable.Range(0, 20).Select(_ => _bench.Attempt(Spec(["/bin/sh", "-c", $"until [ -e {go} ]; do sleep 0.05; done"]) with { Environment = variables }).RunAsync()).ToList();
        var commands = new HashSet<string>();
        var clock = Stopwatch.StartNew();
        while (commands.Count < runs.Count)
        {
            Assert.True(clock.Elapsed < Eventually.Patience, "all commands run");
            Assert.DoesNotContain(runs, r => r.IsCompleted);
            foreach (var process in Directory.EnumerateDirectories("/proc"))
            {
                var line = CommandLine(process);
                Assert.DoesNotContain(Secret, line, StringComparison.Ordinal);
                if (line.StartsWith("/bin/sh\0-c\0until [ -e " + go, StringComparison.Ordinal)) commands.Add(process);
            }
        }
        await File.WriteAllTextAsync(go, "");
        Assert.All(await Task.WhenAll(runs).Soon(), o => Assert.Equal(OutcomeKind.Succeeded, o.Kind));
    }

    [Fact]
    public async Task A_program_is_found_by_the_tasks_own_path_and_is_never_a_builtin()
    {
        var bin = Directory.CreateDirectory(Path.Combine(_bench.Data.Path, "bin")).FullName;
        var program = Path.Combine(bin, "exit");
        await File.WriteAllTextAsync(program, "#!/bin/sh\necho the file, with $1\n");
        File.SetUnixFileMode(program, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        var attempt = _bench.Attempt(Spec(["exit", "7"]) with { Environment = ImmutableSortedDictionary<string, string>.Empty.Add("PATH", "/nonexistent:" + bin) });
        var outcome = await attempt.RunAsync();
        Assert.Equal(0, outcome.Exit!.Code);
        Assert.Equal("the file, with 7\n", attempt.Output);
    }

    [Fact]
    public async Task Text_is_read_from_standard_input_and_is_in_no_argument_list()
    {
        var text = string.Concat(Enumerable.Range(0, 20_000).Select(i => $"line {i}\n"));
        var attempt = _bench.Attempt(Spec(["/usr/bin/wc", "-c"]) with { Stdin = StdinSource.Of(text) });
        await attempt.RunAsync();
        Assert.Equal($"{text.Length}\n", attempt.Output);
    }

    [Fact]
    public async Task Nothing_is_read_from_standard_input_by_default()
    {
        var attempt = _bench.Shell("readlink /proc/$$/fd/0; cat; echo end");
        await attempt.RunAsync();
        Assert.Equal("/dev/null\nend\n", attempt.Output);
    }

    [Fact]
    public async Task A_command_that_reads_a_named_pipe_starts_with_its_writer_and_sees_its_end()
    {
        var attempt = _bench.Attempt(Spec(["/bin/sh", "-c", "echo began; cat; echo end"]) with { Stdin = StdinSource.Fifo });
        var run = attempt.RunAsync();
        await attempt.Launched;
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Path.Combine(attempt.Folder, "stdin")));
        await Eventually.TrueAsync(() => File.Exists(Path.Combine(attempt.Folder, "pid")), "the wrapper started");
        Assert.Equal("", attempt.Output);
        await using (var writer = new StreamWriter(new FileStream(Path.Combine(attempt.Folder, "stdin"), FileMode.Open, FileAccess.Write, FileShare.ReadWrite)))
        {
            await attempt.Printed("began");
            await writer.WriteAsync("typed\n");
        }
        await run;
        Assert.Equal("began\ntyped\nend\n", attempt.Output);
    }

    [Fact]
    public async Task Everything_in_the_attempts_folder_is_the_owners_alone()
    {
        var attempt = _bench.Attempt(Spec(["/bin/true"]) with { Umask = 0, Stdin = StdinSource.Of("x"), Stderr = StderrMode.Separate });
        await attempt.RunAsync();
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(attempt.Folder));
        Assert.All(Directory.EnumerateFiles(attempt.Folder), f => Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(f)));
    }

    private static ProcessSpec Spec(ImmutableArray<string> argv) => new() { Argv = argv, Cwd = "/", Environment = ProcessBench.OrdinaryEnvironment };

    private string[] Marks(TestAttempt attempt) => [$"OUTLAST_ATTEMPT=1", $"OUTLAST_DATA={_bench.Data.Path}", $"OUTLAST_TASK_ID={attempt.Task}"];

    private static string[] Lines(string text) => [.. text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Order(StringComparer.Ordinal)];

    private static string CommandLine(string process)
    {
        try
        {
            return File.ReadAllText(Path.Combine(process, "cmdline"));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return ""; // Not a process, or not any more.
        }
    }

    /// <summary>What the same probe prints when a shell runs it, with its output on a file.</summary>
    private async Task<string> ByShellAsync(string folder, ImmutableSortedDictionary<string, string> variables)
    {
        var file = Path.Combine(_bench.Data.Path, "reference");
        var start = new ProcessStartInfo("/bin/sh", ["-c", "umask 027; ulimit -Sn 777; exec </dev/null >\"$0\" 2>&1; exec /bin/sh -c \"$1\"", file, Probe]) { WorkingDirectory = folder };
        start.Environment.Clear();
        foreach (var (name, value) in variables) start.Environment[name] = value;
        using var process = Process.Start(start)!;
        await process.WaitForExitAsync();
        return await File.ReadAllTextAsync(file);
    }
}
