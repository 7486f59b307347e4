using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Outlast.Benchmarks.Harness;

/// <summary>Results, a JSON line each: printed, and appended to the file that <c>BENCH_OUT</c> names.</summary>
internal sealed class Report(TextWriter console, Func<string, string?> environment)
{
    private static readonly JsonWriterOptions Plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
    private readonly string? _file = environment("BENCH_OUT") is { Length: > 0 } file ? file : null;
    private readonly string? _disk = DescribeDisk(environment);

    public void Write(Scenario scenario, string peer, string variant, IEnumerable<Figure> figures)
    {
        using var bytes = new MemoryStream();
        using (var json = new Utf8JsonWriter(bytes, Plain))
        {
            json.WriteStartObject();
            json.WriteString("w", scenario.Work);
            json.WriteString("peer", peer);
            json.WriteString("variant", variant);
            json.WriteString("scenario", scenario.Name);
            if (_disk is not null) json.WriteString("disk", _disk);
            foreach (var (name, value) in figures) json.WriteNumber(name, Round(value));
            json.WriteEndObject();
        }
        var line = Encoding.UTF8.GetString(bytes.ToArray());
        console.WriteLine(line);
        if (_file is not null) File.AppendAllText(_file, line + "\n");
    }

    /// <summary>Digits beyond these are noise.</summary>
    private static double Round(double value) => Math.Round(value, Math.Abs(value) switch { < 10 => 4, < 1000 => 2, _ => 0 });

    /// <summary>A disk that was made slower for the run, with a preloaded library that delays each sync by SLOWSYNC_US: such results stand apart.</summary>
    private static string? DescribeDisk(Func<string, string?> environment) =>
        environment("LD_PRELOAD")?.Contains("slowsync", StringComparison.Ordinal) == true ? $"+{environment("SLOWSYNC_US") ?? "2000"}us" : null;
}

/// <summary>A number with a name; the unit is in the name.</summary>
internal readonly record struct Figure(string Name, double Value)
{
    public static implicit operator Figure((string Name, double Value) figure) => new(figure.Name, figure.Value);
}
