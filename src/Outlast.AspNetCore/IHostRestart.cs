namespace Outlast.AspNetCore;

/// <summary>Replaces the program of a host by another in the same process; offered by a program that is nothing but a host.</summary>
public interface IHostRestart
{
    /// <summary>Finds out whether the program can serve, and remembers it as the one that follows when the host goes.</summary>
    /// <param name="program">The argument list that starts it, without <c>serve</c>; none: the host's own.</param>
    /// <param name="asker">The task from inside which it is asked for.</param>
    /// <param name="cancel">Gives up; the host goes on.</param>
    /// <returns>The version that follows.</returns>
    /// <exception cref="RestartRefusedException">It cannot serve, or tasks ask too often.</exception>
    /// <exception cref="DrainingException">Another follows already, or the host goes for good.</exception>
    Task<string> PrepareAsync(IReadOnlyList<string>? program, TaskId? asker, CancellationToken cancel);

    /// <summary>What was to follow does not; the host goes on, and may be asked again.</summary>
    void Withdraw();

    /// <summary>The host goes for good: nothing follows from now on, not even a program that is being looked at.</summary>
    void CallOff();
}

/// <summary>A host is not replaced, and goes on.</summary>
/// <param name="message">Why.</param>
/// <param name="isLoop">Whether tasks ask for one restart after the other.</param>
public sealed class RestartRefusedException(string message, bool isLoop = false) : OutlastException(message)
{
    /// <summary>Whether tasks ask for one restart after the other.</summary>
    public bool IsLoop { get; } = isLoop;
}
