using Outlast.Benchmarks.Harness;
using Outlast.Benchmarks.Hosts;
using Outlast.Benchmarks.Machine;

namespace Outlast.Benchmarks.Scenarios;

/// <summary>w4: a child that prints a lot, to disk.</summary>
internal static class BulkOutput
{
    private const int Rounds = 3;

    public static Scenario Scenario { get; } = new("w4", "a task that prints much text, by pipe and by file, beside sh -c 'cmd > file'", [new("mb", 100)], RunAsync);

    private static async Task RunAsync(ScenarioRun run)
    {
        var megabytes = run["mb"];
        var folder = run.NewDataFolder();
        var file = Path.Combine(folder.Path, "direct");
        var print = Commands.Shell(Commands.Print(megabytes));
        await using var host = await EmbeddedHost.StartAsync(folder, run.Cancel);
        await host.CompleteAsync(await host.SubmitAsync(Commands.Submission(Commands.Shell(Commands.Print(1))), run.Cancel), run.Cancel); // for the compiler

        Rate direct = new(), synced = new(), pipe = new(), appended = new();
        TimeSpan pipeCpu = default, fileCpu = default;
        for (var round = 0; round < Rounds; round++)
        {
            await direct.AddAsync(megabytes, () => Task.Run(PrintDirectly));
            File.Delete(file);
            SystemCalls.Sync();
            await synced.AddAsync(megabytes, () => Task.Run(() =>
            {
                PrintDirectly();
                using var written = File.OpenHandle(file, FileMode.Open, FileAccess.ReadWrite);
                RandomAccess.FlushToDisk(written);
            }));
            File.Delete(file);
            pipeCpu += await TaskAsync(pipe, OutputRoute.Pipe);
            fileCpu += await TaskAsync(appended, OutputRoute.File);
        }
        run.WriteRaw("sh -c 'cmd > file', beside outlast", ("mb_per_s", direct.PerSecond), ("ms", direct.Milliseconds / Rounds), ("bytes", megabytes * 1e6));
        run.WriteRaw("sh -c 'cmd > file' and a sync at the end, beside outlast", ("mb_per_s", synced.PerSecond), ("ms", synced.Milliseconds / Rounds), ("bytes", megabytes * 1e6));
        Write("pipe", pipe, pipeCpu);
        Write("file", appended, fileCpu);

        void PrintDirectly()
        {
            if (SystemCalls.Wait(BareProcess.Start(Commands.Shell($"{Commands.Print(megabytes)} >'{file}'"))) != 0) throw new InvalidOperationException("The command failed.");
        }

        async Task<TimeSpan> TaskAsync(Rate rate, OutputRoute via)
        {
            SystemCalls.Sync();
            var before = SystemCalls.CpuOf(Environment.ProcessId);
            TaskRecord record = null!;
            await rate.AddAsync(megabytes, async () => record = await host.CompleteAsync(await host.SubmitAsync(Commands.Submission(print, via), run.Cancel), run.Cancel));
            var cpu = SystemCalls.CpuOf(Environment.ProcessId) - before;
            if (record.Output.Bytes != megabytes * 1_000_000L) throw new InvalidOperationException($"Of {megabytes} MB there are {record.Output.Bytes} bytes.");
            Directory.Delete(folder.Task(record.Id), recursive: true);
            return cpu;
        }

        void Write(string via, Rate rate, TimeSpan cpu) => run.Write($"output via {via}, synced before its end is told",
            ("mb_per_s", rate.PerSecond), ("ms", rate.Milliseconds / Rounds), ("own_cpu_ms", cpu.TotalMilliseconds / Rounds), ("bytes", megabytes * 1e6),
            ("ratio_to_direct", rate.PerSecond / direct.PerSecond), ("ratio_to_synced", rate.PerSecond / synced.PerSecond));
    }
}
