using System.Collections.Immutable;
using Outlast.Client;

namespace Outlast.Benchmarks.Hosts;

/// <summary>What is submitted, in process and over HTTP alike.</summary>
internal static class Commands
{
    /// <summary>The environment of tasks that are submitted in process, and of what is started without us.</summary>
    public static ImmutableSortedDictionary<string, string> Environment { get; } =
        ImmutableSortedDictionary<string, string>.Empty.Add("PATH", "/usr/local/bin:/usr/bin:/bin").Add("HOME", "/root").Add("LANG", "C");

    public static string[] True { get; } = ["/bin/true"];

    /// <summary>Longer than any scenario.</summary>
    public static string[] Sleep { get; } = ["/bin/sleep", "3600"];

    /// <summary>Writes the time, in nanoseconds, into a file.</summary>
    public static string Stamp(string file) => $"date +%s%N >'{file}'";

    /// <summary>Prints so many megabytes of text.</summary>
    public static string Print(int megabytes) => $"yes 'a line of log as programs print them, some eighty characters wide, no more and no less' | head -c {megabytes}000000";

    public static string[] Shell(string script) => ["/bin/sh", "-c", script];

    public static TaskSubmission Submission(string[] argv, OutputRoute outputVia = OutputRoute.Pipe, TaskId? parent = null) => new(
        new TaskSpec
        {
            Name = Path.GetFileName(argv[0]),
            IdleWarning = TimeSpan.FromMinutes(30),
            Process = new ProcessSpec { Argv = [.. argv], Cwd = "/", Environment = Environment, OutputVia = outputVia },
        },
        new Actor(ActorType.User, "benchmark", ".net"), parent);

    public static SubmitRequest Request(string[] argv, string? outputVia = null) => new() { Process = new ProcessRequest { Argv = argv, OutputVia = outputVia } };

    /// <summary>What <c>date +%s%N</c> wrote, and now, in milliseconds since 1970.</summary>
    public static double ReadStamp(string file) => double.Parse(File.ReadAllText(file), System.Globalization.CultureInfo.InvariantCulture) / 1e6;

    /// <inheritdoc cref="ReadStamp"/>
    public static double Now => (DateTime.UtcNow - DateTime.UnixEpoch).TotalMilliseconds;
}
