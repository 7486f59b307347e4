using System.Collections.Immutable;
using System.Diagnostics;
using Outlast.TestKit;
using Xunit;

namespace Outlast.IntegrationTests.Faults.Checking;

/// <summary>The checker must find every fault that is planted, and nothing where nothing is wrong.</summary>
public sealed class CheckerTests
{
    private const string Id = "01k9zq2m9xe4q1dz5w3h7t8v0a";
    private static readonly DateTimeOffset Noon = new(2026, 11, 20, 12, 0, 0, TimeSpan.Zero);
    private static readonly PlannedTask Plan = new("build", new(1, 100), 7, Repeatable: false);

    private static Evidence Clean => new()
    {
        Plans = ImmutableDictionary<string, PlannedTask>.Empty.Add("build", Plan),
        Acknowledged = [new(Id, "build")],
        Starts = [new(Id, 1, 4711, 812345)],
        Ends = [new(Id, 1, 4711, Noon)],
        Answers = Answer(new HostAnswer(Id, "build", "failed", "exit", 7, 1, Noon.AddMilliseconds(5)) { Output = Plan.Output.Whole, Session = "s" }),
        Inboxes = [Came(4), Came(4), Acknowledged],
        ReadToTheEnd = ["s"],
        MarksSeen = [Id],
        Followed = [new(Id, Plan.Output.Whole, SawEnd: true), new(Id, Plan.Output.Prefix(17), SawEnd: false)],
    };

    private static InboxEntry Came(long seq) => new("s", $"task:{Id}:ended", seq, Acknowledged: false);

    private static InboxEntry Acknowledged => Came(0) with { Acknowledged = true };

    private static HostAnswer CleanAnswer => Clean.Answers[Id];

    [Fact]
    public void A_clean_run_has_no_violation() => Assert.Empty(Checker.Judge(Clean));

    [Fact]
    public void A_stopped_task_may_have_any_beginning_of_its_output() => Assert.Empty(Checker.Judge(Clean with
    {
        StopsAsked = [Id],
        Ends = [],
        Followed = [],
        Answers = Answer(CleanAnswer with { State = "stopped", Cause = "user", ExitCode = 143, Output = Plan.Output.Prefix(20) }),
    }));

    [Fact]
    public void A_task_stopped_in_the_queue_never_started() => Assert.Empty(Checker.Judge(Clean with
    {
        StopsAsked = [Id],
        Starts = [],
        Ends = [],
        Followed = [],
        Answers = Answer(CleanAnswer with { State = "stopped", Cause = "user", ExitCode = null, Attempt = 0, Output = Digest.Empty }),
    }));

    [Fact]
    public void A_repeatable_task_may_have_several_attempts() => Assert.Empty(Checker.Judge(Clean with
    {
        Plans = Clean.Plans.SetItem("build", Plan with { Repeatable = true }),
        Starts = [.. Clean.Starts, new(Id, 2, 4800, 812400)],
        Ends = [new(Id, 2, 4800, Noon)],
        Answers = Answer(CleanAnswer with { Attempt = 2 }),
    }));

    public static TheoryData<string> Planted => [.. Faults.Keys];

    [Theory]
    [MemberData(nameof(Planted))]
    public void A_planted_fault_is_found(string name)
    {
        var (expected, plant) = Faults[name];
        var found = Checker.Judge(plant(Clean));
        Assert.Contains(found, v => v.Kind == expected);
        Assert.All(found, v => Assert.Equal(Id, v.Task));
    }

