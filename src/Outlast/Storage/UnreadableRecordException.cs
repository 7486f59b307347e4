namespace Outlast.Storage;

/// <summary>A stored document is not what a program wrote: cut short, of another shape, or with values that no record can have.</summary>
public sealed class UnreadableRecordException(string field, string problem, Exception? inner = null) : OutlastException($"{field} {problem}", inner)
{
    /// <summary>Which field, as a JSON path; <c>$</c> for the document as a whole.</summary>
    public string Field { get; } = field;

    /// <summary>What is wrong with it.</summary>
    public string Problem { get; } = problem;
}
