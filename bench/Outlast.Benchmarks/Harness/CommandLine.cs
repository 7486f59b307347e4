using System.Globalization;

namespace Outlast.Benchmarks.Harness;

/// <summary>What the caller asked for.</summary>
/// <param name="Scenarios">Which scenarios; none: tell what there is.</param>
/// <param name="Sizes">Sizes other than the defaults.</param>
internal sealed record CommandLine(IReadOnlyList<Scenario> Scenarios, IReadOnlyDictionary<string, int> Sizes)
{
    /// <exception cref="FormatException">Something is no scenario, no size of any chosen one, or no number.</exception>
    public static CommandLine Parse(string[] args, IReadOnlyList<Scenario> known)
    {
        var chosen = new List<Scenario>();
        var sizes = new Dictionary<string, int>();
        for (var i = 0; i < args.Length; i++)
        {
            if (args[i] is "list") continue;
            if (args[i] is "all") chosen.AddRange(known);
            else if (!args[i].StartsWith("--", StringComparison.Ordinal)) chosen.Add(Find(args[i], known));
            else if (i + 1 < args.Length && int.TryParse(args[i + 1], NumberStyles.None, CultureInfo.InvariantCulture, out var size)) sizes[args[i++][2..]] = size;
            else throw new FormatException($"{args[i]} needs a number.");
        }
        var settable = chosen.SelectMany(s => s.Sizes).Select(s => s.Name).ToHashSet();
        var stray = sizes.Keys.FirstOrDefault(name => !settable.Contains(name));
        return stray is null ? new(chosen, sizes) : throw new FormatException($"None of the chosen scenarios has --{stray}; `list` shows what each has.");
    }

    private static Scenario Find(string name, IReadOnlyList<Scenario> known) =>
        known.FirstOrDefault(s => s.Name == name) ?? throw new FormatException($"'{name}' is no scenario; there are: {string.Join(' ', known.Select(s => s.Name))}");
}
