using System.Collections.Frozen;
using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;

namespace Outlast.AspNetCore;

/// <summary>What a posted document asks for.</summary>
internal sealed record ReadSubmission(TaskSpec Spec, TaskId? Parent);

/// <summary>Turns a posted document into a spec in which every default is resolved. A spec as it was read can be posted again.</summary>
internal sealed class SpecReader(TaskDefaults defaults, HostEnvironment host, TimeProvider time)
{
    internal const int LongestName = 200;
    private const int LongestLabel = 1000, MostLabels = 64, LongestStdin = 1024 * 1024, LongestPath = 4096, MostTasksOfBudget = 1_000_000;

    private static readonly FrozenSet<string> LaterFields = FrozenSet.ToFrozenSet(
        ["agent", "external"], StringComparer.Ordinal);

    private static readonly FrozenDictionary<string, NotifyPolicy> NotifyPolicies = Words(Enum.GetValues<NotifyPolicy>().Select(p => (Names.Of(p), p)));
    private static readonly FrozenDictionary<string, bool> WhenFull = Words(("queue", false), ("refuse", true));
    private static readonly FrozenDictionary<string, StderrMode> StderrModes = Words(("merge", StderrMode.Merge), ("separate", StderrMode.Separate));
    private static readonly FrozenDictionary<string, OutputRoute> OutputRoutes = Words(("pipe", OutputRoute.Pipe), ("file", OutputRoute.File));
    private static readonly FrozenDictionary<string, OutputPolicy> OutputPolicies = Words(Enum.GetValues<OutputPolicy>().Select(p => (Names.Of(p), p)));
    private static readonly FrozenDictionary<string, LeftoverPolicy> LeftoverPolicies = Words(("keep", LeftoverPolicy.Keep), ("stop", LeftoverPolicy.Stop), ("wait", LeftoverPolicy.Wait));
    private static readonly FrozenDictionary<string, ChildPolicy> ChildPolicies = Words(("wait", ChildPolicy.Wait), ("stop", ChildPolicy.Stop), ("detach", ChildPolicy.Detach));
    /// <summary>Every named signal whose default is death.</summary>
    private static readonly FrozenSet<string> StopSignals = FrozenSet.ToFrozenSet(
        ["HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM", "TERM", "STKFLT", "XCPU", "XFSZ", "VTALRM", "PROF", "IO", "PWR", "SYS"],
        StringComparer.Ordinal);

    /// <summary>Reads the document.</summary>
    /// <exception cref="RefusedException">With everything that is wrong with it.</exception>
    public ReadSubmission Read(JsonElement document)
    {
        var errors = new FieldErrors();
        var read = Read(new JsonFields(document, "", errors));
        errors.ThrowIfAny("The task cannot be accepted");
        return read;
    }

    /// <summary>Reads a document that has a list of tasks, <c>tasks</c>, and nothing else.</summary>
    /// <exception cref="RefusedException">With everything that is wrong with any of them.</exception>
    public ImmutableArray<ReadSubmission> ReadMany(JsonElement document)
    {
        var errors = new FieldErrors();
        var fields = new JsonFields(document, "", errors);
        var tasks = fields.Objects("tasks", 1, TaskBatch.MostTasks) ?? [];
        fields.FailOnRest(FrozenSet<string>.Empty);
        ImmutableArray<ReadSubmission> read = [.. tasks.Select(Read)];
        errors.ThrowIfAny("The tasks cannot be accepted");
        return read;
    }

    /// <summary>Whether that can be the name of a session.</summary>
    public static bool IsSession(string name) => name is not ("." or "..") && name.Length <= LongestName && !string.IsNullOrWhiteSpace(name) && !name.Any(char.IsControl);

    /// <summary>Whether the document has a list of tasks and is not a task itself.</summary>
    public static bool IsMany(JsonElement document) => document.TryGetProperty("tasks", out var tasks) && tasks.ValueKind != JsonValueKind.Null;

