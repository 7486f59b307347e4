namespace Outlast.TestKit.Properties;

/// <summary>Makes a failing sequence simpler: leaves out ever smaller runs of steps, then puts simpler steps in their places, as long as it still fails.</summary>
public static class Shrinker
{
    /// <summary>A sequence that still fails, from which no single step can be left out and in which none can be made simpler.</summary>
    /// <param name="steps">What fails.</param>
    /// <param name="simpler">Simpler steps to try in the place of one; must come to an end.</param>
    /// <param name="fails">Whether a sequence fails.</param>
    public static IReadOnlyList<T> Shrink<T>(IReadOnlyList<T> steps, Func<T, IEnumerable<T>> simpler, Func<IReadOnlyList<T>, bool> fails)
    {
        var current = steps;
        for (var progress = true; progress;)
        {
            var before = current;
            for (var run = Math.Max(1, current.Count / 2); run >= 1; run /= 2) current = LeaveOutRuns(current, run, fails);
            current = Simplify(current, simpler, fails);
            progress = !ReferenceEquals(before, current);
        }
        return current;
    }

    private static IReadOnlyList<T> LeaveOutRuns<T>(IReadOnlyList<T> steps, int run, Func<IReadOnlyList<T>, bool> fails)
    {
        var current = steps;
        for (var from = 0; from < current.Count;)
        {
            var candidate = current.Take(from).Concat(current.Skip(from + run)).ToList();
            if (fails(candidate)) current = candidate;
            else from += run;
        }
        return current;
    }

    private static IReadOnlyList<T> Simplify<T>(IReadOnlyList<T> steps, Func<T, IEnumerable<T>> simpler, Func<IReadOnlyList<T>, bool> fails)
    {
        var current = steps;
        for (var at = 0; at < current.Count; at++)
        {
            foreach (var step in simpler(current[at]))
            {
                var candidate = current.ToList();
                candidate[at] = step;
                if (!fails(candidate)) continue;
                current = candidate;
                break;
            }
        }
        return current;
    }
}
