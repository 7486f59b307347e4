using System.Security.Cryptography;
using Outlast.Runners;
using Outlast.TestKit;
using Xunit;

namespace Outlast.IntegrationTests.Processes;

public sealed class OutputTests : IAsyncLifetime
{
    private readonly ProcessBench _bench = new();

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await _bench.DisposeAsync();

    [Theory]
    [InlineData(OutputRoute.Pipe)]
    [InlineData(OutputRoute.File)]
    public async Task A_flood_arrives_whole(OutputRoute route)
    {
        const long Size = 200_000_000;
        var attempt = _bench.Attempt(Shell($"yes 0123456789abcdef | head -c {Size}") with { OutputVia = route });
        var outcome = await attempt.RunAsync();
        Assert.Equal(new OutputFacts(Size, 0, 0, 0), outcome.Output);
        var line = "0123456789abcdef\n"u8.ToArray();
        using var expected = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var block = Enumerable.Repeat(line, 10_000).SelectMany(l => l).ToArray();
        for (var rest = Size; rest > 0; rest -= block.Length) expected.AppendData(block, 0, (int)Math.Min(rest, block.Length));
        await using var log = File.OpenRead(Path.Combine(attempt.Folder, "output.log"));
        Assert.Equal(Convert.ToHexString(expected.GetHashAndReset()), Convert.ToHexString(await SHA256.HashDataAsync(log)));
    }

    [Theory]
    [InlineData(OutputRoute.Pipe)]
    [InlineData(OutputRoute.File)]
    public async Task Standard_error_may_have_a_log_of_its_own(OutputRoute route)
    {
        var attempt = _bench.Attempt(Shell("echo out; echo error >&2; echo out") with { Stderr = StderrMode.Separate, OutputVia = route });
        var outcome = await attempt.RunAsync();
        Assert.Equal("out\nout\n", attempt.Output);
        Assert.Equal("error\n", await File.ReadAllTextAsync(Path.Combine(attempt.Folder, "error.log")));
        Assert.Equal(new OutputFacts(8, 6, 0, 0), outcome.Output);
    }

    [Fact]
    [Trait("Requirement", "D6")]
    public async Task Two_tasks_that_print_at_once_do_not_mix()
    {
        var attempts = Enumerable.Range(0, 4).Select(i => _bench.Shell($"i=0; while [ $i -lt 2000 ]; do echo task {i}; i=$((i+1)); done")).ToList();
        await Task.WhenAll(attempts.Select(a => a.RunAsync()));
        for (var i = 0; i < attempts.Count; i++) Assert.Equal(string.Concat(Enumerable.Repeat($"task {i}\n", 2000)), attempts[i].Output);
    }

    [Fact]
    [Trait("Requirement", "U-21")]
    public async Task A_command_that_closes_its_output_lives_on_and_ends_with_its_own_code()
    {
        var go = Path.Combine(_bench.Data.Path, "go");
        var attempt = _bench.Shell($"echo up; exec >&- 2>&-; until [ -e {go} ]; do sleep 0.02; done; exit 4");
        var run = attempt.RunAsync();
        await attempt.Printed("up");
        Assert.True(attempt.Measure().Processes >= 2);
        Assert.False(run.IsCompleted);
        await File.WriteAllTextAsync(go, "");
        Assert.Equal(4, (await run.Soon()).Exit!.Code);
    }

    [Fact]
    [Trait("Requirement", "V-16")]
    [Trait("Requirement", "V-46")]
    [Trait("Requirement", "U-21")]
    public async Task The_end_is_the_exit_not_the_end_of_the_pipe_and_names_what_is_left()
    {
        var attempt = _bench.Shell("sleep 300 & echo $!; exit 3");
        var outcome = await attempt.RunAsync().Soon();
        Assert.Equal(3, outcome.Exit!.Code);
        var leftover = Assert.Single(outcome.Leftovers);
        Assert.Equal(int.Parse(attempt.Output), leftover.Pid);
        Assert.Equal("sleep 300", leftover.Command);
        Assert.Contains(outcome.Evidence, e => e.Contains("held the output open", StringComparison.Ordinal));
        Assert.True(ProcessBench.IsAlive(leftover.Pid));
        Assert.Empty((await attempt.StopAsync(now: true)).Survivors);
        Assert.False(ProcessBench.IsAlive(leftover.Pid));
    }