    private ReadSubmission Read(JsonFields fields)
    {
        var (handler, input) = ReadHandler(fields);
        var process = ReadProcess(fields, isNeeded: handler is null);
        CheckKind(fields, handler is null ? TaskKind.Process : TaskKind.Handler);
        var limits = handler is null
            ? (Timeout: defaults.ProcessTimeout, IdleTimeout: defaults.ProcessIdleTimeout, IdleWarning: defaults.ProcessIdleWarning, StopGrace: defaults.ProcessStopGrace)
            : (Timeout: defaults.HandlerTimeout, IdleTimeout: defaults.HandlerIdleTimeout, IdleWarning: defaults.HandlerIdleWarning, StopGrace: defaults.HandlerStopGrace);
        var name = ReadLine(fields, "name", LongestName);
        var session = ReadLine(fields, "session", LongestName);
        if (session is not null && !IsSession(session)) fields.Fail("session", "is no name: a path cannot carry it");
        var group = ReadLine(fields, "group", LongestName);
        var labels = ReadLabels(fields);
        var parent = fields.Id("parent");
        var notify = ReadNotify(fields, session ?? parent?.ToString(), group);
        var timeout = fields.Limit("timeout", out var wall) ? wall : limits.Timeout;
        var idleTimeout = fields.Limit("idleTimeout", out var idle) ? idle : limits.IdleTimeout;
        var idleWarning = ReadIdleWarning(fields, limits.IdleWarning, idleTimeout);
        var stopGrace = ReadStopGrace(fields, limits.StopGrace);
        var repeatable = fields.Flag("repeatable") ?? false;
        var refuse = fields.Word("whenFull", WhenFull) ?? false;
        var (notBefore, startBy) = StartFields.ReadMoments(fields, time.GetUtcNow());
        var priority = StartFields.ReadPriority(fields);
        var retry = StartFields.ReadRetry(fields);
        var detached = fields.Flag("detached") ?? false;
        var children = fields.Word("children", ChildPolicies) ?? ChildPolicy.Wait;
        var budget = ReadBudget(fields);
        fields.FailOnRest(LaterFields);
        return new(new TaskSpec
        {
            Name = name ?? handler ?? DefaultName(process),
            Session = session,
            Group = group,
            Notify = notify,
            Labels = labels,
            Process = process,
            Handler = handler,
            Input = input,
            Timeout = timeout,
            IdleTimeout = idleTimeout,
            IdleWarning = idleWarning,
            StopGrace = stopGrace,
            Repeatable = repeatable,
            RefuseWhenFull = refuse,
            NotBefore = notBefore,
            StartBy = startBy,
            Priority = priority,
            Retry = retry,
            Detached = detached,
            Children = children,
            Budget = budget,
        }, parent);
    }

    private ProcessSpec? ReadProcess(JsonFields task, bool isNeeded)
    {
        // As it is read back, the names stand beside the process as well.
        var besides = task.Texts("envNames");
        if (!task.Has("process"))
        {
            if (isNeeded && !task.Has("agent")) task.Fail("process", "one of process, handler and agent is needed");
            if (!isNeeded && besides is not null) task.Fail("envNames", "goes with a process");
            return null;
        }
        if (task.Object("process") is not { } fields) return null;
        var argv = ReadArgv(fields);
        var cwd = ReadCwd(fields);
        var environment = ReadEnvironment(fields, besides);
        var stdin = ReadStdin(fields);
        var stderr = fields.Word("stderr", StderrModes) ?? StderrMode.Merge;
        var outputVia = fields.Word("outputVia", OutputRoutes) ?? OutputRoute.Pipe;
        var cap = fields.Size("outputCap", out var most) ? most : defaults.OutputCap;
        var policy = fields.Word("outputPolicy", OutputPolicies) ?? defaults.OutputPolicy;
        var leftovers = fields.Word("leftovers", LeftoverPolicies) ?? LeftoverPolicy.Keep;
        var stopSignal = ReadStopSignal(fields);
        var umask = ReadUmask(fields);
        var openFiles = fields.Whole("openFiles", 3, int.MaxValue);
        fields.FailOnRest(FrozenSet<string>.Empty);
        return new()
        {
            Argv = argv,
            Cwd = cwd,
            Environment = environment,
            Stdin = stdin,
            Stderr = stderr,
            OutputVia = outputVia,
            OutputCap = cap,
            OutputPolicy = policy,
            Leftovers = leftovers,
            StopSignal = stopSignal,
            Umask = umask,
            OpenFiles = openFiles,
        };
    }

    private static (string? Handler, JsonElement? Input) ReadHandler(JsonFields task)
    {
        if (!task.Has("handler"))
        {
            if (task.Has("input")) task.Fail("input", "goes with a handler");
            task.Skip("input");
            return (null, null);
        }
        if (task.Has("process"))
        {
            task.Fail("handler", "is given as well as process; give one of them");
            task.Skip("process");
        }
        var isText = task.IsText("handler");
        if (ReadLine(task, "handler", LongestName) is { } handler) return (handler, task.Value("input"));
        if (isText) task.Fail("handler", "has no name");
        // What is wrong has been said; the rest is looked at all the same.
        return ("", task.Value("input"));
    }

