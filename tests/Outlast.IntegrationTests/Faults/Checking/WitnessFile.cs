using System.Collections.Immutable;
using System.Globalization;

namespace Outlast.IntegrationTests.Faults.Checking;

/// <summary>The file that commands append to, one write a line; and the command that does so.</summary>
internal sealed class WitnessFile(string path)
{
    public string Path { get; } = path;

    /// <summary>The command of a planned task: tells its start, prints its lines in portions with pauses between, tells its end, exits as chosen.</summary>
    /// <param name="plan">What it prints and returns.</param>
    /// <param name="portion">Lines at once.</param>
    /// <param name="pause">Between two portions.</param>
    /// <param name="stubborn">Whether it ignores TERM.</param>
    public ImmutableArray<string> Command(PlannedTask plan, long portion, TimeSpan pause, bool stubborn = false) =>
        Command(plan, portion, pause > TimeSpan.Zero ? $"sleep {pause.TotalSeconds.ToString("0.###", CultureInfo.InvariantCulture)}" : ":", stubborn);

    /// <summary>As the other, with a shell command between two portions.</summary>
    public ImmutableArray<string> Command(PlannedTask plan, long portion, string between, bool stubborn = false) =>
    [
        "/bin/sh", "-c", Script, "witness", Path, Text(plan.Output.First), Text(plan.Output.Last), Text(portion), between, Text(plan.ExitCode), stubborn ? "stubborn" : "polite",
    ];

    public (ImmutableArray<WitnessedStart> Starts, ImmutableArray<WitnessedEnd> Ends) Read()
    {
        if (!File.Exists(Path)) return ([], []);
        var boot = DateTimeOffset.UtcNow - TimeSpan.FromSeconds(double.Parse(File.ReadAllText("/proc/uptime").Split(' ')[0], CultureInfo.InvariantCulture));
        var lines = File.ReadAllLines(Path).Select(line => line.Split(' ')).ToArray();
        return (
            [.. lines.Where(l => l[0] == "start").Select(l => new WitnessedStart(l[1], Number(l[2]), Number(l[3]), long.Parse(l[4], CultureInfo.InvariantCulture)))],
            [.. lines.Where(l => l[0] == "end").Select(l => new WitnessedEnd(l[1], Number(l[2]), Number(l[3]), boot + TimeSpan.FromSeconds(double.Parse(l[4], CultureInfo.InvariantCulture))))]);
    }

    // Builtins only around the two witness lines, so that a short task stays short; each line is one write, far below the pipe buffer.
    private const string Script =
        """
        w=$1 i=$2 last=$3 portion=$4 between=$5 code=$6
        [ "$7" = polite ] || trap '' TERM
        read -r stat </proc/$$/stat
        set -- ${stat##*) }
        printf 'start %s %s %s %s\n' "$OUTLAST_TASK_ID" "$OUTLAST_ATTEMPT" "$$" "${20}" >>"$w"
        while [ "$i" -le "$last" ]; do
          j=$((i + portion - 1)); [ "$j" -le "$last" ] || j=$last
          seq "$i" "$j"
          i=$((j + 1))
          [ "$i" -gt "$last" ] || eval "$between"
        done
        read -r up rest </proc/uptime
        printf 'end %s %s %s %s\n' "$OUTLAST_TASK_ID" "$OUTLAST_ATTEMPT" "$$" "$up" >>"$w"
        exit "$code"
        """;

    private static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);
    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);
}
