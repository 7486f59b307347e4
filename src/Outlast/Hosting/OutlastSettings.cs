using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;
using Outlast.Delivery;
using Outlast.Supervision;

namespace Outlast.Hosting;

/// <summary>Every setting of a host: its value, and where it was set. The environment wins over <c>outlast.json</c>, which wins over the default.</summary>
/// <remarks>
/// Keys are written with dots (<c>process.idleTimeout</c>) or as nested objects; the environment's name is <c>OUTLAST_</c> and the key in upper snake case
/// (<c>OUTLAST_PROCESS_IDLE_TIMEOUT</c>). Durations are written <c>90s</c>, <c>10m</c>, <c>PT10M</c>; <c>none</c> or <c>0</c> means no limit where there may be none.
/// </remarks>
public sealed class OutlastSettings
{
    /// <summary>The file's name, as it stands in <see cref="SettingValue.From"/>.</summary>
    public const string FileName = "outlast.json";

    /// <summary>Every setting is read here, and nowhere else: key, default, range, and what it does in one line, which <c>config explain</c> and docs/configuration.md show.</summary>
    private OutlastSettings(Values values)
    {
        Defaults = new TaskDefaults
        {
            ProcessTimeout = values.Limit("process.timeout", null, "The most time that a command may take, where it does not say itself (--timeout)"),
            ProcessIdleTimeout = values.Limit("process.idleTimeout", null, "How long a command may be silent, where it does not say itself (--idle-timeout)"),
            ProcessIdleWarning = values.Limit("process.idleWarning", new TaskDefaults().ProcessIdleWarning, "After how much silence a warning goes out, where the command does not say itself (--idle-warning)"),
            HandlerTimeout = values.Limit("handler.timeout", null, "The most time that a handler may take, where its task does not say itself"),
            HandlerIdleTimeout = values.Limit("handler.idleTimeout", null, "How long a handler may give no sign of life, where its task does not say itself"),
            HandlerIdleWarning = values.Limit("handler.idleWarning", new TaskDefaults().HandlerIdleWarning, "After how much silence of a handler a warning goes out, where its task does not say itself"),
            HandlerStopGrace = values.Time("handler.stopGrace", new TaskDefaults().HandlerStopGrace, TimeSpan.Zero, TimeSpan.FromDays(1),
                "How long a stop waits for a handler's next boundary before it breaks off what is in flight, where its task does not say itself"),
            QuestionExpiry = values.Limit("question.expiry", new TaskDefaults().QuestionExpiry, "How long a task's question may be answered, where it does not say itself"),
            OutputCap = values.Size("output.cap", new TaskDefaults().OutputCap, "How much a command may print, where it does not say itself (--output-cap)"),
            OutputPolicy = values.Word("output.policy", new TaskDefaults().OutputPolicy, "What becomes of output beyond the cap, where the command does not say itself (--output-policy)"),
            ProcessStopGrace = values.Time("process.stopGrace", new TaskDefaults().ProcessStopGrace, TimeSpan.Zero, TimeSpan.FromDays(1),
                "How long a stop waits between asking and killing, where the command does not say itself (--stop-grace)"),
        };
        Dispatcher = new DispatcherOptions
        {
            Processes = values.Count("concurrency.processes", new DispatcherOptions().Processes, "How many commands run at once; the rest is queued", defaultInWords: "2 for each processor, at least 8"),
            Handlers = values.Count("concurrency.handlers", new DispatcherOptions().Handlers, "How many handlers run at once; the rest is queued"),
            Total = values.CountOrNone("concurrency.total", "How many tasks of all kinds run at once"),
            Limits = values.Rules(LimitRules.Setting, "How many tasks of one handler, session, label or parent run at once, for example session:*=5, label:gpu=1; one key beats each (*)"),
        };
        Tree = new TreeOptions
        {
            Depth = values.Count("tree.depth", new TreeOptions().Depth, "How deep below the top of its tree a task may be; one that would be deeper is refused"),
            Children = values.Count("tree.children", new TreeOptions().Children, "How many tasks below one top may be open at once, at any depth; one more is refused"),
        };
        Watchdog = new WatchdogOptions
        {
            Poll = values.Time("watchdog.poll", new WatchdogOptions().Poll, TimeSpan.FromMilliseconds(100), TimeSpan.FromHours(1), "How often running tasks are looked at for signs of life; a limit fires at most that much late"),
        };
        OutputWatch = new OutputWatchOptions { GrowthPerMinute = values.Size("output.growthPerMinute", new OutputWatchOptions().GrowthPerMinute, "A task whose output grows by so much within a minute is warned of, once") };
        OutputBudget = new OutputBudgetOptions { Budget = values.Size("output.budget", new OutputBudgetOptions().Budget, "How much all output together may take, or 20 % of a smaller disk; then the output of what ended first goes, and its record stays") };
        DiskGuard = new DiskGuardOptions { Reserve = values.Size("disk.reserve", new DiskGuardOptions().Reserve, "No new work starts while less room is left where the data folder is, or less than 5 % of a smaller disk") };
        Pruner = new PrunerOptions
        {
            Tasks = values.Time("retention.tasks", new PrunerOptions().Tasks, TimeSpan.Zero, Duration.Max, "How long an ended task and its output are kept, from its end"),
            Tombstones = values.Time("retention.tombstones", new PrunerOptions().Tombstones, TimeSpan.Zero, Duration.Max, "How long a removed task's id still says when and why it was removed"),
            Notices = values.Time("retention.notices", new PrunerOptions().Notices, TimeSpan.Zero, Duration.Max, "How long a notice waits to be acknowledged, before it is dropped and counted as that"),
            Every = values.Time("retention.every", new PrunerOptions().Every, TimeSpan.FromSeconds(1), TimeSpan.FromDays(1), "How often what is kept too long is looked for"),
        };
        Delivery = new DeliveryOptions
        {
            Batch = values.Count("delivery.batch", new DeliveryOptions().Batch, "How many notices a channel of this program is given at once", most: 1000),
            Interval = values.Time("delivery.interval", new DeliveryOptions().Interval, TimeSpan.Zero, TimeSpan.FromHours(1), "The least time between two deliveries to one session by one channel; what comes about meanwhile goes together"),
            TimeLimit = values.Time("delivery.timeLimit", new DeliveryOptions().TimeLimit, TimeSpan.FromMilliseconds(100), TimeSpan.FromHours(1), "How long a channel may take for a delivery; then it is tried again"),
            RedeliverAfter = values.Time("delivery.redeliverAfter", new DeliveryOptions().RedeliverAfter, TimeSpan.FromSeconds(1), TimeSpan.FromDays(1), "After how long a channel is given again what it handed over and nobody acknowledged"),
        };
        HostIdleTimeout = values.Limit("host.idleTimeout", TimeSpan.FromMinutes(30), "After how long without open task and client a host that a verb started ends itself");
        HostDrainLimit = values.Limit("host.drainLimit", TimeSpan.FromSeconds(60), "How long a shutdown that waits for work waits at most (shutdown --drain), and any shutdown for handlers to reach their next boundary");

        values.MustBeLess("process.idleWarning", Defaults.ProcessIdleWarning, "process.idleTimeout", Defaults.ProcessIdleTimeout);
        values.MustBeLess("process.idleTimeout", Defaults.ProcessIdleTimeout, "process.timeout", Defaults.ProcessTimeout);
        values.MustBeLess("handler.idleWarning", Defaults.HandlerIdleWarning, "handler.idleTimeout", Defaults.HandlerIdleTimeout);
        values.MustBeLess("handler.idleTimeout", Defaults.HandlerIdleTimeout, "handler.timeout", Defaults.HandlerTimeout);
        values.MustBeLess("retention.tasks", Pruner.Tasks, "retention.tombstones", Pruner.Tombstones);
        values.RefuseUnknown();
        All = values.Used;
        Descriptions = values.Described;
    }

