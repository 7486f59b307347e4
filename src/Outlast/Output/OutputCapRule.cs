namespace Outlast.Output;

/// <summary>What a cap leaves of a log that outgrew it. The middle goes in whole pages, for only whole pages give their room back.</summary>
/// <param name="Head">So many bytes at the beginning always stay.</param>
/// <param name="Limit">More than so many after what is gone (or after the beginning) are too many.</param>
/// <param name="Keep">So many at the end stay when it was too many.</param>
internal readonly record struct OutputCapRule(long Head, long Limit, long Keep)
{
    public const int Page = 4096;

    /// <summary>The rule of a cap; none where nothing is ever removed.</summary>
    public static OutputCapRule? Of(long? cap, OutputPolicy policy) => (cap, policy) switch
    {
        (null, _) => null,
        ({ } most, OutputPolicy.Tail) => new(0, most, most / 2),
        ({ } most, OutputPolicy.KeepEnds) => KeepEnds(most),
        // The host ends the task at its cap. While there is none, twice as much is the ceiling.
        ({ } most, OutputPolicy.Stop) => KeepEnds(most <= long.MaxValue / 4 ? most * 2 : most),
        _ => throw new ArgumentOutOfRangeException(nameof(policy)),
    };

    /// <summary>The rule by which the host cuts what such a command prints; none where a keeper does, or nothing is ever removed.</summary>
    public static OutputCapRule? WithoutKeeper(ProcessSpec spec) => spec is { OutputVia: OutputRoute.File, OutputPolicy: not OutputPolicy.Stop } ? Of(spec.OutputCap, spec.OutputPolicy) : null;

    /// <summary>What is to be gone of a log of that size, of which so much is gone already.</summary>
    public DroppedRange Next(long size, DroppedRange gone)
    {
        var done = gone.Length > 0 ? gone.To : Head;
        var to = (size - Keep) / Page * Page;
        return size - done > Limit && to > done ? new(Head, to) : gone;
    }

    private static OutputCapRule KeepEnds(long cap)
    {
        var head = (cap / 2 + Page - 1) / Page * Page;
        return new(head, cap - head, cap / 2);
    }
}
