using System.Diagnostics;
using System.Globalization;
using Outlast.Benchmarks.Harness;
using Outlast.Benchmarks.Hosts;

namespace Outlast.Benchmarks.Scenarios;

/// <summary>w8b: a program with handlers is killed, and started again it resumes every one after its last finished step.</summary>
internal static class HandlersKilled
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    public static Scenario Scenario { get; } = new("w8b", "kill -9 of a program with journaled handlers under way: its next start until all go on after their last step; how many were lost or took a step twice", [new("n", 1000)], RunAsync);

    private static async Task RunAsync(ScenarioRun run)
    {
        var n = run["n"];
        var folder = run.NewDataFolder();
        var first = await StartAndKillAsync();
        if (first.Taken != n) throw new InvalidOperationException($"{first.Taken} of {n} handlers took their first step.");
        var second = await StartAndKillAsync();
        run.Write($"kill -9 with {n} journaled handlers", ("running", n), ("lost", n - second.Past), ("twice", second.Taken), ("last_s", second.Seconds), ("first_start_s", first.Seconds));

        async Task<(int Past, int Taken, double Seconds)> StartAndKillAsync()
        {
            using var program = new Process { StartInfo = HostProcess.Dotnet([typeof(HandlersKilled).Assembly.Location, HandlerProgram.Argument, folder.Path, n.ToString(CultureInfo.InvariantCulture)], folder.Path + ".out") };
            File.Delete(folder.Path + ".out");
            var start = Stopwatch.GetTimestamp();
            program.Start();
            try
            {
                string? line = null;
                using var bound = CancellationTokenSource.CreateLinkedTokenSource(run.Cancel);
                bound.CancelAfter(Patience);
                await Poll.UntilAsync(() => program.HasExited || (line = ReadLine(folder.Path + ".out")) is not null, "every handler is past its step", 1, bound.Token);
                if (line?.Split(' ') is not [var past, var taken]) throw new InvalidOperationException($"The program with the handlers said: {line ?? File.ReadAllText(folder.Path + ".out")}");
                return (int.Parse(past, CultureInfo.InvariantCulture), int.Parse(taken, CultureInfo.InvariantCulture), Stopwatch.GetElapsedTime(start).TotalSeconds);
            }
            finally
            {
                if (!program.HasExited) program.Kill();
                await program.WaitForExitAsync(CancellationToken.None);
            }
        }
    }

    /// <summary>The first whole line, once it is there.</summary>
    private static string? ReadLine(string file) => File.Exists(file) && File.ReadAllText(file) is var text && text.IndexOf('\n', StringComparison.Ordinal) is >= 0 and var end ? text[..end] : null;
}
