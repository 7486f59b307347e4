using System.Globalization;

namespace Outlast.Runners.Processes;

/// <summary>The few lines of POSIX shell around a task's command: they say that it started and how it ended, and outlive a signal to the group.</summary>
/// <remarks>
/// Called as <c>sh -c SCRIPT sh FOLDER PROGRAM ARGUMENT...</c>, with 0: standard input, 1 and 2: <c>/dev/null</c>, 6: the writing end of <c>stdin.eof</c> where the input is open, 7: the command's standard error where it is separate, 8: its standard output, 9: the attempt's lock.
/// Only builtins and absolute paths, for PATH is the task's. No variable of its own may bear a name that the task exports.
/// </remarks>
internal static class WrapperScript
{
    /// <summary>How the names of its own variables begin.</summary>
    public const string OwnNames = "_outlast_";

    /// <summary>Held by the wrapper alone, and for nothing but that its holder sees when the wrapper is gone.</summary>
    public const int InputEndDescriptor = 6;

    public const int ErrorDescriptor = 7, OutputDescriptor = 8, LockDescriptor = 9;

    /// <summary>The exit code of a wrapper that started nothing.</summary>
    public const int NotStarted = 125;

    public static string Compose(ProcessSpec spec, TaskEnvironment environment, int? umask, long? openFiles)
    {
        var steps = new List<string>();
        if (umask is { } mask) steps.Add("umask " + Convert.ToString(mask, 8).PadLeft(3, '0'));
        if (openFiles is { } limit) steps.Add("ulimit -Sn " + limit.ToString(CultureInfo.InvariantCulture));
        if (environment.Restore.Length > 0) steps.Add(environment.Restore);
        var setUp = string.Concat(steps.Select(s => s + "; "));
        var stdin = spec.Stdin.Kind switch
        {
            StdinKind.Fifo => " <\"$_outlast_d/stdin\"",
            StdinKind.Open => $" {InputEndDescriptor}>&-",
            StdinKind.None or StdinKind.Text => "",
        };
        // Said when it is so: a sender that came before would send into a pipe that nobody may ever read.
        var open = spec.Stdin.Kind == StdinKind.Open ? "exec <\"$_outlast_d/stdin\"; true >\"$_outlast_d/stdin.open\"; " : "";
        var stderr = spec.Stderr == StderrMode.Separate ? ErrorDescriptor : OutputDescriptor;
        // The traps are handlers, not '': an ignored signal would stay ignored in the command.
        // An EXIT trap set just before exec runs only if exec failed: the one exact way to tell a refused program from a command's own 126 or 127.
        return $$"""
            umask 077
            _outlast_d=$1; shift; _outlast_s=
            for _outlast_t in {{Signals.Deadly}}; do trap "_outlast_s=\"\$_outlast_s $_outlast_t\"" $_outlast_t; done
            set -C
            echo "$$ end" >"$_outlast_d/pid" || exit {{NotStarted}}
            _outlast_r={{NotStarted}}
            [ "$_outlast_s" ] || { (trap 'echo >"$_outlast_d/refused"' EXIT; {{open}}{{setUp}}exec {{environment.Prefix}}"$@"{{stdin}} >&8 2>&{{stderr}} 7>&- 8>&- 9>&-); _outlast_r=$?; }
            echo "$_outlast_r$_outlast_s end" 1<>"$_outlast_d/exit"
            exit $_outlast_r
            """;
    }
}
