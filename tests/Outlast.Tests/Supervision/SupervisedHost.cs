using System.Collections.Immutable;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Outlast.Diagnostics;
using Outlast.Hosting;
using Outlast.Runners;
using Outlast.Runners.Handlers;
using Outlast.Storage;
using Outlast.Supervision;
using Outlast.TestKit;

namespace Outlast.Tests.Supervision;

/// <summary>The whole supervision over a store in memory, a scripted runner and a clock that stands still.</summary>
internal sealed class SupervisedHost : IAsyncDisposable
{
    private readonly ServiceProvider _services;

    private SupervisedHost(ITaskStore store, ScriptedRunner runner, ManualTime time, bool watchdogRuns, DataFolder folder, Func<(long Free, long Total)?>? disk, Dictionary<string, string> settings, Action<IServiceCollection>? more, Action<OutlastBuilder>? handlers)
    {
        (Store, Runner, Time, Folder) = (store, runner, time, folder);
        var services = new ServiceCollection();
        services.AddLogging();
        services.AddSingleton<TimeProvider>(time);
        services.AddSingleton(store);
        services.AddSingleton<ITaskRunner>(runner);
        var outlast = services.AddOutlast(folder, OutlastSettings.Load(null, name => settings.GetValueOrDefault(name)));
        handlers?.Invoke(outlast);
        more?.Invoke(services);
        if (disk is not null) services.AddSingleton(new DiskProbe(disk));
        // A loop on a thread of its own and a test that looks at chosen moments would see each other's time: the host's watchdog is given nothing to watch.
        if (!watchdogRuns) services.AddSingleton(s => NewWatchdog(s, new LiveAttempts(), new TreeBudgets(store, new LiveAttempts(), time)));
        _services = services.BuildServiceProvider();
        Watchdog = NewWatchdog(_services, Attempts, _services.GetRequiredService<TreeBudgets>());
    }

    private static Watchdog NewWatchdog(IServiceProvider s, LiveAttempts attempts, TreeBudgets budgets) => new(
        attempts, budgets, s.GetRequiredService<TaskLedger>(), s.GetRequiredService<WatchdogOptions>(), s.GetRequiredService<TimeProvider>(), NullLogger<Watchdog>.Instance);

    public ITaskStore Store { get; }
    public ScriptedRunner Runner { get; }
    public ManualTime Time { get; }
    public DataFolder Folder { get; }
    public ITaskClient Client => _services.GetRequiredService<ITaskClient>();
    public IInbox Inbox => _services.GetRequiredService<IInbox>();
    public ISessions Sessions => _services.GetRequiredService<ISessions>();
    public Courier Courier => _services.GetRequiredService<Courier>();
    public IHostStatus Status => _services.GetRequiredService<IHostStatus>();
    public IHostDeparture Departure => _services.GetRequiredService<IHostDeparture>();
    public Watchdog Watchdog { get; }
    public Pruner Pruner => _services.GetRequiredService<Pruner>();
    public OutputBudget OutputBudget => _services.GetRequiredService<OutputBudget>();
    public Rescuer Rescuer => _services.GetRequiredService<Rescuer>();
    public RunnerSet Runners => _services.GetRequiredService<RunnerSet>();
    public HandlerRunner Handlers => (HandlerRunner)Runners.For(TaskKind.Handler);
    public ProgressReporter Progress => _services.GetRequiredService<ProgressReporter>();
    public LiveAttempts Attempts => _services.GetRequiredService<LiveAttempts>();
    public TaskLedger Ledger => _services.GetRequiredService<TaskLedger>();
    public TaskMeter Meter => _services.GetRequiredService<TaskMeter>();
    public HostGauges Gauges => _services.GetRequiredService<HostGauges>();
    public TaskFeed Feed => _services.GetRequiredService<TaskFeed>();
    public DueWatch Due => _services.GetRequiredService<DueWatch>();
    public PlaceAudit Places => _services.GetRequiredService<PlaceAudit>();
    public Dispatcher Dispatcher => _services.GetRequiredService<Dispatcher>();

    public static Actor Somebody { get; } = new(ActorType.User, "uid 1000", "test");