    /// <summary>Limits of tasks that do not set their own.</summary>
    public TaskDefaults Defaults { get; }
    /// <summary>How many tasks may run at once.</summary>
    public DispatcherOptions Dispatcher { get; }
    /// <summary>How large a tree of tasks may be.</summary>
    public TreeOptions Tree { get; }
    /// <summary>How often the watchdog looks.</summary>
    public WatchdogOptions Watchdog { get; }
    /// <summary>What is noticed of output.</summary>
    public OutputWatchOptions OutputWatch { get; }
    /// <summary>How much all output together may take.</summary>
    public OutputBudgetOptions OutputBudget { get; }
    /// <summary>How much room must be left.</summary>
    public DiskGuardOptions DiskGuard { get; }
    /// <summary>How long what has ended is kept.</summary>
    public PrunerOptions Pruner { get; }
    /// <summary>How notices go to channels.</summary>
    public DeliveryOptions Delivery { get; }
    /// <summary>After how long without open task and client a host that a verb started ends itself. None: never.</summary>
    /// <value>30 minutes.</value>
    public TimeSpan? HostIdleTimeout { get; }
    /// <summary>How long a host that drains waits for what runs. None: for ever.</summary>
    /// <value>60 seconds.</value>
    public TimeSpan? HostDrainLimit { get; }
    /// <summary>Every setting in force.</summary>
    public ImmutableArray<SettingValue> All { get; }

