using System.Globalization;
using System.Text;
using Outlast.Output;
using Outlast.Runners;
using Outlast.TestKit;
using Xunit;

namespace Outlast.IntegrationTests.Processes;

/// <summary>Output that outgrows its cap: what stays, what is told, and that nobody is given a hole.</summary>
public sealed class OutputCapTests : IAsyncLifetime
{
    private const int Mi = 1 << 20, LineLength = 17;

    private readonly ProcessBench _bench = new();

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await _bench.DisposeAsync();

    [Theory]
    [Trait("Requirement", "D5")]
    [Trait("Requirement", "U-60")]
    [InlineData(OutputPolicy.KeepEnds, 4 * Mi, 50 * Mi)]
    [InlineData(OutputPolicy.KeepEnds, 10_000, 5 * Mi)]
    [InlineData(OutputPolicy.KeepEnds, 1, 100_000)]
    [InlineData(OutputPolicy.Tail, 4 * Mi, 50 * Mi)]
    [InlineData(OutputPolicy.Tail, 10_000, 5 * Mi)]
    public async Task The_keeper_keeps_a_log_within_its_cap_and_tells_what_it_removed(OutputPolicy policy, int cap, int size)
    {
        var attempt = Numbers(policy, cap, size);
        var outcome = await attempt.RunAsync().Soon();
        var log = LogOf(attempt);
        var gone = DroppedRange.Of(log);
        Assert.Equal(size, outcome.Output!.Bytes);
        Assert.Equal(gone.Length, outcome.Output.DroppedBytes);
        Assert.Equal(0, outcome.Output.LostBytes);
        Assert.InRange(gone.From, policy == OutputPolicy.Tail ? 0 : cap / 2, policy == OutputPolicy.Tail ? 0 : cap / 2 + OutputCapRule.Page);
        Assert.InRange(size - gone.To, cap / 2, policy == OutputPolicy.Tail ? cap : cap / 2 + OutputCapRule.Page);
        Assert.InRange(AllocatedBytes(log), 1, cap + 3 * OutputCapRule.Page);
        await AssertRightAsync(log, 0, gone.From);
        await AssertRightAsync(log, gone.To, size);
    }

    [Theory]
    [Trait("Requirement", "U-60")]
    [InlineData(OutputPolicy.KeepEnds)]
    [InlineData(OutputPolicy.Tail)]
    [InlineData(OutputPolicy.Stop)]
    public async Task Without_a_host_a_flood_of_fifty_caps_stays_bounded_and_the_next_host_finds_it_right(OutputPolicy policy)
    {
        const int Cap = 2 * Mi, Size = 50 * Cap;
        var gate = Path.Combine(_bench.Data.Path, "gate");
        var attempt = Numbers(policy, Cap, Size, before: $"echo begins; until [ -e {gate} ]; do sleep 0.02; done;");
        using var hostDies = new CancellationTokenSource();
        var run = attempt.RunAsync(hostDies.Token);
        await attempt.Printed("begins");
        await hostDies.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => run);
        _bench.ForgetEverything();

        await File.WriteAllTextAsync(gate, "");
        var log = LogOf(attempt);
        long most = 0;
        await Eventually.TrueAsync(() =>
        {
            most = Math.Max(most, AllocatedBytes(log));
            return new FileInfo(log).Length == Size + 7;
        }, "the flood is over", TimeSpan.FromSeconds(60));
        // Stop's ceiling is twice its cap; between two looks of the keeper comes a quarter, or 1 MiB.
        Assert.InRange(most, 1, (policy == OutputPolicy.Stop ? 2 : 1) * Cap + 2 * Mi);

