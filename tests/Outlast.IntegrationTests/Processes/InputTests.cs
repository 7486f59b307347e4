using System.Text;
using Outlast.Runners;
using Outlast.Runners.Processes;
using Outlast.TestKit;
using Xunit;

namespace Outlast.IntegrationTests.Processes;

/// <summary>A standard input that stays open while nobody writes, and leaves nothing behind however its attempt goes.</summary>
public sealed class InputTests : IAsyncLifetime
{
    private readonly ProcessBench _bench = new();

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await _bench.DisposeAsync();

    [Fact]
    public async Task What_is_sent_is_read_in_order_and_the_end_only_when_it_is_sent()
    {
        var attempt = Open("cat");
        var run = attempt.RunAsync();
        await SendAsync(attempt, "one\n");
        await attempt.Printed("one\n");
        await SendAsync(attempt, "two\n");
        await attempt.Printed("two\n");
        Assert.False(run.IsCompleted);
        await SendAsync(attempt, "three", end: true);
        Assert.Equal(0, (await run.Soon()).Exit!.Code);
        Assert.Equal("one\ntwo\nthree", attempt.Output);
        await GoneAsync(attempt);
    }

    [Fact]
    public async Task After_its_end_it_takes_nothing_more()
    {
        var attempt = Open("cat; until [ -e \"$OUTLAST_DATA/go\" ]; do sleep 0.02; done");
        var run = attempt.RunAsync();
        await SendAsync(attempt, "all", end: true);
        Assert.Equal(new InputReceipt(0, InputState.Ended), Send(attempt, "more"));
        Assert.Equal(new InputReceipt(0, InputState.Ended), Send(attempt, "", end: true));
        await File.WriteAllTextAsync(Path.Combine(_bench.Data.Path, "go"), "");
        Assert.Equal(0, (await run.Soon()).Exit!.Code);
        Assert.Equal("all", attempt.Output);
    }

    [Fact]
    public async Task A_full_pipe_takes_what_fits_and_the_rest_follows_from_there()
    {
        var attempt = Open("exec 3<&0; until [ -e \"$OUTLAST_DATA/go\" ]; do sleep 0.02; done; wc -c <&3");
        var run = attempt.RunAsync();
        await SendAsync(attempt, "");
        var bytes = new byte[200_000];
        var first = Send(attempt, bytes);
        Assert.Equal(InputState.Full, first.State);
        Assert.InRange(first.Taken, 4096, bytes.Length - 1);
        // No end-of-file behind a piece that is missing.
        Assert.Equal(new InputReceipt(0, InputState.Full), _bench.Runner.Send(attempt.Context, bytes.AsSpan(first.Taken), end: true));
        await File.WriteAllTextAsync(Path.Combine(_bench.Data.Path, "go"), "");
        for (var sent = first.Taken; ;)
        {
            var receipt = _bench.Runner.Send(attempt.Context, bytes.AsSpan(sent), end: true);
            sent += receipt.Taken;
            if (receipt.State == InputState.Taken) break;
            Assert.Equal(InputState.Full, receipt.State);
        }
        Assert.Equal(0, (await run.Soon()).Exit!.Code);
        Assert.Equal("200000\n", attempt.Output);
    }

    [Fact]
    public async Task Senders_at_once_do_not_mix_what_they_send()
    {
        var attempt = Open("cat");
        var run = attempt.RunAsync();
        await SendAsync(attempt, "");
        await Task.WhenAll(Enumerable.Range(0, 8).Select(sender => Task.Run(async () =>
        {
            for (var n = 0; n < 25; n++) await SendAsync(attempt, new string((char)('a' + sender), 4000) + "\n");
        })));
        await SendAsync(attempt, "", end: true);
        await run.Soon();
        var lines = attempt.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(200, lines.Length);
        Assert.All(lines, line => Assert.True(line.Length == 4000 && line.Distinct().Count() == 1));
    }

    [Fact]
    public async Task A_command_that_closed_its_input_is_told_from_one_that_is_slow()
    {
        var attempt = Open("exec <&-; echo closed; until [ -e \"$OUTLAST_DATA/go\" ]; do sleep 0.02; done");
        var run = attempt.RunAsync();
        await attempt.Printed("closed");
        Assert.Equal(new InputReceipt(0, InputState.Unread), Send(attempt, "lost", end: true));
        await File.WriteAllTextAsync(Path.Combine(_bench.Data.Path, "go"), "");
        Assert.Equal(0, (await run.Soon()).Exit!.Code);
        await GoneAsync(attempt);
    }

    [Fact]
    public async Task Before_its_start_there_is_nothing_to_send_to()
    {
        Assert.Equal(new InputReceipt(0, InputState.NotStarted), Send(Open("cat"), "early"));
        await Task.CompletedTask;
    }

    [Fact]
    public void While_it_is_being_prepared_nothing_is_taken_although_its_pipe_can_be_opened()
    {
        var attempt = Open("cat");
        var folder = new AttemptFolder(attempt.Folder);
        folder.Create();
        Descriptor.MakeFifo(folder.Stdin);
        Descriptor.MakeFifo(folder.StdinEnd);
        // As the host itself holds them for a moment.
        using var input = Descriptor.Open(folder.Stdin, LibC.ReadWrite);
        using var end = Descriptor.Open(folder.StdinEnd, LibC.ReadWrite);
        Assert.Equal(new InputReceipt(0, InputState.NotStarted), Send(attempt, "early", end: true));
        Assert.True(File.Exists(folder.Stdin));
    }

