using System.Globalization;
using System.Text;

namespace Outlast.TestKit.Properties;

/// <summary>Looks for a walk of steps that breaks a rule, and shows the shortest one that it can find.</summary>
/// <remarks>
/// Seeds are new in each run and named in the message; <c>OUTLAST_SEED</c> repeats one. A walk must depend on its steps alone: the same steps, the same verdict.
/// </remarks>
public static class Property
{
    /// <summary>Checks <paramref name="walks"/> random walks of up to <paramref name="length"/> steps.</summary>
    /// <param name="next">Draws a step.</param>
    /// <param name="simpler">Simpler steps that may stand in the place of one, for the counterexample.</param>
    /// <param name="walk">Takes the steps and throws when the rule is broken.</param>
    /// <param name="walks">How many walks.</param>
    /// <param name="length">The most steps of a walk.</param>
    /// <param name="seed">Where the seeds begin, for a test that must come to the same each time; none: new ones.</param>
    /// <exception cref="PropertyBrokenException">With the shortest counterexample found.</exception>
    public static void Holds<TStep>(Func<Random, TStep> next, Func<TStep, IEnumerable<TStep>> simpler, Action<IReadOnlyList<TStep>> walk, int walks = 200, int length = 80, int? seed = null)
    {
        var repeated = Environment.GetEnvironmentVariable("OUTLAST_SEED") is { Length: > 0 } text ? int.Parse(text, CultureInfo.InvariantCulture) : (int?)null;
        for (var i = 0; i < (repeated is null ? walks : 1); i++)
        {
            var drawn = repeated ?? (seed is { } first ? first + i : Random.Shared.Next());
            var random = new Random(drawn);
            var steps = Enumerable.Range(0, 1 + random.Next(length)).Select(_ => next(random)).ToList();
            if (Try(walk, steps) is not { } broken) continue;
            // What was broken last belongs to the shortest; a walk that depends on more than its steps may hold when it is taken once more.
            var shortest = Shrinker.Shrink(steps, simpler, candidate =>
            {
                var again = Try(walk, candidate);
                broken = again ?? broken;
                return again is not null;
            });
            throw new PropertyBrokenException(drawn, shortest.Select(s => s!.ToString()!).ToList(), broken);
        }
    }

    private static Exception? Try<TStep>(Action<IReadOnlyList<TStep>> walk, IReadOnlyList<TStep> steps)
    {
        try
        {
            walk(steps);
            return null;
        }
        catch (Exception e)
        {
            return e;
        }
    }
}

/// <summary>A rule does not hold: the seed, and the shortest walk found that breaks it.</summary>
public sealed class PropertyBrokenException(int seed, IReadOnlyList<string> steps, Exception broken) : Exception(Tell(seed, steps, broken), broken)
{
    /// <summary>The steps of the shortest walk found.</summary>
    public IReadOnlyList<string> Steps { get; } = steps;

    private static string Tell(int seed, IReadOnlyList<string> steps, Exception broken)
    {
        var text = new StringBuilder().Append(CultureInfo.InvariantCulture, $"Broken after {steps.Count} steps (OUTLAST_SEED={seed}): {broken.Message}");
        for (var i = 0; i < steps.Count; i++) text.Append(CultureInfo.InvariantCulture, $"\n  {i + 1}. {steps[i]}");
        return text.ToString();
    }
}
