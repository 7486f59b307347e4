using System.Text.RegularExpressions;
using Outlast.Client;
using Outlast.Tests.Conventions;

namespace Outlast.Tests;

public sealed class NamesTests
{
    [Theory]
    [InlineData(TaskState.TimedOut, "timed_out")]
    [InlineData(EndCause.HostLost, "host_lost")]
    [InlineData(EndCause.StartDeadline, "start_deadline")]
    [InlineData(TaskKind.Process, "process")]
    [InlineData(OutputPolicy.KeepEnds, "keep-ends")]
    [InlineData(ActorType.Rule, "rule")]
    [InlineData(TaskEventType.StopRequested, "task.stop_requested")]
    [InlineData(TaskEventType.HostStarted, "host.started")]
    [InlineData(TaskEventType.Settled, "task.settled")]
    [InlineData(TaskEventType.Ended, "task.ended")]
    public void Values_are_written_as_the_contract_says<T>(T value, string name) where T : struct, Enum
    {
        Assert.Equal(name, Names.Of(value));
        Assert.Equal(value, Names.Parse<T>(name));
    }

    [Fact]
    [Trait("Requirement", "S2293-14")]
    public void Every_value_has_one_name_and_reads_back()
    {
        Check<TaskState>();
        Check<EndCause>();
        Check<TaskKind>();
        Check<ActorType>();
        Check<TaskEventType>();
        Check<CheckLevel>();
        Check<OutcomeKind>();
        Check<ChildPolicy>();
        Check<StdinKind>();
        Check<StderrMode>();
        Check<OutputRoute>();
        Check<OutputPolicy>();
        Check<LeftoverPolicy>();

        static void Check<T>() where T : struct, Enum
        {
            Assert.Equal(Enum.GetValues<T>(), Names.All<T>().Select(Names.Parse<T>));
            Assert.All(Names.All<T>(), name => Assert.Matches(@"^((task|host)\.)?[a-z]+([_-][a-z]+)*$", name));
        }
    }

    [Theory]
    [InlineData("TimedOut")]
    [InlineData("timedOut")]
    [InlineData("TIMED_OUT")]
    [InlineData(" timed_out")]
    [InlineData("6")]
    [InlineData("")]
    [InlineData(null)]
    public void Nothing_else_is_a_name(string? text)
    {
        Assert.False(Names.TryParse<TaskState>(text, out _));
        if (text is not null) Assert.Contains("timed_out", Assert.Throws<FormatException>(() => Names.Parse<TaskState>(text)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_number_that_is_no_value_has_no_name() => Assert.Throws<ArgumentOutOfRangeException>(() => Names.Of((TaskState)99));

    [Fact]
    [Trait("Requirement", "S2293-14")]
    public void Clients_and_store_know_exactly_these_states()
    {
        Assert.Equal(Names.All<TaskState>(), TaskStateNames.All);
        Assert.All(Enum.GetValues<TaskState>(), s => Assert.Equal(s.IsTerminal(), TaskStateNames.IsTerminal(Names.Of(s))));

        var schema = string.Join('\n', Directory.EnumerateFiles(Repository.File("src", "Outlast.Sqlite", "Schema"), "*.sql").Select(File.ReadAllText));
        var check = Regex.Match(schema, @"CHECK \(state IN \(([^)]*'queued'[^)]*)\)\)");
        Assert.Equal(Names.All<TaskState>(), Regex.Matches(check.Groups[1].Value, "'([a-z_]+)'").Select(m => m.Groups[1].Value));
    }
}
