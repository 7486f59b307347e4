using Outlast.Cli;
using Outlast.Client;
using Xunit;

namespace Outlast.Tests.Cli;

public sealed class ExitCodeTests
{
    [Theory]
    [InlineData("completed", "exit", 0, 0)]
    [InlineData("failed", "exit", 7, 7)]
    [InlineData("failed", "exit", 137, 137)]
    [InlineData("failed", "never_started", null, 125)]
    [InlineData("failed", "output_limit", 0, 1)]
    [InlineData("failed", "output_limit", 143, 143)]
    [InlineData("failed", "error", null, 125)]
    [InlineData("timed_out", "deadline", 143, 124)]
    [InlineData("timed_out", "inactivity", 0, 124)]
    [InlineData("stopped", "user", 143, 130)]
    [InlineData("stopped", "parent", 0, 130)]
    [InlineData("lost", "host_lost", null, 125)]
    [InlineData("completed", "error", null, 0)]
    public void The_exit_code_says_how_the_task_ended(string state, string cause, int? exitCode, int expected) =>
        Assert.Equal(expected, ExitCodes.Of(Tasks.Ended(state, cause, exitCode)));

    [Theory]
    [InlineData("idleTimeout", "run", "--idle-timeout")]
    [InlineData("idleTimeout", "extend", "--idle")]
    [InlineData("timeout", "run", "--timeout")]
    [InlineData("process.stopSignal", "run", "--stop-signal")]
    [InlineData("process.envExact.A", "run", "--env")]
    [InlineData("process.argv[0]", "run", "the command")]
    [InlineData("labels.x", "run", "--label")]
    [InlineData("state", "ps", "--state")]
    public void A_bad_field_is_named_as_its_option_is_typed(string field, string verb, string option) => Assert.Equal(option, Problems.Option(field, verb));
}

/// <summary>Tasks as a host would tell them.</summary>
internal static class Tasks
{
    public static TaskView Running(long number = 1, string name = "build", params string[] argv) => new()
    {
        Id = TaskId.New(DateTimeOffset.UnixEpoch.AddDays(20000)).ToString(),
        Number = number,
        Kind = "process",
        Name = name,
        State = TaskStateNames.Running,
        Root = "",
        Attempt = 1,
        Spec = new() { Process = new() { Argv = argv.Length > 0 ? argv : ["make", "-j2"], Cwd = "/w", Stdin = StdinView.None } },
        Output = new(0, 0, 0, 0),
        CreatedAt = DateTimeOffset.UnixEpoch.AddDays(20000),
        StartedAt = DateTimeOffset.UnixEpoch.AddDays(20000),
    };

    public static TaskView Ended(string state, string cause, int? exitCode) => Running() with
    {
        State = state,
        EndedAt = DateTimeOffset.UnixEpoch.AddDays(20000).AddSeconds(5),
        End = new() { State = state, Cause = cause, ExitCode = exitCode, Reason = $"exit code {exitCode}" },
    };
}
