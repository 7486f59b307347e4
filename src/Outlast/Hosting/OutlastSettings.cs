using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;
using Outlast.Supervision;

namespace Outlast.Hosting;

/// <summary>Every setting of a host: its value, and where it was set. The environment wins over <c>outlast.json</c>, which wins over the default.</summary>
/// <remarks>
/// Keys are written with dots (<c>process.idleTimeout</c>) or as nested objects; the environment's name is <c>OUTLAST_</c> and the key in upper snake case
/// (<c>OUTLAST_PROCESS_IDLE_TIMEOUT</c>). Durations are written <c>90s</c>, <c>10m</c>, <c>PT10M</c>; <c>none</c> or <c>0</c> means no limit where there may be none.
/// </remarks>
public sealed class OutlastSettings
{
    private OutlastSettings(Values values)
    {
        Defaults = new TaskDefaults
        {
            ProcessTimeout = values.Limit("process.timeout", null),
            ProcessIdleTimeout = values.Limit("process.idleTimeout", null),
            ProcessIdleWarning = values.Limit("process.idleWarning", new TaskDefaults().ProcessIdleWarning),
            OutputCap = values.Size("output.cap", new TaskDefaults().OutputCap),
            OutputPolicy = values.Word("output.policy", new TaskDefaults().OutputPolicy),
            ProcessStopGrace = values.Time("process.stopGrace", new TaskDefaults().ProcessStopGrace, TimeSpan.Zero, TimeSpan.FromDays(1)),
        };
        Dispatcher = new DispatcherOptions
        {
            Processes = values.Count("concurrency.processes", new DispatcherOptions().Processes),
            Total = values.CountOrNone("concurrency.total"),
        };
        Watchdog = new WatchdogOptions { Poll = values.Time("watchdog.poll", new WatchdogOptions().Poll, TimeSpan.FromMilliseconds(100), TimeSpan.FromHours(1)) };
        Pruner = new PrunerOptions
        {
            Tasks = values.Time("retention.tasks", new PrunerOptions().Tasks, TimeSpan.Zero, Duration.Max),
            Tombstones = values.Time("retention.tombstones", new PrunerOptions().Tombstones, TimeSpan.Zero, Duration.Max),
            Every = values.Time("retention.every", new PrunerOptions().Every, TimeSpan.FromSeconds(1), TimeSpan.FromDays(1)),
        };
        HostIdleTimeout = values.Limit("host.idleTimeout", TimeSpan.FromMinutes(30));
        HostDrainLimit = values.Limit("host.drainLimit", TimeSpan.FromSeconds(60));

        values.MustBeLess("process.idleWarning", Defaults.ProcessIdleWarning, "process.idleTimeout", Defaults.ProcessIdleTimeout);
        values.MustBeLess("process.idleTimeout", Defaults.ProcessIdleTimeout, "process.timeout", Defaults.ProcessTimeout);
        values.MustBeLess("retention.tasks", Pruner.Tasks, "retention.tombstones", Pruner.Tombstones);
        values.RefuseUnknown();
        All = values.Used;
    }

    /// <summary>Limits of tasks that do not set their own.</summary>
    public TaskDefaults Defaults { get; }
    /// <summary>How many tasks may run at once.</summary>
    public DispatcherOptions Dispatcher { get; }
    /// <summary>How often the watchdog looks.</summary>
    public WatchdogOptions Watchdog { get; }
    /// <summary>How long what has ended is kept.</summary>
    public PrunerOptions Pruner { get; }
    /// <summary>After how long without open task and client a host that a verb started ends itself. None: never.</summary>
    /// <value>30 minutes.</value>
    public TimeSpan? HostIdleTimeout { get; }
    /// <summary>How long a host that drains waits for what runs. None: for ever.</summary>
    /// <value>60 seconds.</value>
    public TimeSpan? HostDrainLimit { get; }
    /// <summary>Every setting in force.</summary>
    public ImmutableArray<SettingValue> All { get; }

    /// <summary>The settings that a file's text and an environment make.</summary>
    /// <param name="json">The text of <c>outlast.json</c>; none when there is no such file.</param>
    /// <param name="environment">Reads an environment variable.</param>
    /// <exception cref="SettingsException">Something is unknown, malformed or contradictory: all of it at once.</exception>
    public static OutlastSettings Load(string? json, Func<string, string?> environment)
    {
        var values = new Values(json, environment);
        var settings = new OutlastSettings(values);
        return values.Errors.Count == 0 ? settings : throw new SettingsException([.. values.Errors]);
    }

