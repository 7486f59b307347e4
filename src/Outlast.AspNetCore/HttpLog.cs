using Microsoft.Extensions.Logging;

namespace Outlast.AspNetCore;

/// <summary>What the server says in the host's log.</summary>
internal static partial class HttpLog
{
    [LoggerMessage(LogLevel.Warning, "A reader of {Route} did not read for {Seconds} s and was let go; it can go on from its offset.")]
    public static partial void SlowReader(ILogger log, string route, double seconds);

    [LoggerMessage(LogLevel.Error, "{Method} {Route} failed.")]
    public static partial void Failed(ILogger log, Exception fault, string method, string route);

    [LoggerMessage(LogLevel.Information, "Asked to go by {Actor} via {Via}.")]
    public static partial void ShutdownAsked(ILogger log, string actor, string? via);

    [LoggerMessage(LogLevel.Information, "The outlast command is answered at {Socket}.")]
    public static partial void Listens(ILogger log, string socket);

    [LoggerMessage(LogLevel.Information, "Asked by {Actor} via {Via} to be followed by {Program}.")]
    public static partial void RestartAsked(ILogger log, string actor, string? via, string program);
}
