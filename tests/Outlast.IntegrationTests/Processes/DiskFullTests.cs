using System.Diagnostics;
using Outlast.Runners;
using Outlast.TestKit;
using Xunit;

namespace Outlast.IntegrationTests.Processes;

/// <summary>What happens when the disk is full, on a real file system of a few MiB.</summary>
public sealed class DiskFullTests : IAsyncLifetime
{
    private readonly ProcessBench _bench;
    private readonly string _mount;
    private readonly string _outside = Directory.CreateTempSubdirectory("outlast-").FullName;

    public DiskFullTests()
    {
        _mount = Directory.CreateTempSubdirectory("outlast-").FullName;
        Assert.True(Succeeds("mount", "-t", "tmpfs", "-o", "size=4m,nr_inodes=200,mode=0700", "tmpfs", _mount), "this test needs to be allowed to mount a tmpfs; without it nothing is proved");
        _bench = new ProcessBench(_mount);
    }

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        await _bench.DisposeAsync();
        await Eventually.TrueAsync(() => Succeeds("umount", _mount), "the small file system is not used any more");
        Directory.Delete(_mount);
        Directory.Delete(_outside, recursive: true);
    }

    [Fact]
    [Trait("Requirement", "U-35")]
    public async Task No_room_for_the_attempts_files_is_never_started_and_leaves_nothing_and_runs_when_there_is_room()
    {
        FillUp();
        var attempt = _bench.Shell($": >{_outside}/witness; exit 7");
        var refusal = await Assert.ThrowsAsync<NeverStartedException>(() => attempt.RunAsync());
        Assert.StartsWith("The disk is full: ", refusal.Message, StringComparison.Ordinal);
        Assert.False(Directory.Exists(attempt.Folder));
        Assert.False(File.Exists(Path.Combine(_outside, "witness")));
        MakeRoom();
        Assert.Equal(7, (await attempt.RunAsync()).Exit!.Code);
    }

    [Fact]
    public async Task No_room_for_another_file_at_each_step_of_the_launch_is_never_started_and_says_so_to_the_next_host()
    {
        var didStart = false;
        var free = FreeFiles();
        for (var room = 0; !didStart; room++)
        {
            Assert.True(room < 20, "a launch needs fewer files");
            var fillers = Enumerable.Range(0, free - room).Select(i => Path.Combine(_mount, $"filler{i}")).ToList();
            foreach (var filler in fillers) await File.WriteAllTextAsync(filler, "");
            var attempt = _bench.Attempt(new ProcessSpec { Argv = ["/bin/sh", "-c", $"echo x >>{_outside}/witness"], Cwd = "/", Environment = ProcessBench.OrdinaryEnvironment, Stderr = StderrMode.Separate, Stdin = StdinSource.Of("") });
            try
            {
                didStart = (await attempt.RunAsync()).Kind == OutcomeKind.Succeeded;
            }
            catch (NeverStartedException)
            {
                // Of a wrapper that was spawned and could not begin, the folder stays as the proof.
                Assert.Equal(attempt.Launched.IsCompleted, Directory.Exists(attempt.Folder));
                Assert.Equal(FindingKind.NeverStarted, (await attempt.ExamineAsync()).Kind);
                Assert.Empty(ProcessBench.MarkedBy(attempt.Task));
                if (Directory.Exists(attempt.Folder)) Directory.Delete(_bench.Data.Task(attempt.Task), recursive: true);
            }
            foreach (var filler in fillers) File.Delete(filler);
        }
        Assert.Equal("x\n", await File.ReadAllTextAsync(Path.Combine(_outside, "witness")));
    }

    [Fact]
    public async Task A_full_disk_makes_the_writer_wait_and_what_is_lost_is_counted()
    {
        var attempt = _bench.Shell("head -c 8000000 /dev/zero | tr '\\0' x; echo; echo the end");
        var run = attempt.RunAsync();
        await Eventually.TrueAsync(() => attempt.Measure().Output.LostBytes > 0, "the log cannot grow");
        Assert.False(run.IsCompleted);
        Assert.True(ProcessBench.IsAlive((await attempt.Launched).Pid));
        Assert.True(Succeeds("mount", "-o", "remount,size=32m", _mount));
        var outcome = await run.Soon();
        Assert.Equal(0, outcome.Exit!.Code);
        Assert.EndsWith("the end\n", attempt.Output, StringComparison.Ordinal);
        var missing = 8_000_000 + 1 + "the end\n".Length - outcome.Output!.Bytes;
        Assert.InRange(missing, 1, outcome.Output.LostBytes);
        Assert.Single(attempt.Annotations);
    }

    [Fact]
    public async Task The_exit_record_is_written_although_the_disk_is_full()
    {
        var attempt = _bench.Shell($"echo up; until [ -e {_outside}/go ]; do sleep 0.02; done; exit 7");
        using var host = new CancellationTokenSource();
        var run = attempt.RunAsync(host.Token);
        await attempt.Printed("up");
        FillUp();
        await host.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => run);
        _bench.ForgetEverything();
        attempt.SeenByNextHost(await attempt.Launched);
        var adoption = attempt.AdoptAsync();
        await File.WriteAllTextAsync(Path.Combine(_outside, "go"), "");
        var outcome = await adoption.Soon();
        Assert.Equal((OutcomeKind.Failed, EndCause.Exit, 7), (outcome.Kind, outcome.Cause, outcome.Exit!.Code));
    }

    [Fact]
    [Trait("Requirement", "U-60")]
    public async Task A_cap_frees_its_room_although_the_disk_is_full_also_of_what_the_command_writes_itself()
    {
        var attempt = _bench.Attempt(new ProcessSpec
        {
            Argv = ["/bin/sh", "-c", $"head -c 2000000 /dev/zero; echo; echo up; until [ -e {_outside}/go ]; do sleep 0.02; done; exit 7"],
            Cwd = "/",
            Environment = ProcessBench.OrdinaryEnvironment,
            OutputCap = 100_000,
            OutputPolicy = OutputPolicy.KeepEnds,
            OutputVia = OutputRoute.File,
        });
        var run = attempt.RunAsync();
        await attempt.Printed("up");
        FillUp();
        await File.WriteAllTextAsync(Path.Combine(_outside, "go"), "");
        var outcome = await run.Soon();
        Assert.Equal((EndCause.Exit, 7), (outcome.Cause, outcome.Exit!.Code));
        Assert.InRange(outcome.Output!.DroppedBytes, 1_800_000, 1_950_000);
        Assert.True(new DriveInfo(_mount).AvailableFreeSpace >= 1_800_000, "its room is free again");
    }

    [Fact]
    public async Task A_stop_works_although_the_disk_is_full()
    {
        var attempt = _bench.Shell("trap '' TERM; echo up; while :; do sleep 0.1; done");
        var run = attempt.RunAsync();
        await attempt.Printed("up");
        FillUp();
        Assert.Empty((await attempt.StopAsync(now: true)).Survivors);
        Assert.Equal("KILL", (await run.Soon()).Exit!.Signal);
    }

    /// <summary>Until not one byte more can be written.</summary>
    private void FillUp()
    {
        using var file = new FileStream(Path.Combine(_mount, "filler"), FileMode.Append);
        var block = new byte[4096];
        try
        {
            while (true)
            {
                file.Write(block);
                file.Flush();
            }
        }
        catch (IOException)
        {
            // Full.
        }
    }

    private void MakeRoom() => File.Delete(Path.Combine(_mount, "filler"));

    private int FreeFiles()
    {
        using var process = Process.Start(new ProcessStartInfo("stat", ["-f", "-c", "%d", _mount]) { RedirectStandardOutput = true })!;
        return int.Parse(process.StandardOutput.ReadToEnd());
    }

    private static bool Succeeds(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true, RedirectStandardOutput = true })!;
        process.WaitForExit();
        return process.ExitCode == 0;
    }
}