    [Fact]
    [Trait("Requirement", "U-21")]
    public async Task A_leftover_with_a_session_and_output_of_its_own_is_named_too()
    {
        var attempt = _bench.Shell("setsid sleep 300 >/dev/null 2>&1 & sleep 0.1; exit 0");
        var outcome = await attempt.RunAsync().Soon();
        Assert.Equal("sleep 300", Assert.Single(outcome.Leftovers).Command);
        Assert.Empty(outcome.Evidence);
        await attempt.StopAsync(now: true);
    }

    [Fact]
    public async Task Through_the_pipe_nothing_that_a_command_does_can_damage_the_log()
    {
        var attempt = _bench.Shell("i=0; while [ $i -lt 1000 ]; do echo line $i; i=$((i+1)); done; echo x > /dev/stderr; echo y > /dev/stdout; echo z");
        var outcome = await attempt.RunAsync();
        Assert.Equal(string.Concat(Enumerable.Range(0, 1000).Select(i => $"line {i}\n")) + "x\ny\nz\n", attempt.Output);
        Assert.Equal(0, outcome.Output!.LostBytes);
        Assert.Empty(attempt.Annotations);
    }

    [Fact]
    [Trait("Requirement", "V-78")]
    public async Task A_log_that_its_command_cuts_is_noticed_and_the_idiom_is_named()
    {
        var go = Path.Combine(_bench.Data.Path, "go");
        var attempt = _bench.Attempt(Shell($"i=0; while [ $i -lt 1000 ]; do echo line $i; i=$((i+1)); done; echo whole; until [ -e {go} ]; do sleep 0.02; done; echo x > /dev/stderr; echo z") with { OutputVia = OutputRoute.File });
        var run = attempt.RunAsync();
        await attempt.Printed("whole");
        var before = attempt.Measure().Output.Bytes;
        await File.WriteAllTextAsync(go, "");
        var outcome = await run.Soon();
        Assert.Equal("x\nz\n", attempt.Output);
        Assert.Equal(4, outcome.Output!.Bytes);
        Assert.Equal(before - 4, outcome.Output.LostBytes);
        Assert.Contains("> /dev/stderr", Assert.Single(attempt.Annotations), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_killed_reader_of_the_pipe_costs_at_most_what_is_counted_and_the_command_lives_on()
    {
        var go = Path.Combine(_bench.Data.Path, "go");
        var attempt = _bench.Shell($"echo up; until [ -e {go} ]; do sleep 0.02; done; i=0; while [ $i -lt 500 ]; do echo line $i; i=$((i+1)); done");
        var run = attempt.RunAsync();
        await attempt.Printed("up");
        var reader = KeepersOf(attempt).Single(p => File.ReadAllText($"/proc/{p}/comm") == "dd\n");
        System.Diagnostics.Process.GetProcessById(reader).Kill();
        // A dying reader may still take what is in the pipe; that is what is counted.
        await Eventually.TrueAsync(() => !ProcessBench.IsAlive(reader), "it is dead");
        await File.WriteAllTextAsync(go, "");
        var outcome = await run.Soon();
        Assert.Equal(0, outcome.Exit!.Code);
        Assert.EndsWith("line 499\n", attempt.Output, StringComparison.Ordinal);
        Assert.Equal(65536, outcome.Output!.LostBytes);
        Assert.Contains("65536 bytes of output are missing", Assert.Single(attempt.Annotations), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Signals_to_the_group_do_not_reach_the_keeper()
    {
        var attempt = _bench.Shell("trap 'echo asked; exit 0' TERM; echo up; while :; do sleep 0.02; done");
        var run = attempt.RunAsync();
        await attempt.Printed("up");
        var keepers = KeepersOf(attempt);
        await attempt.StopAsync();
        Assert.Equal(0, (await run.Soon()).Output!.LostBytes);
        Assert.EndsWith("asked\n", attempt.Output, StringComparison.Ordinal);
        Assert.NotEmpty(keepers);
        await Eventually.TrueAsync(() => !keepers.Any(ProcessBench.IsAlive), "the keeper ends with the last writer");
    }

    [Fact]
    public async Task Vitals_grow_with_output_processor_time_and_births()
    {
        var attempt = _bench.Shell("echo up; until [ -e $OUTLAST_DATA/go ]; do sleep 0.02; done; i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done; sleep 0.01; echo more; sleep 300");
        var run = attempt.RunAsync();
        await attempt.Printed("up");
        var before = attempt.Measure();
        Assert.Equal(3, before.Output.Bytes);
        Assert.NotNull(before.LastOutputAt);
        Assert.True(before.PeakBytes > 100_000);
        Assert.True(before.MemoryBytes >= before.PeakBytes / 2);
        await File.WriteAllTextAsync(Path.Combine(_bench.Data.Path, "go"), "");
        await attempt.Printed("more");
        var after = attempt.Measure();
        Assert.Equal(8, after.Output.Bytes);
        Assert.True(after.Cpu > before.Cpu);
        Assert.True(after.Births > before.Births);
        await attempt.StopAsync(now: true);
        var outcome = await run.Soon();
        Assert.True(outcome.Resources!.Cpu >= after.Cpu);
        Assert.True(outcome.Resources.PeakBytes >= after.PeakBytes);
    }

    [Fact]
    public async Task A_large_memory_peak_is_told_even_if_nobody_measured()
    {
        var attempt = _bench.Attempt("perl", "-e", "my $x = 'x' x 600_000_000; exit 0");
        var peak = (await attempt.RunAsync()).Resources!.PeakBytes;
        Assert.InRange(peak!.Value, 600_000_000, 1_500_000_000);
    }

    [Fact]
    public async Task The_hosts_own_memory_is_not_taken_for_the_commands()
    {
        var peak = (await _bench.Attempt("true").RunAsync()).Resources!.PeakBytes;
        Assert.True(peak is null or < 20_000_000, $"{peak}");
    }

    [Fact]
    [Trait("Requirement", "V-78")]
    public async Task An_attempts_folder_that_is_removed_while_it_runs_does_not_lose_its_end()
    {
        var go = Path.Combine(_bench.Data.Path, "go");
        var attempt = _bench.Shell($"echo up; until [ -e {go} ]; do sleep 0.02; done; echo more; exit 6");
        var run = attempt.RunAsync();
        await attempt.Printed("up");
        Directory.Delete(attempt.Folder, recursive: true);
        await File.WriteAllTextAsync(go, "");
        var outcome = await run.Soon();
        Assert.Equal((OutcomeKind.Failed, EndCause.Exit, 6), (outcome.Kind, outcome.Cause, outcome.Exit!.Code));
        Assert.Contains(outcome.Evidence, e => e.Contains("exit record could not be written", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_folder_that_is_removed_under_a_command_does_not_disturb_it()
    {
        var folder = Directory.CreateDirectory(Path.Combine(_bench.Data.Path, "cwd")).FullName;
        var go = Path.Combine(_bench.Data.Path, "go");
        var attempt = _bench.Attempt(Shell($"echo up; until [ -e {go} ]; do sleep 0.02; done; exit 2") with { Cwd = folder });
        var run = attempt.RunAsync();
        await attempt.Printed("up");
        Directory.Delete(folder);
        await File.WriteAllTextAsync(go, "");
        Assert.Equal(2, (await run.Soon()).Exit!.Code);
    }

    private static ProcessSpec Shell(string script) => new() { Argv = ["/bin/sh", "-c", script], Cwd = "/", Environment = ProcessBench.OrdinaryEnvironment };

    private static List<int> KeepersOf(TestAttempt attempt) =>
    [
        .. Directory.EnumerateDirectories("/proc").Select(d => int.TryParse(Path.GetFileName(d), out var pid) ? pid : 0).Where(pid => pid > 0 && Serves(pid, attempt.Task)),
    ];

    private static bool Serves(int pid, TaskId task)
    {
        try
        {
            return File.ReadAllText($"/proc/{pid}/environ").Contains($"OUTLAST_KEEPER_OF={task}", StringComparison.Ordinal);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }
}
