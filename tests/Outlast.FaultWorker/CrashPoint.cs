using System.Globalization;
using System.Runtime.InteropServices;

namespace Outlast.FaultWorker;

/// <summary>The instant at which this host dies or stands still, and how.</summary>
/// <param name="Milestone">The name in <c>Outlast.Diagnostics.Milestone</c>.</param>
/// <param name="Time">The how-manyth time it is reached.</param>
/// <param name="Then">A file of the attempt that must be there too, for instants that the host itself does not see.</param>
/// <param name="PauseFolder">Where it says <c>reached</c> and waits for <c>go</c>; none: it dies.</param>
/// <param name="Throws">Whether it fails instead.</param>
internal sealed partial record CrashPoint(string Milestone, int Time, string? Then, string? PauseFolder, bool Throws = false)
{
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(1);
    private int _reached;

    /// <summary>Told synchronously by the host, on the thread that just did it.</summary>
    public void Reach(string name, TaskId? task)
    {
        if (name != Milestone || Interlocked.Increment(ref _reached) != Time) return;
        if (Then is not null) AwaitFile(task!.Value, Then);
        if (Throws) throw new InvalidOperationException($"It fails at {Milestone}, as asked.");
        if (PauseFolder is null) Die();
        else Pause(PauseFolder);
    }

    /// <summary>Reads <c>MILESTONE</c> or <c>MILESTONE#N</c>.</summary>
    public static (string Milestone, int Time) Parse(string text) => text.Split('#') switch
    {
        [var name] => (name, 1),
        [var name, var time] => (name, int.Parse(time, CultureInfo.InvariantCulture)),
        _ => throw new FormatException($"'{text}' is no milestone."),
    };

    private static void AwaitFile(TaskId task, string then)
    {
        var folder = DataFolder.Of(Environment.GetEnvironmentVariable).Task(task);
        var (name, complete) = then switch
        {
            "pid" => ("pid", " end"),
            "output" => ("output.log", ""),
            "exit" => ("exit", " end"),
            _ => throw new FormatException($"'{then}' is no file of an attempt."),
        };
        while (!Directory.EnumerateFiles(folder, name, SearchOption.AllDirectories).Any(file => File.ReadLines(file).FirstOrDefault()?.EndsWith(complete, StringComparison.Ordinal) == true))
            Thread.Sleep(Look);
    }

    private static void Pause(string folder)
    {
        File.WriteAllText(Path.Combine(folder, "reached"), "");
        while (!File.Exists(Path.Combine(folder, "go"))) Thread.Sleep(Look);
    }

    private static void Die()
    {
        if (Kill(Environment.ProcessId, SigKill) != 0) Environment.FailFast("A process can kill itself.");
        Thread.Sleep(Timeout.Infinite);
    }

    private const int SigKill = 9;

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Kill(int pid, int signal);
}
