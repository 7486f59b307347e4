using System.Collections.Immutable;
using System.Text.Json;
using static Outlast.TestKit.StoredTasks;

namespace Outlast.TestKit;

/// <summary>Records in which every field has a value, so that one that a store forgets is missed.</summary>
public static class FullRecords
{
    private static readonly ImmutableSortedDictionary<string, long> Measured = ImmutableSortedDictionary<string, long>.Empty.Add("idleMs", 1_800_321).Add("limitMs", 1_800_000);

    /// <summary>A child that is asked to stop, with all that an open record can have.</summary>
    public static TaskRecord Stopping(TaskRecord parent) => Queued(FullSpec(), parent) with
    {
        State = TaskState.Stopping,
        Attempt = 3,
        Resumes = true,
        Claim = new TaskClaim(HostId.OfEpoch(7), FencingToken.Of(7, 4_000_000_000)),
        OpenChildren = 2,
        OpenBelow = 5,
        EverBelow = 9,
        Below = new EndedBelow(1L << 40, 3, ["task 8: 4711 sleep"]),
        RetryOf = TaskId.New(Start.AddSeconds(-5)),
        Outcome = FullOutcome(),
        Stop = new StopRequest
        {
            Cause = EndCause.Inactivity,
            Actor = new Actor(ActorType.Rule, "inactivity", "watch"),
            Reason = "silent",
            RequestedAt = Start.AddTicks(1_234_567),
            Now = true,
            Measured = Measured,
            NoRetry = true,
        },
        Question = new Question("Which branch?", Start, Start.AddHours(1), "main", new QuestionAnswer("dev", new Actor(ActorType.User, "uid 1000", "cli"), Start.AddMinutes(1)))
        {
            Choices = ["main", "dev"],
            Name = "branch",
        },
        Limits = new TaskLimits(TimeSpan.FromTicks(1), null, TimeSpan.MaxValue),
        TimeoutWarned = TimeSpan.FromTicks(7),
        Process = new ProcessFacts(4711, 4712, "boot", long.MaxValue),
        Adoptions = 4,
        FirstInLine = true,
        NotBefore = Start.AddTicks(1),
        StartedAt = Start.ToOffset(TimeSpan.FromHours(2)),
        Paused = TimeSpan.FromTicks(-77),
        Output = new OutputFacts(1, 2, 3, long.MaxValue),
        Annotations = [new Annotation(Start, "quotes \" and \\ and 日本 and \u0001"), new Annotation(Start.AddTicks(1), "")],
    };

    /// <summary>An ended record with all that an end can have.</summary>
    public static TaskRecord Ended(TaskRecord parent) => Queued(FullSpec() with { Process = null, Handler = "sum" }, parent) with
    {
        State = TaskState.TimedOut,
        Attempt = 1,
        StartedAt = Start,
        EndedAt = Start.AddTicks(99),
        End = new TaskEnd
        {
            State = TaskState.TimedOut,
            Cause = EndCause.StartDeadline,
            Reason = "late",
            Actor = Actor.Rule("start_deadline"),
            Measured = Measured,
            Exit = new ExitFacts(143, "TERM", ["TERM", "CONT"]),
            Error = new ErrorFacts("System.Exception", "no", "at X"),
            Result = JsonElement.Parse("""{"a":[1,2.50,"x",null,true]}"""),
            Evidence = ["exit record", ""],
            Leftovers = [new Survivor(1, 2, "sleep 9")],
            Resources = new ResourceFacts(TimeSpan.FromTicks(3), TimeSpan.FromTicks(4), 5),
        },
    };

    private static TaskSpec FullSpec() => new()
    {
        Name = "full",
        Session = "s'1\";",
        Group = "nightly",
        Notify = NotifyPolicy.Failures,
        Priority = -7,
        Budget = new TreeBudget(TimeSpan.FromHours(1), 1 << 20, 50),
        TraceParent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        Input = JsonElement.Parse("""{"n":1}"""),
        Labels = ImmutableSortedDictionary<string, string>.Empty.Add("repo", "x").Add("", "empty key").Add("empty", ""),
        Timeout = TimeSpan.FromTicks(1),
        IdleTimeout = TimeSpan.FromDays(3_000),
        IdleWarning = TimeSpan.Zero,
        StopGrace = TimeSpan.Zero,
        StartBy = Start.AddTicks(3),
        NotBefore = Start.AddTicks(2),
        Repeatable = true,
        RefuseWhenFull = true,
        Detached = true,
        Children = ChildPolicy.Detach,
        Retry = new RetryPolicy(3, TimeSpan.FromSeconds(1), RetryOn.Failed | RetryOn.TimedOut),
        Process = new ProcessSpec
        {
            Argv = ["/bin/echo", "", "a b", "日本", "\n"],
            Cwd = "/w",
            Environment = ImmutableSortedDictionary<string, string>.Empty.Add("A", "").Add("a.b", "=\"").Add("Z", "\t"),
            Stdin = StdinSource.Of("in\n"),
            Stderr = StderrMode.Separate,
            OutputVia = OutputRoute.File,
            OutputCap = 0,
            OutputPolicy = OutputPolicy.Stop,
            Leftovers = LeftoverPolicy.Keep,
            StopSignal = "INT",
            Umask = 18,
            OpenFiles = 1_024,
        },
    };

    private static TaskOutcome FullOutcome() => new()
    {
        Kind = OutcomeKind.Interrupted,
        Cause = EndCause.Error,
        Reason = "broken off",
        Exit = new ExitFacts(7, null, []),
        Error = new ErrorFacts("E", "m", null),
        Result = JsonElement.Parse("0"),
        Evidence = ["seen"],
        Leftovers = [new Survivor(9, 8, "x")],
        Resources = new ResourceFacts(TimeSpan.Zero, null, null),
        Output = new OutputFacts(9, 0, 0, 0),
    };
}