    [Fact]
    public async Task What_is_sent_and_ended_at_the_earliest_moment_arrives_whole()
    {
        foreach (var round in Enumerable.Range(0, 40).Chunk(8)) await Task.WhenAll(round.Select(n => Task.Run(() => SendAtOnceAsync($"text {n}"))));

        async Task SendAtOnceAsync(string text)
        {
            var attempt = Open("cat");
            var run = attempt.RunAsync();
            var began = TimeProvider.System.GetTimestamp();
            // Without a pause, so that some come while the launch is under way.
            while (Send(attempt, text, end: true).State != InputState.Taken && TimeProvider.System.GetElapsedTime(began) < Eventually.Patience) await Task.Yield();
            var outcome = await run.Soon();
            Assert.Equal((OutcomeKind.Succeeded, 0), (outcome.Kind, outcome.Exit?.Code));
            Assert.Equal(text, attempt.Output);
        }
    }

    [Fact]
    public async Task Without_a_writer_the_command_starts_at_once_and_its_end_frees_the_holder()
    {
        var attempt = Open("echo up; exit 3");
        Assert.Equal(3, (await attempt.RunAsync().Soon()).Exit!.Code);
        await GoneAsync(attempt);
        attempt = Open("cat");
        var run = attempt.RunAsync();
        await SendAsync(attempt, "x");
        await attempt.StopAsync();
        await run.Soon();
        await GoneAsync(attempt);
    }

    [Fact]
    public async Task A_refused_program_and_a_start_that_was_stopped_leave_no_holder()
    {
        var script = Path.Combine(_bench.Data.Path, "script");
        await File.WriteAllTextAsync(script, "#!/no/such/interpreter\n");
        File.SetUnixFileMode(script, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        var refused = _bench.Attempt(new ProcessSpec { Argv = [script], Cwd = "/", Environment = ProcessBench.OrdinaryEnvironment, Stdin = StdinSource.Open });
        Assert.Equal(EndCause.NeverStarted, (await refused.RunAsync().Soon()).Cause);
        await GoneAsync(refused);

        var stopped = Open("cat");
        stopped.Stop = new StopRequest { Cause = EndCause.User, Actor = new Actor(ActorType.User, "test"), RequestedAt = DateTimeOffset.UtcNow };
        await Assert.ThrowsAsync<NeverStartedException>(() => stopped.RunAsync());
        await GoneAsync(stopped);
    }

    [Fact]
    public async Task A_wrapper_that_is_killed_alone_takes_the_holder_with_it()
    {
        var attempt = Open("cat; echo end");
        var run = attempt.RunAsync();
        await SendAsync(attempt, "before\n");
        await attempt.Printed("before");
        Signals.Send(attempt.Context.Process!.Pid, attempt.Context.Process.StartTicks, Signals.Kill);
        // The command reads the end, for nobody could send it any more.
        await attempt.Printed("end");
        await run.Soon();
        await GoneAsync(attempt);
    }

    [Theory]
    [InlineData("keeper_started")]
    [InlineData("spawned")]
    public async Task A_host_that_dies_leaves_the_input_open_for_the_next_one_or_nothing(string milestone)
    {
        var attempt = Open("cat");
        Assert.Equal(137, await FaultyHost.RunAsync(_bench, attempt, milestone, "open", "/bin/cat"));
        if (milestone == "keeper_started")
        {
            await GoneAsync(attempt);
            Assert.Equal(FindingKind.NeverStarted, (await attempt.ExamineAsync()).Kind);
            return;
        }
        var finding = await attempt.ExamineAsync();
        Assert.Equal(FindingKind.Alive, finding.Kind);
        attempt.SeenByNextHost(finding.Process);
        var adoption = attempt.AdoptAsync();
        await SendAsync(attempt, "to the next host\n", end: true);
        Assert.Equal(0, (await adoption.Soon()).Exit!.Code);
        Assert.Equal("to the next host\n", attempt.Output);
        await GoneAsync(attempt);
    }

    [Fact]
    public async Task Wrapper_and_host_killed_together_leave_nothing()
    {
        var attempt = Open("cat");
        Assert.Equal(137, await FaultyHost.RunAsync(_bench, attempt, "spawned", "open", "/bin/cat"));
        var wrapper = (await attempt.ExamineAsync()).Process!;
        Signals.Send(wrapper.Pid, wrapper.StartTicks, Signals.Kill);
        // No host looks: the system itself closes what the wrapper held.
        await GoneAsync(attempt);
        await Eventually.TrueAsync(() => ProcessBench.MarkedBy(attempt.Task).IsEmpty, "the command has read its end");
    }

    private TestAttempt Open(string script) => _bench.Attempt(new ProcessSpec
    {
        Argv = ["/bin/sh", "-c", script],
        Cwd = "/",
        Environment = ProcessBench.OrdinaryEnvironment,
        Stdin = StdinSource.Open,
    });

    private InputReceipt Send(TestAttempt attempt, string text, bool end = false) => Send(attempt, Encoding.UTF8.GetBytes(text), end);

    private InputReceipt Send(TestAttempt attempt, byte[] bytes, bool end = false) => _bench.Runner.Send(attempt.Context, bytes, end);

    /// <summary>Waits until the command reads, and has all of it.</summary>
    private async Task SendAsync(TestAttempt attempt, string text, bool end = false)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        await Eventually.TrueAsync(() =>
        {
            var receipt = _bench.Runner.Send(attempt.Context, bytes, end);
            bytes = bytes[receipt.Taken..];
            return receipt.State == InputState.Taken;
        }, $"'{(text.Length > 20 ? text[..20] : text)}' is taken");
    }

    private static Task GoneAsync(TestAttempt attempt) => Eventually.TrueAsync(() => ProcessBench.KeepersOf(attempt.Task).IsEmpty, "no holder and no keeper of the task is left");
}