    /// <summary>The environment's name of a key.</summary>
    public static string EnvironmentName(string key) =>
        "OUTLAST_" + string.Concat(key.Select(c => c == '.' ? "_" : char.IsUpper(c) ? "_" + c : char.ToUpperInvariant(c).ToString()));

    private sealed class Values
    {
        private const string FileName = "outlast.json";
        private readonly Func<string, string?> _environment;
        private readonly Dictionary<string, string> _file = new(StringComparer.Ordinal);
        private readonly List<SettingValue> _used = [];

        public Values(string? json, Func<string, string?> environment)
        {
            _environment = environment;
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

        public TimeSpan? Limit(string key, TimeSpan? @default) => Read(key, @default, Show, text =>
            text is "none" or "0" ? (true, (TimeSpan?)null) : (Duration.TryParse(text, out var d), d), "is no duration; write 90s, 10m, PT10M or none");

        public TimeSpan Time(string key, TimeSpan @default, TimeSpan least, TimeSpan most) => Read(key, @default, d => Show(d), text =>
            (Duration.TryParse(text, out var d) && d >= least && d <= most, d), $"is no duration from {Duration.Format(least)} to {Duration.Format(most)}; write 90s, 10m or PT10M");

        public int Count(string key, int @default) => Read(key, @default, n => n.ToString(CultureInfo.InvariantCulture), text =>
            (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var n) && n is >= 1 and <= 100_000, n), "is no number from 1 to 100000");

        public int? CountOrNone(string key) => Read<int?>(key, null, n => n?.ToString(CultureInfo.InvariantCulture) ?? "none", text =>
            text == "none" ? (true, null) : (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var n) && n is >= 1 and <= 100_000, n), "is no number from 1 to 100000, nor none");

        public long? Size(string key, long? @default) => Read(key, @default, bytes => bytes is { } b ? ByteSize.Format(b) : "none", text =>
            text is "none" or "0" ? (true, (long?)null) : (ByteSize.TryParse(text, out var b), b), "is no size; write 65536, 64KiB, 10MiB, 1GiB or none");

        public T Word<T>(string key, T @default) where T : struct, Enum => Read(key, @default, Names.Of, text => (Names.TryParse<T>(text, out var word), word), $"is not one of {string.Join(", ", Names.All<T>())}");

        public void MustBeLess(string shorter, TimeSpan? a, string longer, TimeSpan? b)
        {
            if (a is null || b is null || a < b) return;
            // Only values that were set can quarrel; a default warning that is too long for what was set moves (see TaskDefaults.MoveWarning).
            if (From(shorter) == "default" || From(longer) == "default") return;
            Errors.Add($"{shorter} = {Show(a)} ({From(shorter)}) must be less than {longer} = {Show(b)} ({From(longer)})");
        }

        public void RefuseUnknown()
        {
            foreach (var key in _file.Keys.Except(_used.Select(u => u.Key))) Errors.Add($"{FileName}: '{key}' is no setting; there are: {string.Join(", ", _used.Select(u => u.Key))}");
        }

        private string From(string key) => _used.First(u => u.Key == key).From;

        private T Read<T>(string key, T @default, Func<T, string> show, Func<string, (bool Ok, T Value)> parse, string complaint)
        {
            var name = EnvironmentName(key);
            var (text, from) = _environment(name) is { Length: > 0 } set ? (set, name) : _file.TryGetValue(key, out var written) ? (written, FileName) : (null, "default");
            var value = @default;
            if (text is not null)
            {
                var (ok, parsed) = parse(text.Trim());
                if (ok) value = parsed;
                else Errors.Add($"{key} ({from}): '{text}' {complaint}");
            }
            _used.Add(new(key, show(value), from));
            return value;
        }

        private void Flatten(string prefix, JsonElement element)
        {
            foreach (var property in element.EnumerateObject())
            {
                var key = prefix + property.Name;
                if (property.Value.ValueKind == JsonValueKind.Object) Flatten(key + ".", property.Value);
                else if (!_file.TryAdd(key, property.Value.ValueKind == JsonValueKind.String ? property.Value.GetString()! : property.Value.GetRawText())) Errors.Add($"{FileName}: '{key}' is set twice");
            }
        }

        private static string Show(TimeSpan? span) => span is { } s ? Duration.Format(s) : "none";
    }
}

/// <summary>Settings that cannot be: every fault at once.</summary>
public sealed class SettingsException(ImmutableArray<string> errors) : OutlastException("The settings cannot be used:\n  " + string.Join("\n  ", errors))
{
    /// <summary>What is wrong, one sentence each.</summary>
    public ImmutableArray<string> Errors { get; } = errors;
}