    private static readonly Dictionary<string, (ViolationKind Expected, Func<Evidence, Evidence> Plant)> Faults = new()
    {
        ["a loss"] = (ViolationKind.Missing, e => e with { Answers = e.Answers.Clear() }),
        ["a process of a lost task"] = (ViolationKind.UnknownProcess, e => e with { Acknowledged = [], Answers = e.Answers.Clear() }),
        ["a process that was only seen"] = (ViolationKind.UnknownProcess, e => e with { Acknowledged = [], Starts = [], Answers = e.Answers.Clear() }),
        ["an attempt that the record does not know"] = (ViolationKind.UnknownProcess, e => e with { Starts = [new(Id, 2, 4711, 812345)] }),
        ["a double acceptance"] = (ViolationKind.AcceptedTwice, e => e with { Answers = e.Answers.Add(OtherId, CleanAnswer with { Id = OtherId, Session = null }), Ends = [.. e.Ends, new(OtherId, 1, 1, Noon)] }),
        ["a double run of one attempt"] = (ViolationKind.StartedTwice, e => e with { Starts = [.. e.Starts, new(Id, 1, 4712, 812346)] }),
        ["a repetition that nobody allowed"] = (ViolationKind.RepeatedUnasked, e => e with
        {
            Starts = [.. e.Starts, new(Id, 2, 4712, 812346)],
            Ends = [new(Id, 2, 4712, Noon)],
            Answers = Answer(CleanAnswer with { Attempt = 2 }),
        }),
        ["a repetition without need"] = (ViolationKind.RepeatedUnasked, e => e with
        {
            NoAttemptCanBeLost = true,
            Plans = e.Plans.SetItem("build", Plan with { Repeatable = true }),
            Ends = [new(Id, 2, 4712, Noon)],
            Answers = Answer(CleanAnswer with { Attempt = 2 }),
        }),
        ["an end while the process lives"] = (ViolationKind.EndedAlive, e => e with { Alive = [new(4711, 812345, Id, "sh")] }),
        ["an end before the end"] = (ViolationKind.EarlyEnd, e => e with { Ends = [new(Id, 1, 4711, Noon.AddSeconds(1))] }),
        ["an end without an end"] = (ViolationKind.EarlyEnd, e => e with { Ends = [] }),
        ["an end without a start"] = (ViolationKind.EarlyEnd, e => e with { Starts = [], Ends = [] }),
        ["an end of another attempt"] = (ViolationKind.EarlyEnd, e => e with { Answers = Answer(CleanAnswer with { Attempt = 2 }) }),
        ["a wrong exit code"] = (ViolationKind.FalseEnd, e => e with { Answers = Answer(CleanAnswer with { ExitCode = 0 }) }),
        ["completed with an exit code"] = (ViolationKind.FalseEnd, e => e with { Answers = Answer(CleanAnswer with { State = "completed" }) }),
        ["a stop that nobody asked for"] = (ViolationKind.FalseEnd, e => e with { Answers = Answer(CleanAnswer with { State = "stopped", Cause = "user" }) }),
        ["a stop by another cause"] = (ViolationKind.FalseEnd, e => e with { StopsAsked = [Id], Answers = Answer(CleanAnswer with { State = "stopped", Cause = "shutdown" }) }),
        ["lost"] = (ViolationKind.LostUnproved, e => e with { Answers = Answer(CleanAnswer with { State = "lost", Cause = "host_lost" }) }),
        ["for ever running"] = (ViolationKind.NotTerminal, e => e with { Answers = Answer(CleanAnswer with { State = "running", Cause = null }) }),
        ["two terminal events"] = (ViolationKind.SettledEvents, e => e with { Answers = Answer(CleanAnswer with { SettledEvents = 2 }) }),
        ["no terminal event"] = (ViolationKind.SettledEvents, e => e with { Answers = Answer(CleanAnswer with { SettledEvents = 0 }) }),
        ["an end that nobody was told of"] = (ViolationKind.NoticeMissing, e => e with { Inboxes = [] }),
        ["an end that was told under two keys"] = (ViolationKind.NoticeMissing, e => e with { Inboxes = [.. e.Inboxes, Came(5) with { Key = $"task:{Id}:again:ended" }] }),
        ["a notice after its acknowledgement"] = (ViolationKind.NoticeAgain, e => e with { Inboxes = [.. e.Inboxes, Came(4)] }),
        ["a notice after a later one"] = (ViolationKind.NoticeDisordered, e => e with { Inboxes = [Came(4), Came(3) with { Key = $"task:{Id}:warning:2" }] }),
        ["another session's notice"] = (ViolationKind.NoticeForeign, e => e with { Inboxes = [.. e.Inboxes, Came(4) with { Session = "t" }] }),
        ["a cut at the end"] = (ViolationKind.OutputCut, e => e with { Answers = Answer(CleanAnswer with { Output = Plan.Output.Prefix(Plan.Output.Whole.Length - 1) }) }),
        ["no output at all"] = (ViolationKind.OutputCut, e => e with { Answers = Answer(CleanAnswer with { Output = Digest.Empty }) }),
        ["a cut in the middle"] = (ViolationKind.OutputForeign, e => e with { Answers = Answer(CleanAnswer with { Output = Digest.Of("1\n2\n4\n"u8) }) }),
        ["a part that came twice"] = (ViolationKind.OutputForeign, e => e with { Answers = Answer(CleanAnswer with { Output = Digest.Of("1\n1\n2\n"u8) }) }),
        ["a follower cut short"] = (ViolationKind.OutputCut, e => e with { Followed = [new(Id, Plan.Output.Prefix(3), SawEnd: true)] }),
        ["a follower with a hole"] = (ViolationKind.OutputForeign, e => e with { Followed = [new(Id, Digest.Of("2\n"u8), SawEnd: false)] }),
        ["a wrong beginning of a stopped task"] = (ViolationKind.OutputForeign, e => e with
        {
            StopsAsked = [Id],
            Followed = [],
            Answers = Answer(CleanAnswer with { State = "stopped", Cause = "user", Output = Digest.Of("2\n"u8) }),
        }),
    };