    /// <summary>What every setting means, in the order of <see cref="All"/>.</summary>
    public ImmutableArray<SettingDescription> Descriptions { get; }

    /// <summary>The settings that a file's text and an environment make.</summary>
    /// <param name="json">The text of <c>outlast.json</c>; none when there is no such file.</param>
    /// <param name="environment">Reads an environment variable.</param>
    /// <exception cref="SettingsException">Something is unknown, malformed or contradictory: all of it at once.</exception>
    public static OutlastSettings Load(string? json, Func<string, string?> environment) => Load(json, environment, null);

    /// <summary>The settings of a host that is part of another program: what that gives counts where neither file nor environment say anything.</summary>
    internal static OutlastSettings Load(string? json, Func<string, string?> environment, OutlastOptions? given)
    {
        var (settings, errors) = Examine(json, environment, given);
        return errors.IsEmpty ? settings : throw new SettingsException(errors);
    }

    /// <summary>The same for somebody who wants to see it faults and all: what is faulty counts as not set.</summary>
    /// <param name="json">The text of <c>outlast.json</c>; none when there is no such file.</param>
    /// <param name="environment">Reads an environment variable.</param>
    /// <returns>The settings, and what is wrong, one sentence each.</returns>
    public static (OutlastSettings Settings, ImmutableArray<string> Errors) Examine(string? json, Func<string, string?> environment) => Examine(json, environment, null);

    private static (OutlastSettings Settings, ImmutableArray<string> Errors) Examine(string? json, Func<string, string?> environment, OutlastOptions? given)
    {
        var values = new Values(json, environment, given?.Given ?? ImmutableDictionary<string, GivenSetting>.Empty);
        var settings = new OutlastSettings(values);
        return (settings, [.. values.Errors]);
    }

    /// <summary>The environment's name of a key.</summary>
    public static string EnvironmentName(string key) =>
        "OUTLAST_" + string.Concat(key.Select(c => c == '.' ? "_" : char.IsUpper(c) ? "_" + c : char.ToUpperInvariant(c).ToString()));

    private sealed class Values
    {
        private readonly Func<string, string?> _environment;
        private readonly Dictionary<string, string> _file = new(StringComparer.Ordinal);
        private readonly IReadOnlyDictionary<string, GivenSetting> _given;
        private readonly List<SettingValue> _used = [];
        private readonly List<SettingDescription> _described = [];

        public Values(string? json, Func<string, string?> environment, IReadOnlyDictionary<string, GivenSetting> given)
        {
            _environment = environment;
            _given = given;
            if (string.IsNullOrWhiteSpace(json)) return;
            try
            {
                using var document = JsonDocument.Parse(json, new() { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true });
                if (document.RootElement.ValueKind != JsonValueKind.Object) Errors.Add($"{FileName}: expected an object, found {document.RootElement.ValueKind}");
                else Flatten("", document.RootElement);
            }
            catch (JsonException e)
            {
                Errors.Add($"{FileName}: no JSON: {e.Message}");
            }
        }

        public List<string> Errors { get; } = [];

        public ImmutableArray<SettingValue> Used => [.. _used];

        public ImmutableArray<SettingDescription> Described => [.. _described];

        public TimeSpan? Limit(string key, TimeSpan? @default, string about) => Read(Describe(key, Show(@default), "a duration, or none", about), @default, Show, text =>
            text is "none" or "0" ? (true, (TimeSpan?)null) : (Duration.TryParse(text, out var d), d), "is no duration; write 90s, 10m, PT10M or none");

        public TimeSpan Time(string key, TimeSpan @default, TimeSpan least, TimeSpan most, string about) =>
            Read(Describe(key, Show(@default), $"a duration from {Duration.Format(least)} to {Duration.Format(most)}", about), @default, d => Show(d), text =>
                (Duration.TryParse(text, out var d) && d >= least && d <= most, d), $"is no duration from {Duration.Format(least)} to {Duration.Format(most)}; write 90s, 10m or PT10M");

        public int Count(string key, int @default, string about, string? defaultInWords = null, int most = 100_000) => Read(Describe(key, defaultInWords ?? Show(@default), $"a number from 1 to {most}", about), @default, n => Show(n), text =>
            (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var n) && n >= 1 && n <= most, n), $"is no number from 1 to {most}");