    private static ImmutableArray<string> ReadArgv(JsonFields fields)
    {
        if (fields.Has("argv") && fields.Has("shell")) fields.Fail("shell", "is given as well as argv; give one of them");
        if (fields.Text("shell") is { } shell)
        {
            CheckNoNul(fields, "shell", shell);
            if (string.IsNullOrWhiteSpace(shell)) fields.Fail("shell", "is empty");
            fields.Skip("argv");
            return ["/bin/sh", "-c", shell];
        }
        var given = fields.Has("argv") || fields.Has("shell");
        if (fields.Texts("argv") is not { } argv)
        {
            if (!given) fields.Fail("argv", "needs at least a program");
            return [];
        }
        if (argv.Count == 0) fields.Fail("argv", "needs at least a program");
        else if (argv[0].Length == 0) fields.Fail("argv[0]", "the program has no name");
        for (var i = 0; i < argv.Count; i++) CheckNoNul(fields, $"argv[{i}]", argv[i]);
        return [.. argv];
    }

    private static string ReadCwd(JsonFields fields)
    {
        if (fields.Text("cwd", LongestPath) is not { } cwd) return "/";
        CheckNoNul(fields, "cwd", cwd);
        if (!cwd.StartsWith('/')) fields.Fail("cwd", "must be absolute");
        return cwd;
    }

    private ImmutableSortedDictionary<string, string> ReadEnvironment(JsonFields fields, List<string>? namesBesides)
    {
        var exact = ReadVariables(fields, "envExact");
        var added = ReadVariables(fields, "env");
        var names = fields.Texts("envNames");
        if (names is not null && namesBesides is not null && !names.Order(StringComparer.Ordinal).SequenceEqual(namesBesides.Order(StringComparer.Ordinal)))
            fields.Fail("envNames", "differs from the envNames beside process");
        names ??= namesBesides;
        if (exact is not null && (added is not null || names is not null)) fields.Fail("envExact", "is the whole environment: it cannot be given with env or envNames");
        var variables = exact ?? (names is null ? host.Variables : OfHost(fields, names));
        return added is null ? variables : variables.SetItems(added);
    }

    private ImmutableSortedDictionary<string, string> OfHost(JsonFields fields, List<string> names)
    {
        var variables = ImmutableSortedDictionary.CreateBuilder<string, string>(StringComparer.Ordinal);
        for (var i = 0; i < names.Count; i++)
        {
            if (host.Variables.TryGetValue(names[i], out var value)) variables[names[i]] = value;
            else fields.Fail($"envNames[{i}]", $"'{JsonFields.Shorten(names[i])}' is not in the host's own environment; give its value in env");
        }
        return variables.ToImmutable();
    }

    private static ImmutableSortedDictionary<string, string>? ReadVariables(JsonFields fields, string name)
    {
        if (fields.Map(name) is not { } map) return null;
        foreach (var (variable, value) in map)
        {
            if (variable.Length == 0 || variable.Contains('=') || variable.Contains('\0')) fields.Fail(name, $"'{JsonFields.Shorten(variable)}' cannot be the name of a variable");
            CheckNoNul(fields, $"{name}.{JsonFields.Shorten(variable)}", value);
        }
        return map.ToImmutableSortedDictionary(StringComparer.Ordinal);
    }

    private static StdinSource ReadStdin(JsonFields fields)
    {
        if (fields.IsObject("stdin"))
        {
            var source = fields.Object("stdin")!;
            if (!source.Has("text")) fields.Fail("stdin.text", "is missing");
            var text = source.Text("text", LongestStdin);
            source.FailOnRest(FrozenSet<string>.Empty);
            return text is null ? StdinSource.None : StdinSource.Of(text);
        }
        switch (fields.Text("stdin"))
        {
            case null or "none": return StdinSource.None;
            case "fifo": return StdinSource.Fifo;
            case "open": return StdinSource.Open;
            case var other: fields.Fail("stdin", $"'{JsonFields.Shorten(other)}' is not one of none, open, fifo, or an object with a text"); break;
        }
        return StdinSource.None;
    }

    private static string ReadStopSignal(JsonFields fields)
    {
        if (fields.Text("stopSignal") is not { } text) return "TERM";
        var signal = text.StartsWith("SIG", StringComparison.Ordinal) ? text[3..] : text;
        if (!StopSignals.Contains(signal)) fields.Fail("stopSignal", $"'{JsonFields.Shorten(text)}' is not one of {string.Join(", ", StopSignals.Order(StringComparer.Ordinal))}");
        return signal;
    }