    [Fact]
    public async Task Real_commands_witness_themselves_and_a_second_run_is_found()
    {
        using var scratch = new ScratchFolder();
        var witness = new WitnessFile(scratch.File("witness"));
        var first = await RunAsync(witness, scratch.Path);
        var once = Evidence(first);
        Assert.Empty(Checker.Judge(once));
        Assert.Equal(first.Process.Id, Assert.Single(once.Starts).Pid);

        var second = await RunAsync(witness, scratch.Path);
        Assert.Equal(ViolationKind.StartedTwice, Assert.Single(Checker.Judge(Evidence(second))).Kind);

        Evidence Evidence((Process Process, string Output) run)
        {
            var (starts, ends) = witness.Read();
            return Clean with
            {
                Starts = starts,
                Ends = ends,
                Alive = ProcessTable.MarkedBy(scratch.Path),
                Answers = Answer(CleanAnswer with { ExitCode = run.Process.ExitCode, EndedAt = DateTimeOffset.UtcNow, Output = Digest.Of(System.Text.Encoding.UTF8.GetBytes(run.Output)) }),
            };
        }
    }

    [Fact]
    public async Task A_living_marked_process_is_found_and_a_zombie_is_not()
    {
        using var scratch = new ScratchFolder();
        using var process = Process.Start(Marked(new("/bin/sleep", ["60"]), scratch.Path))!;
        await Eventually.TrueAsync(() => ProcessTable.MarkedBy(scratch.Path).Any(p => p.Pid == process.Id), "the process shows its marks");
        var alive = Assert.Single(ProcessTable.MarkedBy(scratch.Path));
        Assert.True(ProcessTable.Lives(alive.Pid, alive.StartTicks));
        Assert.False(ProcessTable.Lives(alive.Pid, alive.StartTicks + 1));
        Assert.Contains(Checker.Judge(Clean with { Alive = [alive] }), v => v.Kind == ViolationKind.EndedAlive);
        process.Kill();
        await process.WaitForExitAsync();
        Assert.Empty(ProcessTable.MarkedBy(scratch.Path));

        // sh -c '… & exec sleep': the short child stays a zombie of the sleep, which never waits for it.
        using var parent = Process.Start(Marked(new("/bin/sh", ["-c", "sleep 0.05 & exec sleep 60"]), scratch.Path))!;
        await Eventually.TrueAsync(() => HasZombieChild(parent.Id), "the child is a zombie");
        Assert.Equal(parent.Id, Assert.Single(ProcessTable.MarkedBy(scratch.Path)).Pid);
        parent.Kill();
        await parent.WaitForExitAsync();
    }

    private static bool HasZombieChild(int parent) =>
        File.ReadAllText($"/proc/{parent}/task/{parent}/children").Split(' ', StringSplitOptions.RemoveEmptyEntries)
            .Any(child => File.ReadAllText($"/proc/{child}/stat").Contains(") Z ", StringComparison.Ordinal));

    private static async Task<(Process Process, string Output)> RunAsync(WitnessFile witness, string dataFolder)
    {
        var command = witness.Command(Plan, portion: 30, TimeSpan.Zero);
        var process = Process.Start(Marked(new(command[0], command.Skip(1)) { RedirectStandardOutput = true }, dataFolder))!;
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return (process, output);
    }

    private static ProcessStartInfo Marked(ProcessStartInfo start, string dataFolder)
    {
        start.Environment["OUTLAST_DATA"] = dataFolder;
        start.Environment["OUTLAST_TASK_ID"] = Id;
        start.Environment["OUTLAST_ATTEMPT"] = "1";
        return start;
    }

    private static string OtherId => Id[..^1] + "b";
    private static ImmutableDictionary<string, HostAnswer> Answer(HostAnswer answer) => ImmutableDictionary<string, HostAnswer>.Empty.Add(answer.Id, answer);
}
