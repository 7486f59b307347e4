using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using Microsoft.Extensions.Logging;
using Outlast.Diagnostics;
using Outlast.Lifecycle;
using Outlast.Output;
using Outlast.Storage;

namespace Outlast.Supervision;

/// <summary>What is noticed of output.</summary>
public sealed class OutputWatchOptions
{
    /// <summary>A task whose output grows by so many bytes within a minute is warned of, once. None: never.</summary>
    /// <value>1 GiB.</value>
    public long? GrowthPerMinute { get; init; } = 1L << 30;
}

/// <summary>Looks each second at the logs that grow: notes when they did, warns of a flood and of a cap that comes near, and cuts a log that has no keeper.</summary>
/// <remarks>A log that has been silent for a while is looked at each fifth second; what it prints then is noted with the time at which the file changed. A look costs one call to the system.</remarks>
internal sealed class OutputWatch(LiveAttempts attempts, TaskLedger ledger, ITaskStore store, OutputWatchOptions options, TaskDefaults defaults, TimeProvider time, ILogger<OutputWatch> log)
{
    private static readonly TimeSpan Every = TimeSpan.FromSeconds(1), Window = TimeSpan.FromMinutes(1), Calm = TimeSpan.FromSeconds(10);
    private const int LooksAtCalm = 5;
    /// <summary>What a handler prints is cut as what a command prints that writes its log itself. No policy ends it for that.</summary>
    private readonly ProcessSpec _ofHandlers = new()
    {
        Argv = ["handler"],
        Cwd = "/",
        Environment = ImmutableSortedDictionary<string, string>.Empty,
        OutputVia = OutputRoute.File,
        OutputCap = defaults.OutputCap,
        OutputPolicy = defaults.OutputPolicy == OutputPolicy.Stop ? OutputPolicy.KeepEnds : defaults.OutputPolicy,
    };
    private readonly ConditionalWeakTable<LiveAttempt, Trace> _traces = [];
    private int _looks;

    /// <summary>Looks until <paramref name="letGo"/>.</summary>
    public async Task KeepLookingAsync(CancellationToken letGo)
    {
        using var timer = new PeriodicTimer(Every, time);
        while (await timer.WaitForNextTickAsync(letGo)) await LookAsync(letGo);
    }

    /// <summary>One look at every log that may have grown.</summary>
    public async Task LookAsync(CancellationToken letGo)
    {
        _looks++;
        foreach (var attempt in attempts.All)
        {
            var process = attempt.Record.Spec.Process ?? _ofHandlers;
            try
            {
                var trace = _traces.GetValue(attempt, a => new Trace(a, process, time));
                if (trace.SinceGrowth > Calm && (_looks + attempt.Record.Number) % LooksAtCalm != 0) continue;
                if (trace.Look()) await TellAsync(attempt, process, trace, letGo);
            }
            catch (Exception e) when (!letGo.IsCancellationRequested)
            {
                // The next look tries again; the others are looked at all the same.
                log.WatchFailed(e.Message, attempt.Id);
            }
        }
    }

    private async Task TellAsync(LiveAttempt attempt, ProcessSpec process, Trace trace, CancellationToken letGo)
    {
        if (trace is { IsGrowthTold: false, Grown: var grown } && grown >= options.GrowthPerMinute)
        {
            await WarnOnceAsync(attempt, "output_growth",
                $"its output grew by {ByteSize.Describe(grown)} within {Duration.Format(trace.GrownWithin)}, to {ByteSize.Describe(trace.Size)}; {Fate(process)}; look at it with: outlast logs {attempt.Record.Number} --tail 20 (setting output.growthPerMinute)",
                letGo, ("grownBytes", grown), ("withinMs", (long)trace.GrownWithin.TotalMilliseconds), ("limitBytes", options.GrowthPerMinute!.Value));
            trace.IsGrowthTold = true;
        }
        if (process.OutputCap is not { } cap || trace.IsCapTold) return;
        if (process.OutputPolicy == OutputPolicy.Stop && trace.Size >= cap - cap / 10)
        {
            await WarnOnceAsync(attempt, "output_cap_warning", $"it has printed {ByteSize.Describe(trace.Size)} of the {ByteSize.Describe(cap)} at which it is stopped (--output-cap, --output-policy)",
                letGo, ("outputBytes", trace.Size), ("limitBytes", cap));
            trace.IsCapTold = true;
        }
        if (process.OutputPolicy != OutputPolicy.Stop && trace.Largest > cap)
        {
            var text = $"Its output has outgrown its cap of {ByteSize.Describe(cap)}: {Fate(process)} (--output-cap, --output-policy; settings output.cap, output.policy).";
            await ledger.ApplyAsync(attempt.Id, record => record.Annotations.Any(a => a.Text == text) ? null : Transition.Annotated(text, time.GetUtcNow()), letGo);
            trace.IsCapTold = true;
        }
    }