    private static int? ReadUmask(JsonFields fields)
    {
        if (fields.Text("umask") is not { } text) return null;
        if (text.Length is >= 1 and <= 4 && text.All(c => c is >= '0' and <= '7') && Convert.ToInt32(text, 8) is <= 0x1FF and var umask) return umask;
        fields.Fail("umask", "must be a text of octal digits from 000 to 777");
        return null;
    }

    private static void CheckKind(JsonFields fields, TaskKind run)
    {
        if (fields.Text("kind") is not { } kind) return;
        if (!Names.TryParse<TaskKind>(kind, out var known)) fields.Fail("kind", $"'{JsonFields.Shorten(kind)}' is not one of {string.Join(", ", Names.All<TaskKind>())}");
        else if (known != run) fields.Fail("kind", $"does not agree: '{kind}' is not what is to be run");
    }

    private static ImmutableSortedDictionary<string, string> ReadLabels(JsonFields fields)
    {
        var none = ImmutableSortedDictionary.Create<string, string>(StringComparer.Ordinal);
        if (fields.Map("labels") is not { } labels) return none;
        if (labels.Count > MostLabels) fields.Fail("labels", $"has {labels.Count}; {MostLabels} are the most");
        foreach (var (key, value) in labels)
        {
            if (string.IsNullOrWhiteSpace(key) || key.Length > LongestName || key.Contains('=') || key.Any(char.IsControl)) fields.Fail("labels", $"'{JsonFields.Shorten(key)}' cannot be the key of a label");
            if (value.Length > LongestLabel || value.Any(char.IsControl)) fields.Fail($"labels.{JsonFields.Shorten(key)}", $"must be one line of at most {LongestLabel} characters");
        }
        return none.AddRange(labels);
    }

    private static TreeBudget? ReadBudget(JsonFields task)
    {
        if (!task.Has("budget") || task.Object("budget") is not { } fields) return null;
        fields.Limit("wall", out var wall);
        fields.Size("outputBytes", out var output);
        var tasks = fields.Whole("tasks", 0, MostTasksOfBudget);
        fields.FailOnRest(FrozenSet<string>.Empty);
        return wall is null && output is null && tasks is null ? null : new(wall, output, (int?)tasks);
    }

    private static TimeSpan? ReadIdleWarning(JsonFields fields, TimeSpan? usual, TimeSpan? idleTimeout)
    {
        var wasSet = fields.Limit("idleWarning", out var warning);
        if (!wasSet) return TaskDefaults.MoveWarning(usual, warningWasSet: false, idleTimeout);
        if (warning >= idleTimeout) fields.Fail("idleWarning", $"must be shorter than idleTimeout ({Duration.Format(idleTimeout.Value)})");
        return warning;
    }

    private static TimeSpan ReadStopGrace(JsonFields fields, TimeSpan usual)
    {
        // A stop is bounded: where a limit may be "none", a grace of none is no grace.
        return fields.Limit("stopGrace", out var grace) ? grace ?? TimeSpan.Zero : usual;
    }

    /// <summary>Of what the session is told: without one there is nobody, and without a group no end of one.</summary>
    private static NotifyPolicy ReadNotify(JsonFields fields, string? addressee, string? group)
    {
        if (fields.Word("notify", NotifyPolicies) is not { } notify) return NotifyPolicy.Each;
        if (addressee is null && notify != NotifyPolicy.None) fields.Fail("notify", $"'{Names.Of(notify)}' needs a session that is told");
        else if (group is null && notify == NotifyPolicy.Last) fields.Fail("notify", "'last' needs a group, whose last end it is");
        return notify;
    }

    private static string? ReadLine(JsonFields fields, string name, int longest)
    {
        if (fields.Text(name, longest) is not { } text) return null;
        if (text.Any(char.IsControl)) fields.Fail(name, "must be one line without control characters");
        return string.IsNullOrWhiteSpace(text) ? null : text;
    }

    private static void CheckNoNul(JsonFields fields, string name, string text)
    {
        if (text.Contains('\0')) fields.Fail(name, "contains a NUL character");
    }

    private static string DefaultName(ProcessSpec? process)
    {
        // What has no program is refused anyway.
        if (process is not { Argv: [_, ..] }) return "";
        var program = Path.GetFileName(process.Argv[0]);
        return JsonFields.Shorten(program.Length > 0 ? program : process.Argv[0]);
    }

    private static FrozenDictionary<string, T> Words<T>(params IEnumerable<(string Word, T Value)> words) => words.ToFrozenDictionary(w => w.Word, w => w.Value, StringComparer.Ordinal);
}
