using System.Collections.Immutable;
using Outlast.Runners;
using Outlast.TestKit;
using Xunit;

namespace Outlast.IntegrationTests.Processes;

public sealed class RefusalTests : IAsyncLifetime
{
    private readonly ProcessBench _bench = new();

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await _bench.DisposeAsync();

    [Theory]
    [Trait("Requirement", "S285-1")]
    [Trait("Requirement", "U-35")]
    [Trait("Requirement", "U-02")]
    [InlineData("no-such-program", "cannot start 'no-such-program': no such file or directory")]
    [InlineData("/no/such/file", "cannot start '/no/such/file': no such file or directory")]
    [InlineData("/etc/passwd", "cannot start '/etc/passwd': permission denied")]
    [InlineData("/etc", "cannot start '/etc': permission denied")]
    [InlineData("", "cannot start '': no such file or directory")]
    public async Task What_the_system_refuses_ends_as_never_started_with_its_reason_and_leaves_nothing(string program, string reason)
    {
        var attempt = _bench.Attempt(program);
        var outcome = await attempt.RunAsync();
        Assert.Equal((OutcomeKind.Failed, EndCause.NeverStarted, reason), (outcome.Kind, outcome.Cause, outcome.Reason));
        Assert.Null(outcome.Exit);
        AssertNothingLeft();
        Assert.False(attempt.Launched.IsCompleted);
    }

    [Theory]
    [InlineData("exit")]
    [InlineData("cd")]
    [InlineData("set")]
    [InlineData("eval")]
    public async Task A_shell_builtin_is_no_program(string builtin)
    {
        var outcome = await _bench.Attempt(builtin, "7").RunAsync();
        Assert.Equal(EndCause.NeverStarted, outcome.Cause);
        AssertNothingLeft();
    }

    [Fact]
    public async Task What_the_system_cannot_pass_on_whole_is_refused()
    {
        var spec = new ProcessSpec { Argv = ["echo", "a\0b"], Cwd = "/", Environment = ProcessBench.OrdinaryEnvironment };
        Assert.EndsWith("contains a NUL character", (await _bench.Attempt(spec).RunAsync()).Reason);
        Assert.EndsWith("'A=B' is no name of a variable", (await _bench.Attempt(spec with { Argv = ["true"], Environment = spec.Environment.Add("A=B", "c") }).RunAsync()).Reason);
        Assert.EndsWith("argument list too long", (await _bench.Attempt(spec with { Argv = ["true", new string('x', 200_000)] }).RunAsync()).Reason);
        AssertNothingLeft();
    }

    [Fact]
    public async Task A_missing_folder_is_named()
    {
        var outcome = await _bench.Attempt(Spec("true", "/no/such/folder")).RunAsync();
        Assert.Equal("cannot start 'true': its folder '/no/such/folder' cannot be entered: no such file or directory", outcome.Reason);
        AssertNothingLeft();
    }

    [Fact]
    public async Task A_folder_that_is_a_file_is_named()
    {
        var outcome = await _bench.Attempt(Spec("true", "/etc/passwd")).RunAsync();
        Assert.Equal(EndCause.NeverStarted, outcome.Cause);
        Assert.Contains("'/etc/passwd' cannot be entered", outcome.Reason);
        AssertNothingLeft();
    }

    [Fact]
    [Trait("Requirement", "U-02")]
    public async Task A_script_whose_interpreter_is_missing_is_refused_inside_the_wrapper_and_the_next_host_says_the_same()
    {
        var attempt = _bench.Attempt(Script("#!/no/such/interpreter\n"));
        var outcome = await attempt.RunAsync();
        Assert.Equal((OutcomeKind.Failed, EndCause.NeverStarted), (outcome.Kind, outcome.Cause));
        Assert.EndsWith(": not found", outcome.Reason);
        attempt.SeenByNextHost(await attempt.Launched);
        Assert.Equal(FindingKind.Ended, (await attempt.ExamineAsync()).Kind);
        Assert.Equal((outcome.Kind, outcome.Cause, outcome.Reason), await AdoptedAsync());
        // The wrapper was killed before it could write how it ended.
        await File.WriteAllTextAsync(Path.Combine(attempt.Folder, "exit"), "");
        Assert.Equal(FindingKind.Ended, (await attempt.ExamineAsync()).Kind);
        Assert.Equal((outcome.Kind, outcome.Cause, outcome.Reason), await AdoptedAsync());

        async Task<(OutcomeKind, EndCause, string?)> AdoptedAsync() => await attempt.AdoptAsync().Soon() is var again ? (again.Kind, again.Cause, again.Reason) : default;
    }

    [Fact]
    public async Task A_program_of_another_machine_is_not_read_as_a_script()
    {
        byte[] program = [0x7f, (byte)'E', (byte)'L', (byte)'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0xF3, 0, 1, 0, 0, 0]; // RISC-V
        var outcome = await _bench.Attempt(Executable(program)).RunAsync();
        Assert.Equal(EndCause.NeverStarted, outcome.Cause);
        Assert.EndsWith("exec format error", outcome.Reason);
    }

    [Fact]
    public async Task A_script_without_an_interpreter_line_runs_as_from_a_shell()
    {
        var attempt = _bench.Attempt(Script("echo from the shell\n"));
        Assert.Equal(OutcomeKind.Succeeded, (await attempt.RunAsync()).Kind);
        Assert.Equal("from the shell\n", attempt.Output);
    }

    [Theory]
    [InlineData(125)]
    [InlineData(126)]
    [InlineData(127)]
    public async Task A_commands_own_code_is_never_taken_for_a_refusal(int code)
    {
        var outcome = await _bench.Shell($"exit {code}").RunAsync();
        Assert.Equal((EndCause.Exit, code), (outcome.Cause, outcome.Exit!.Code));
    }

    [Fact]
    [Trait("Requirement", "U-35")]
    public async Task A_stop_of_a_refused_launch_finds_nothing_and_says_so()
    {
        var attempt = _bench.Attempt("no-such-program");
        await attempt.RunAsync();
        Assert.Empty((await attempt.StopAsync()).Survivors);
    }

    private string Script(string text) => Executable(System.Text.Encoding.UTF8.GetBytes(text));

    private string Executable(byte[] content)
    {
        var file = Path.Combine(_bench.Data.Path, "program");
        File.WriteAllBytes(file, content);
        File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        return file;
    }

    private void AssertNothingLeft() => Assert.False(Directory.Exists(_bench.Data.Tasks) && Directory.EnumerateFileSystemEntries(_bench.Data.Tasks).Any(), "a refused launch leaves no folder");

    private static ProcessSpec Spec(string program, string folder) => new() { Argv = [program], Cwd = folder, Environment = ProcessBench.OrdinaryEnvironment };
}