    private static string Fate(ProcessSpec process) => (process.OutputCap, process.OutputPolicy) switch
    {
        (null, _) => "it has no cap, so only the disk bounds it",
        ({ } cap, OutputPolicy.KeepEnds) => $"the first and the last {ByteSize.Describe(cap / 2)} stay, what lies between goes",
        ({ } cap, OutputPolicy.Tail) => $"the last {ByteSize.Describe(cap / 2)} stay, what came before goes",
        ({ } cap, _) => $"it is stopped at {ByteSize.Describe(cap)}",
    };

    /// <summary>Warns, unless a former host has: the events are the memory of that.</summary>
    private async Task WarnOnceAsync(LiveAttempt attempt, string rule, string text, CancellationToken letGo, params (string Name, long Value)[] measured)
    {
        var events = await store.EventsAsync(new EventQuery(0, 1000, attempt.Id), letGo);
        if (events.Events.Any(e => e.Type == TaskEventType.Warning && e.Data.TryGetValue("rule", out var said) && said.GetString() == rule)) return;
        await ledger.ApplyAsync(attempt.Id, _ => Transition.Warned(rule, text, measured.ToImmutableSortedDictionary(m => m.Name, m => m.Value), time.GetUtcNow()), letGo);
    }

    /// <summary>What was seen of one attempt's logs.</summary>
    private sealed class Trace
    {
        private readonly TimeProvider _time;
        private readonly OutputCapRule? _cut;
        private readonly List<Log> _logs = [];
        private long _grewAt, _windowFrom, _windowSize;

        public Trace(LiveAttempt attempt, ProcessSpec process, TimeProvider time)
        {
            _time = time;
            _grewAt = _windowFrom = time.GetTimestamp();
            _logs.Add(new(Path.Combine(attempt.Context.Folder, "output.log")));
            if (process.Stderr == StderrMode.Separate) _logs.Add(new(Path.Combine(attempt.Context.Folder, "error.log")));
            // What came before this host looked came in no minute that it knows of.
            _windowSize = _logs.Sum(l => l.Measure());
            _cut = OutputCapRule.WithoutKeeper(process);
        }

        public long Size => _logs.Sum(l => l.Size);
        public long Largest => _logs.Max(l => l.Size);
        public TimeSpan SinceGrowth => _time.GetElapsedTime(_grewAt);
        public long Grown => Size - _windowSize;
        public TimeSpan GrownWithin => _time.GetElapsedTime(_windowFrom);
        public bool IsGrowthTold { get; set; }
        public bool IsCapTold { get; set; }

        /// <summary>Whether something grew.</summary>
        public bool Look()
        {
            if (GrownWithin > Window) (_windowFrom, _windowSize) = (_time.GetTimestamp(), Size);
            var grew = false;
            foreach (var log in _logs) grew |= log.Look(_cut);
            if (grew) _grewAt = _time.GetTimestamp();
            return grew;
        }
    }

    private sealed class Log(string path)
    {
        private readonly OutputTimesWriter _times = new(path);
        private long _noted;

        public long Size { get; private set; }

        public long Measure() => Size = new FileInfo(path) is { Exists: true, Length: var length } ? length : 0;

        public bool Look(OutputCapRule? cut)
        {
            var file = new FileInfo(path);
            if (!file.Exists) return false;
            Size = file.Length;
            if (Size == _noted) return false;
            // Room first: on a full disk nothing can be noted before something is freed. What fails is tried again with the next look.
            if (cut is { } rule) HolePuncher.Enforce(path, rule);
            _times.Note(new(new(file.LastWriteTimeUtc, TimeSpan.Zero), Size));
            _noted = Size;
            return true;
        }
    }
}