        attempt.SeenByNextHost(await attempt.Launched);
        var outcome = await attempt.AdoptAsync().Soon();
        Assert.Equal(0, outcome.Exit!.Code);
        Assert.Equal(Size + 7, outcome.Output!.Bytes);
        Assert.Equal(DroppedRange.Of(log).Length, outcome.Output.DroppedBytes);
        Assert.InRange(outcome.Output.DroppedBytes, Size - 3 * Cap, Size);
    }

    [Theory]
    [Trait("Requirement", "U-60")]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task Whatever_a_follower_is_given_is_right_at_its_offset_and_with_the_gaps_it_is_everything(int seed)
    {
        const int Size = 40 * Mi;
        var random = new Random(seed);
        var attempt = Numbers(seed % 2 == 0 ? OutputPolicy.Tail : OutputPolicy.KeepEnds, 64 * 1024 << (seed % 3), Size);
        var run = attempt.RunAsync();
        using var log = new OutputLog(LogOf(attempt));
        var follower = new OutputFollower(log, 0, run, TimeProvider.System);
        var buffer = new byte[300_000];
        long at = 0, given = 0, passedOver = 0;
        while (true)
        {
            var count = follower.Read(buffer.AsSpan(0, random.Next(1, buffer.Length)), out var isOver);
            if (follower.Gap is { } gap)
            {
                Assert.Equal((0, at), (count, gap.From));
                Assert.True(gap.To > at);
                (at, passedOver) = (gap.To, passedOver + gap.Length);
            }
            AssertRight(buffer.AsSpan(0, count), at);
            (at, given) = (at + count, given + count);
            Assert.Equal(at, follower.Offset);
            if (isOver) break;
            if (count == 0 && follower.Gap is null) await follower.WaitAsync(default);
            else if (random.Next(20) == 0) await Task.Delay(random.Next(30));
        }
        Assert.Equal((Size, Size), (at, given + passedOver));
        Assert.True(passedOver > 0, "a reader that never misses anything proves nothing");
        await run;
    }

    [Fact]
    public async Task Output_below_its_cap_costs_no_file_and_loses_nothing()
    {
        var attempt = Numbers(OutputPolicy.KeepEnds, 1 << 30, 2 * Mi);
        var outcome = await attempt.RunAsync().Soon();
        Assert.Equal(new OutputFacts(2 * Mi, 0, 0, 0), outcome.Output);
        Assert.False(File.Exists(DroppedRange.FileOf(LogOf(attempt))));
    }

    [Fact]
    public async Task What_the_command_writes_itself_is_cut_by_whoever_looks()
    {
        var attempt = Numbers(OutputPolicy.KeepEnds, Mi, 3 * Mi, route: OutputRoute.File);
        Assert.Equal(3 * Mi, (await attempt.RunAsync().Soon()).Output!.Bytes);
        var log = LogOf(attempt);
        var rule = OutputCapRule.Of(Mi, OutputPolicy.KeepEnds)!.Value;
        var gone = DroppedRange.Of(log);
        Assert.Equal(new DroppedRange(Mi / 2, 3 * Mi - Mi / 2), gone);
        Assert.InRange(AllocatedBytes(log), 1, Mi + OutputCapRule.Page);
        await AssertRightAsync(log, gone.To, 3 * Mi);
        HolePuncher.Enforce(log, rule);
        Assert.Equal(gone, DroppedRange.Of(log));
    }

    [Fact]
    [Trait("Requirement", "U-60")]
    public async Task Who_cuts_waits_for_who_is_cutting_and_never_tells_less_than_is_gone()
    {
        var log = Path.Combine(_bench.Data.Path, "log");
        await File.WriteAllBytesAsync(log, Enumerable.Repeat((byte)'x', 200_000).ToArray());
        var rule = OutputCapRule.Of(20_000, OutputPolicy.Tail)!.Value;
        Task second;
        using (var other = Outlast.Runners.Processes.Descriptor.Open(DroppedRange.FileOf(log), Outlast.Runners.Processes.LibC.ReadWrite | Outlast.Runners.Processes.LibC.Create))
        {
            Assert.True(other.TryLock());
            // Its size is seen before the lock is asked for.
            second = Task.Run(() => HolePuncher.Enforce(log, rule));
            Assert.NotSame(second, await Task.WhenAny(second, Task.Delay(200)));
            other.Write(new DroppedRange(0, 196_608).ToBytes(), log);
        }
        await second.Soon();
        Assert.Equal(new DroppedRange(0, 196_608), DroppedRange.Of(log));
        // It was told and not freed: now it is.
        Assert.InRange(AllocatedBytes(log), 1, 2 * OutputCapRule.Page);
    }

    [Fact]
    public void What_cannot_be_cut_is_not_called_unreadable()
    {
        var log = Path.Combine(_bench.Data.Path, "log");
        File.WriteAllBytes(log, new byte[100_000]);
        Directory.CreateDirectory(DroppedRange.FileOf(log));
        Assert.Equal($"The output in '{log}' could not be cut to its cap: Is a directory.", Assert.Throws<IOException>(() => HolePuncher.Enforce(log, OutputCapRule.Of(20_000, OutputPolicy.Tail)!.Value)).Message);
    }

    [Theory]
    [Trait("Requirement", "U-60")]
    [InlineData(OutputRoute.Pipe)]
    [InlineData(OutputRoute.File)]
    public async Task What_was_removed_cannot_be_read_and_the_looks_say_so_and_the_end_is_the_commands(OutputRoute route)
    {
        var gate = Path.Combine(_bench.Data.Path, "gate");
        var attempt = Numbers(OutputPolicy.KeepEnds, 10_000, 50_000, before: $"echo begins; until [ -e {gate} ]; do sleep 0.02; done;", route: route);
        var run = attempt.RunAsync();
        await attempt.Printed("begins");
        var dropped = DroppedRange.FileOf(LogOf(attempt));
        File.Delete(dropped);
        Directory.CreateDirectory(dropped);
        await File.AppendAllTextAsync(LogOf(attempt), new string('x', 20_000));
        Assert.Contains("output.log.dropped", Assert.Throws<IOException>(() => attempt.Measure()).Message, StringComparison.Ordinal);
        Assert.Throws<IOException>(() => _bench.Runner.MeasureOutput(attempt.Context));
        await File.WriteAllTextAsync(gate, "");
        var outcome = await run.Soon();
        Assert.Equal((OutcomeKind.Succeeded, EndCause.Exit, 0), (outcome.Kind, outcome.Cause, outcome.Exit!.Code));
        Assert.Contains(outcome.Evidence, e => e.StartsWith("the output could not be measured: ", StringComparison.Ordinal));
        Assert.Equal(route == OutputRoute.File, outcome.Evidence.Any(e => e.StartsWith("the output is larger than its cap: ", StringComparison.Ordinal)));
    }

    [Fact]
    public void A_file_system_that_can_punch_is_recognised_for_good()
    {
        Assert.Null(HolePuncher.FindObstacle(_bench.Data.Path, out var isLasting));
        Assert.True(isLasting);
    }

    [Fact]
    public void What_only_did_not_work_now_is_asked_again()
    {
        var folder = new DataFolder(Path.Combine(_bench.Data.Path, "later"));
        var dropping = new Outlast.Supervision.OutputDropping(folder);
        Assert.NotNull(dropping.Obstacle);
        Directory.CreateDirectory(folder.Path);
        Assert.Null(dropping.Obstacle);
    }

    [Fact]
    public void A_folder_in_which_it_cannot_be_tried_is_an_obstacle_with_a_reason() => Assert.NotEmpty(HolePuncher.FindObstacle("/proc", out _)!);

    /// <summary>A command that prints lines that tell their own offset: line <c>n</c> is the number n in 16 digits.</summary>
    private TestAttempt Numbers(OutputPolicy policy, int cap, int size, string before = "", OutputRoute route = OutputRoute.Pipe) => _bench.Attempt(new ProcessSpec
    {
        Argv = ["/bin/sh", "-c", $"{before} seq -f %016.0f 0 {size / LineLength + 1} | head -c {size}"],
        Cwd = "/",
        Environment = ProcessBench.OrdinaryEnvironment,
        OutputCap = cap,
        OutputPolicy = policy,
        OutputVia = route,
    });

    private static string LogOf(TestAttempt attempt) => Path.Combine(attempt.Folder, "output.log");

    private static async Task AssertRightAsync(string log, long from, long to)
    {
        await using var file = new FileStream(log, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        file.Position = from;
        var bytes = new byte[to - from];
        await file.ReadExactlyAsync(bytes);
        AssertRight(bytes, from);
    }

    private static void AssertRight(ReadOnlySpan<byte> bytes, long offset)
    {
        var first = offset / LineLength;
        var expected = new StringBuilder();
        for (var line = first; line * LineLength < offset + bytes.Length; line++) expected.Append(line.ToString("D16", CultureInfo.InvariantCulture)).Append('\n');
        if (!bytes.SequenceEqual(Encoding.ASCII.GetBytes(expected.ToString()).AsSpan((int)(offset - first * LineLength), bytes.Length))) Assert.Fail($"what was given at {offset} is not what was printed there");
    }

    private static long AllocatedBytes(string file)
    {
        var start = new System.Diagnostics.ProcessStartInfo("/usr/bin/stat", ["-c", "%b", file]) { RedirectStandardOutput = true };
        using var stat = System.Diagnostics.Process.Start(start)!;
        return long.Parse(stat.StandardOutput.ReadToEnd(), CultureInfo.InvariantCulture) * 512;
    }
}