    public static async Task<SupervisedHost> StartAsync(ITaskStore? store = null, ScriptedRunner? runner = null, ManualTime? time = null, bool watchdogRuns = false, DataFolder? folder = null, Func<(long Free, long Total)?>? disk = null, Action<IServiceCollection>? more = null, Action<OutlastBuilder>? handlers = null, params (string Key, string Value)[] settings)
    {
        var host = new SupervisedHost(store ?? new InMemoryTaskStore(), runner ?? new(), time ?? new(), watchdogRuns, folder ?? new("/nonexistent/outlast-test"), disk, settings.ToDictionary(s => OutlastSettings.EnvironmentName(s.Key), s => s.Value), more, handlers);
        await host._services.GetRequiredService<OutlastHost>().StartAsync(default);
        return host;
    }

    public static TaskSpec Spec(string name = "work") => new()
    {
        Name = name,
        Process = new() { Argv = ["/bin/work"], Cwd = "/", Environment = ImmutableSortedDictionary<string, string>.Empty },
    };

    public Task<TaskSnapshot> SubmitAsync(TaskSpec? spec = null, TaskId? parent = null) => Client.SubmitAsync(new(spec ?? Spec(), Somebody, parent));

    /// <summary>Submits and waits until it runs.</summary>
    public async Task<(TaskId Id, ScriptedAttempt Attempt)> RunAsync(TaskSpec? spec = null, TaskId? parent = null)
    {
        var id = (await SubmitAsync(spec, parent)).Record.Id;
        return (id, await Runner.AttemptOf(id));
    }

    public async Task<TaskRecord> ReadAsync(TaskId id) => (await Client.GetAsync(id)).Record;

    /// <summary>Waits for the end: a signal of ours, no clock.</summary>
    public async Task<TaskRecord> EndOf(TaskId id)
    {
        using var end = Feed.WatchEnd(id);
        var record = await ReadAsync(id);
        if (record.State.IsTerminal()) return record;
        await end.Ended.Soon();
        return await ReadAsync(id);
    }

    public async Task<ImmutableArray<TaskEvent>> EventsOf(TaskId id) => (await Client.EventsAsync(new EventQuery(0, 1000, id))).Events;

    /// <summary>Time passes, and the watchdog looks as it would.</summary>
    public async Task PassAsync(TimeSpan by)
    {
        Time.Advance(by);
        await Watchdog.LookAtAllAsync(default);
    }

    /// <summary>Finds the budgets of trees that were there before, as the watchdog does at its start.</summary>
    public Task TakeStockAsync() => _services.GetRequiredService<TreeBudgets>().TakeStockAsync(default);

    /// <summary>Lets time pass until that has come about.</summary>
    public async Task<T> PassingUntil<T>(Task<T> outcome)
    {
        await Eventually.TrueAsync(() =>
        {
            Time.Advance(TimeSpan.FromSeconds(1));
            return outcome.IsCompleted;
        }, "it comes about as time passes");
        return await outcome;
    }

    /// <summary>Waits until the host takes no new work, and has said so.</summary>
    public Task DrainingAsync() => Eventually.TrueAsync(
        async () => (await Client.EventsAsync(new EventQuery(0, 1000))).Events.Any(e => e.Type is TaskEventType.HostDraining), "the host says that it takes no new work");

    /// <summary>Goes in good order.</summary>
    public async Task StopAsync(CancellationToken limit = default) => await _services.GetRequiredService<OutlastHost>().StopAsync(limit);

    /// <summary>Writes nothing any more, as if it were dead.</summary>
    public async Task AbandonAsync()
    {
        var bound = TimeSpan.FromSeconds(5);
        var farewell = _services.GetRequiredService<OutlastHost>().LetGoAsync(new CancellationToken(canceled: true), default);
        // Not before it waits: the time that passes now would be lost on it.
        await Task.WhenAny(farewell, Time.WhenArmedAsync(bound));
        Time.Advance(bound);
        await farewell;
        // The pool is the process's, and goes on without it.
        if (Runners.Has(TaskKind.Handler)) Handlers.Dispose();
    }

    public async ValueTask DisposeAsync()
    {
        await AbandonAsync();
        _services.GetRequiredService<DueWatch>().Dispose();
    }
}
