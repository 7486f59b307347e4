using System.CommandLine;
using System.Globalization;
using Outlast.Cli.Calling;
using Outlast.Client;

namespace Outlast.Cli.Verbs;

/// <summary>The options of <c>run</c>, and the request that they and the caller make.</summary>
internal sealed class RunOptions
{
    private readonly Option<string?> _name = Text("--name", "A short name; otherwise the program's", "NAME");
    private readonly Option<string?> _session = Text("--session", $"The conversation or client that it belongs to, and that is told of its end; otherwise ${Caller.SessionVariable}", "S");
    private readonly Option<string?> _group = Text("--group", "Tasks that are awaited together: their session is told once when all of them have ended", "G");
    private readonly Option<string?> _notify = Word("--notify", "Of what its session is told: its end (each, default), only the end of its whole --group (last), its end unless it completed (failures), or no end (none)", "each", "last", "failures", "none");
    private readonly Option<string[]> _labels = new("--label") { Description = "A mark to find it by; several times", HelpName = "K=V" };
    private readonly Option<string?> _folder = Text("--cwd", "The folder it starts in; otherwise this one", "DIR");
    private readonly Option<string[]> _environment = new("--env") { Description = "A variable, added to this environment; several times", HelpName = "K=V" };
    private readonly Option<string?> _stdin = Text("--stdin", "What it reads: none (default), - for what is piped in here, open for what 'send' sends it, or a text", "none|-|open|TEXT");
    private readonly Option<string?> _stderr = Word("--stderr", "One log in order (merge), or one of its own (separate); default: merge with -d or where both lead to the same place here", "merge", "separate");
    private readonly Option<string?> _outputVia = Word("--output-via", "Who writes the log: a keeper between (pipe, default), or the command itself (file; its cap then holds only while a host lives and the task runs)", "pipe", "file");
    private readonly Option<string?> _leftovers = Word("--leftovers", "What becomes of processes that it leaves behind: they live on (keep, default), are stopped (stop), or are waited for (wait)", "keep", "stop", "wait");
    private readonly Option<string?> _timeout = Text("--timeout", "The limit on its whole time", "D");
    private readonly Option<string?> _idleTimeout = Text("--idle-timeout", "The limit on its silence", "D");
    private readonly Option<string?> _idleWarning = Text("--idle-warning", "Warn after so much silence", "D");
    private readonly Option<string?> _stopSignal = Text("--stop-signal", "The signal that asks it to stop; otherwise TERM", "SIG");
    private readonly Option<string?> _stopGrace = Text("--stop-grace", "How long a stop waits before it kills; otherwise 10s", "D");
    private readonly Option<string?> _outputCap = Text("--output-cap", "The most of its output that stays, for example 10MiB; otherwise 1GiB", "SIZE|none");
    private readonly Option<string?> _outputPolicy = Word("--output-policy", "At the cap: the first and last half stay (keep-ends, default), the last half (tail), or it is stopped (stop)", "keep-ends", "tail", "stop");
    private readonly Option<string?> _in = Text("--in", "Start it after so long, not now", "D");
    private readonly Option<string?> _at = Text("--at", "Start it then, not now: 08:30, 2026-11-27T08:30 (both here), or with a zone", "TIME");
    private readonly Option<string?> _startBy = Text("--start-by", "It ends as timed out if it has not started by then, or so long after it may", "D|TIME");
    private readonly Option<int?> _priority = Priority();
    private readonly Option<long?> _retry = Verb.Number("--retry", "Try again when it fails, at most so often", least: 1);
    private readonly Option<string?> _retryBackoff = Text("--retry-backoff", "Wait so long before it is tried again, each time twice as long; otherwise 1s", "D");
    private readonly Option<string?> _retryOn = RetryOn();
    private readonly Option<bool> _detached = new("--detached") { Description = "The end and the stop of its parent pass it by" };
    private readonly Option<string?> _children = Word("--children", "What its end does to tasks that it has started: it waits for them (wait, default), stops them (stop), or lets them go on (detach)", "wait", "stop", "detach");
    private readonly Option<string?> _budget = Text("--budget", "What it and all that it starts may use together: time since its start, output, tasks ever started", "wall=D,output=SIZE,tasks=N");
    private readonly Option<bool> _refuseWhenFull = new("--refuse-when-full") { Description = "Fail instead of waiting in the queue" };
    private readonly Option<bool> _repeatable = new("--repeatable") { Description = "It may be run again when nobody can know how it ended" };

    public Option<bool> Detach { get; } = new("--detach", "-d") { Description = "Only start it, and print its id" };
    public Option<string?> Parent { get; } = Text("--parent", "The task it belongs to; inside a task otherwise that one", "ID|none");
    public Option<string?> IdempotencyKey { get; } = Text("--idempotency-key", "The same key and command again gives the same task", "K");

    public IEnumerable<Option> All =>
    [
        Detach, _name, _session, _group, _notify, _labels, Parent, _folder, _environment, _stdin, _stderr, _outputVia, _outputCap, _outputPolicy, _timeout, _idleTimeout, _idleWarning, _stopSignal, _stopGrace,
        _leftovers, _detached, _children, _budget, _in, _at, _startBy, _priority, _retry, _retryBackoff, _retryOn, _refuseWhenFull, _repeatable, IdempotencyKey,
    ];

