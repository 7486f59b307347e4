namespace Outlast.Cli;

/// <summary>What was asked for cannot be done: what is wrong, what to do next, and the exit code.</summary>
internal class CommandException(string message, int exitCode) : Exception(message)
{
    public int ExitCode { get; } = exitCode;

    public static CommandException Usage(string message) => new(message, ExitCodes.Usage);
}
