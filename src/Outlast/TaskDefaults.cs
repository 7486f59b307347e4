using System.Collections.Immutable;
using System.Text.Json;

namespace Outlast;

/// <summary>Limits of a task that does not set its own.</summary>
public sealed class TaskDefaults
{
    /// <summary>Wall-clock limit of a process. None: no limit.</summary>
    /// <value>None.</value>
    public TimeSpan? ProcessTimeout { get; init; }
    /// <summary>Inactivity limit of a process. None: no limit.</summary>
    /// <value>None.</value>
    public TimeSpan? ProcessIdleTimeout { get; init; }
    /// <summary>After how much silence of a process a warning goes out. None: no warning.</summary>
    /// <value>30 minutes; half the limit where the limit is shorter.</value>
    public TimeSpan? ProcessIdleWarning { get; init; } = TimeSpan.FromMinutes(30);
    /// <summary>How long a stop waits between asking and killing a process.</summary>
    /// <value>10 seconds.</value>
    public TimeSpan ProcessStopGrace { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Wall-clock limit of a handler. None: no limit.</summary>
    /// <value>None.</value>
    public TimeSpan? HandlerTimeout { get; init; }
    /// <summary>Inactivity limit of a handler. None: no limit.</summary>
    /// <value>None.</value>
    public TimeSpan? HandlerIdleTimeout { get; init; }
    /// <summary>After how much silence of a handler a warning goes out. None: no warning.</summary>
    /// <value>30 minutes; half the limit where the limit is shorter.</value>
    public TimeSpan? HandlerIdleWarning { get; init; } = TimeSpan.FromMinutes(30);
    /// <summary>How long a stop waits for a handler's next boundary before it breaks off what is in flight.</summary>
    /// <value>30 seconds.</value>
    public TimeSpan HandlerStopGrace { get; init; } = TimeSpan.FromSeconds(30);
    /// <summary>How long a question may be answered that does not say itself. None: for ever.</summary>
    /// <value>24 hours.</value>
    public TimeSpan? QuestionExpiry { get; init; } = TimeSpan.FromHours(24);

    /// <summary>The most bytes of a process's output. None: no cap.</summary>
    /// <value>1 GiB.</value>
    public long? OutputCap { get; init; } = 1L << 30;
    /// <summary>What happens at the cap.</summary>
    /// <value>The first and the last half stay.</value>
    public OutputPolicy OutputPolicy { get; init; } = OutputPolicy.KeepEnds;

    /// <summary>A command, with every default resolved. It starts in this program's folder with this program's environment.</summary>
    /// <param name="argv">Program and arguments; at least the program.</param>
    public TaskSpec OfProcess(ImmutableArray<string> argv)
    {
        var variables = ImmutableSortedDictionary.CreateBuilder<string, string>(StringComparer.Ordinal);
        foreach (System.Collections.DictionaryEntry variable in Environment.GetEnvironmentVariables()) variables[(string)variable.Key] = (string?)variable.Value ?? "";
        return new()
        {
            Name = Path.GetFileName(argv[0]) is { Length: > 0 } program ? program : argv[0],
            Process = new() { Argv = argv, Cwd = Environment.CurrentDirectory, Environment = variables.ToImmutable(), OutputCap = OutputCap, OutputPolicy = OutputPolicy },
            Timeout = ProcessTimeout,
            IdleTimeout = ProcessIdleTimeout,
            IdleWarning = MoveWarning(ProcessIdleWarning, warningWasSet: false, ProcessIdleTimeout),
            StopGrace = ProcessStopGrace,
        };
    }

    /// <summary>A handler's task, with every default resolved.</summary>
    /// <param name="handler">The handler's name.</param>
    /// <param name="input">What it is given.</param>
    public TaskSpec OfHandler(string handler, JsonElement? input = null) => new()
    {
        Name = handler,
        Handler = handler,
        Input = input,
        Timeout = HandlerTimeout,
        IdleTimeout = HandlerIdleTimeout,
        IdleWarning = MoveWarning(HandlerIdleWarning, warningWasSet: false, HandlerIdleTimeout),
        StopGrace = HandlerStopGrace,
    };

    /// <summary>The same without a cap: for a machine that cannot keep one.</summary>
    internal TaskDefaults WithoutCap() => new()
    {
        ProcessTimeout = ProcessTimeout,
        ProcessIdleTimeout = ProcessIdleTimeout,
        ProcessIdleWarning = ProcessIdleWarning,
        ProcessStopGrace = ProcessStopGrace,
        HandlerTimeout = HandlerTimeout,
        HandlerIdleTimeout = HandlerIdleTimeout,
        HandlerIdleWarning = HandlerIdleWarning,
        HandlerStopGrace = HandlerStopGrace,
        QuestionExpiry = QuestionExpiry,
        OutputCap = null,
        OutputPolicy = OutputPolicy.Stop,
    };

    /// <summary>The warning in force: the one that was set, or the default moved to half the limit when the limit is shorter.</summary>
    public static TimeSpan? MoveWarning(TimeSpan? warning, bool warningWasSet, TimeSpan? limit) =>
        warning is { } w && limit is { } l && w >= l && !warningWasSet ? l / 2 : warning;
}