    public SubmitRequest ToRequest(ParseResult parsed, Caller caller, IReadOnlyList<string> argv, DateTimeOffset now)
    {
        var detach = parsed.GetValue(Detach);
        if (parsed.GetValue(_in) is not null && parsed.GetValue(_at) is not null) throw CommandException.Usage("--in and --at exclude each other");
        var labels = Verb.Pairs("--label", parsed.GetValue(_labels) ?? []);
        var environment = new Dictionary<string, string>(caller.Environment);
        foreach (var (name, value) in Verb.Pairs("--env", parsed.GetValue(_environment) ?? [])) environment[name] = value;
        var session = parsed.GetValue(_session);
        // What it starts itself belongs to the same.
        if (session is not null && environment.ContainsKey(Caller.SessionVariable)) environment[Caller.SessionVariable] = session;
        return new()
        {
            Name = parsed.GetValue(_name),
            Session = session ?? caller.Variable(Caller.SessionVariable),
            Group = parsed.GetValue(_group),
            Notify = parsed.GetValue(_notify),
            Labels = labels.Count > 0 ? labels : null,
            Timeout = parsed.GetValue(_timeout),
            IdleTimeout = parsed.GetValue(_idleTimeout),
            IdleWarning = parsed.GetValue(_idleWarning),
            StopGrace = parsed.GetValue(_stopGrace),
            Repeatable = parsed.GetValue(_repeatable) ? true : null,
            WhenFull = parsed.GetValue(_refuseWhenFull) ? "refuse" : null,
            In = parsed.GetValue(_in),
            At = parsed.GetValue(_at) is { } at ? LocalTime.Read("--at", at, now, TimeZoneInfo.Local) : null,
            StartBy = parsed.GetValue(_startBy) is { } startBy ? LocalTime.ReadUnlessLength("--start-by", startBy, now, TimeZoneInfo.Local) : null,
            Priority = parsed.GetValue(_priority),
            Retry = Retry(parsed),
            Detached = parsed.GetValue(_detached) ? true : null,
            Children = parsed.GetValue(_children),
            Budget = Budget(parsed.GetValue(_budget)),
            Process = new()
            {
                Argv = argv,
                Cwd = Path.GetFullPath(parsed.GetValue(_folder) ?? ".", caller.Folder),
                EnvExact = environment,
                Stdin = Stdin(parsed.GetValue(_stdin), detach),
                Stderr = parsed.GetValue(_stderr) ?? (detach || Caller.SameTarget(1, 2) ? "merge" : "separate"),
                OutputVia = parsed.GetValue(_outputVia),
                OutputCap = parsed.GetValue(_outputCap),
                OutputPolicy = parsed.GetValue(_outputPolicy),
                Leftovers = parsed.GetValue(_leftovers),
                StopSignal = parsed.GetValue(_stopSignal),
                Umask = Caller.Umask,
                OpenFiles = caller.OpenFiles,
            },
        };
    }

    private RetryRequest? Retry(ParseResult parsed)
    {
        if (parsed.GetValue(_retry) is { } max) return new((int)Math.Min(max, int.MaxValue), parsed.GetValue(_retryBackoff), parsed.GetValue(_retryOn)?.Split(',', StringSplitOptions.TrimEntries));
        if (parsed.GetValue(_retryBackoff) is not null) throw CommandException.Usage("--retry-backoff needs --retry N");
        if (parsed.GetValue(_retryOn) is not null) throw CommandException.Usage("--retry-on needs --retry N");
        return null;
    }

    private static StdinView Stdin(string? text, bool detach) => text switch
    {
        null or "none" => StdinView.None,
        "-" when detach => throw CommandException.Usage("--stdin - needs this program to stay: leave out -d, or give the text itself"),
        "-" => StdinView.Fifo,
        "open" => StdinView.Open,
        _ => StdinView.Of(text),
    };

    private static BudgetRequest? Budget(string? text)
    {
        if (text is null) return null;
        var budget = new BudgetRequest();
        foreach (var (key, value) in Verb.Pairs("--budget", text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)))
        {
            budget = key switch
            {
                "wall" => budget with { Wall = value },
                "output" => budget with { OutputBytes = value },
                "tasks" when int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var tasks) => budget with { Tasks = tasks },
                "tasks" => throw CommandException.Usage($"--budget tasks='{value}' is no whole number"),
                _ => throw CommandException.Usage($"--budget '{key}' is nothing that is counted; there are wall, output and tasks, for example --budget wall=2h,output=1GiB,tasks=50"),
            };
        }
        return budget == new BudgetRequest() ? throw CommandException.Usage("--budget says nothing; write --budget wall=2h,output=1GiB,tasks=50, or some of it") : budget;
    }

    private static Option<string?> Text(string name, string description, string value) => new(name) { Description = description, HelpName = value };

    private static Option<string?> RetryOn()
    {
        string[] ends = ["failed", "lost", "timed_out"];
        var option = Text("--retry-on", "After which ends it is tried again; otherwise failed", string.Join(',', ends));
        option.Validators.Add(result =>
        {
            if (result.Tokens is [var token] && token.Value.Split(',', StringSplitOptions.TrimEntries).FirstOrDefault(word => !ends.Contains(word)) is { } unknown)
                result.AddError($"--retry-on '{unknown}' is not there; use {string.Join(", ", ends)}, or several with commas between");
        });
        return option;
    }

    private static Option<int?> Priority() => new("--priority")
    {
        Description = "Among tasks that wait for a place, larger ones go first, from -100 to 100; otherwise 0",
        HelpName = "N",
        CustomParser = result =>
        {
            if (int.TryParse(result.Tokens[0].Value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) && number is >= -100 and <= 100) return number;
            result.AddError($"--priority '{result.Tokens[0].Value}' is no whole number from -100 to 100");
            return null;
        },
    };

    public static Option<string?> Word(string name, string description, params string[] words)
    {
        var option = Text(name, description, string.Join('|', words));
        option.Validators.Add(result =>
        {
            if (result.Tokens is [var token] && !words.Contains(token.Value)) result.AddError($"{name} '{token.Value}' is not there; use {string.Join(" or ", words)}");
        });
        return option;
    }
}
