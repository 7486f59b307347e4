namespace Outlast.AspNetCore;

/// <summary>Collects what is wrong with a request, by the path of the field, so that all of it is told at once.</summary>
internal sealed class FieldErrors
{
    private readonly SortedDictionary<string, List<string>> _errors = new(StringComparer.Ordinal);

    public void Add(string path, string text)
    {
        if (!_errors.TryGetValue(path, out var texts)) _errors[path] = texts = [];
        texts.Add(text);
    }

    /// <exception cref="RefusedException">Something is wrong.</exception>
    public void ThrowIfAny(string title)
    {
        if (_errors.Count > 0) throw new RefusedException(Problem.Invalid(_errors.ToDictionary(e => e.Key, e => e.Value.ToArray()), title));
    }
}

/// <summary>The request is answered with a problem.</summary>
internal sealed class RefusedException(Problem problem) : Exception(problem.Title)
{
    public Problem Problem { get; } = problem;
}