        public int? CountOrNone(string key, string about) => Read<int?>(Describe(key, "none", "a number from 1 to 100000, or none", about), null, Show, text =>
            text == "none" ? (true, null) : (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var n) && n is >= 1 and <= 100_000, n), "is no number from 1 to 100000, nor none");

        public long? Size(string key, long? @default, string about) => Read(Describe(key, @default is { } size ? ByteSize.Format(size) : "none", "a size in bytes, or none", about), @default, bytes => bytes is { } b ? ByteSize.Format(b) : "none", text =>
            text is "none" or "0" ? (true, (long?)null) : (ByteSize.TryParse(text, out var b), b), "is no size; write 65536, 64KiB, 10MiB, 1GiB or none");

        public ImmutableArray<LimitRule> Rules(string key, string about) =>
            Read(Describe(key, "none", "KEY=NUMBER, with commas between, or an object of keys and numbers", about), ImmutableArray<LimitRule>.Empty, rules => rules.IsEmpty ? "none" : string.Join(", ", rules), text =>
            {
                var (rules, problem) = LimitRules.Read(text);
                return (problem is null, rules, problem);
            });

        public T Word<T>(string key, T @default, string about) where T : struct, Enum => Read(Describe(key, Names.Of(@default), $"one of {string.Join(", ", Names.All<T>())}", about), @default, Names.Of, text => (Names.TryParse<T>(text, out var word), word), $"is not one of {string.Join(", ", Names.All<T>())}");

        public void MustBeLess(string shorter, TimeSpan? a, string longer, TimeSpan? b)
        {
            if (a is null || b is null || a < b) return;
            // Only values that were set can quarrel; a default warning that is too long for what was set moves (see TaskDefaults.MoveWarning).
            if (From(shorter) == "default" || From(longer) == "default") return;
            Errors.Add($"{shorter} = {Show(a)} ({From(shorter)}) must be less than {longer} = {Show(b)} ({From(longer)})");
        }

        public void RefuseUnknown()
        {
            var known = _used.Select(u => u.Key).ToList();
            foreach (var key in _file.Keys.Except(known)) Errors.Add($"{FileName}: '{key}' is no setting; there are: {string.Join(", ", known)}");
            foreach (var (key, given) in _given.Where(g => !known.Contains(g.Key, StringComparer.OrdinalIgnoreCase))) Errors.Add($"{given.From}: '{key}' is no setting; there are: {string.Join(", ", known)}");
        }

        private string From(string key) => _used.First(u => u.Key == key).From;

        private string Describe(string key, string @default, string range, string about)
        {
            _described.Add(new(key, @default, range, about));
            return key;
        }

        private T Read<T>(string key, T @default, Func<T, string> show, Func<string, (bool Ok, T Value)> parse, string complaint) =>
            Read(key, @default, show, text => parse(text) is var (ok, value) ? (ok, value, $"'{text}' {complaint}") : default);

        private T Read<T>(string key, T @default, Func<T, string> show, Func<string, (bool Ok, T Value, string? Problem)> parse)
        {
            var name = EnvironmentName(key);
            var (text, from) = _environment(name) is { Length: > 0 } set ? (set, name) : _file.TryGetValue(key, out var written) ? (written, FileName)
                : _given.TryGetValue(key, out var given) ? (given.Text, given.From) : (null, "default");
            var value = @default;
            if (text is not null)
            {
                var (ok, parsed, problem) = parse(text.Trim());
                if (ok) value = parsed;
                else Errors.Add($"{key} ({from}): {problem}");
            }
            _used.Add(new(key, show(value), from));
            return value;
        }

        private void Flatten(string prefix, JsonElement element)
        {
            foreach (var property in element.EnumerateObject())
            {
                var key = prefix + property.Name;
                if (property.Value.ValueKind == JsonValueKind.Object && key != LimitRules.Setting) Flatten(key + ".", property.Value);
                else if (!_file.TryAdd(key, property.Value.ValueKind == JsonValueKind.String ? property.Value.GetString()! : property.Value.GetRawText())) Errors.Add($"{FileName}: '{key}' is set twice");
            }
        }

        private static string Show(TimeSpan? span) => span is { } s ? Duration.Format(s) : "none";

        private static string Show(int? count) => count?.ToString(CultureInfo.InvariantCulture) ?? "none";
    }
}

/// <summary>What a setting means.</summary>
/// <param name="Key">As in <c>outlast.json</c>.</param>
/// <param name="Default">What it is where nobody sets it.</param>
/// <param name="Range">What it may be, with its unit.</param>
/// <param name="About">What it does, in one line.</param>
public sealed record SettingDescription(string Key, string Default, string Range, string About)
{
    /// <summary>The name of the environment variable that sets it.</summary>
    public string Variable => OutlastSettings.EnvironmentName(Key);
}

/// <summary>Settings that cannot be: every fault at once.</summary>
public sealed class SettingsException(ImmutableArray<string> errors) : OutlastException("The settings cannot be used:\n  " + string.Join("\n  ", errors))
{
    /// <summary>What is wrong, one sentence each.</summary>
    public ImmutableArray<string> Errors { get; } = errors;
}
