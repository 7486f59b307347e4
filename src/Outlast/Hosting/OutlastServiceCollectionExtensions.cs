using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Outlast.Runners.Processes;
using Outlast.Supervision;

namespace Outlast.Hosting;

/// <summary>Adds Outlast to a .NET host.</summary>
public static class OutlastServiceCollectionExtensions
{
    /// <summary>Adds the runtime: every actor, started with the host. A store (<c>UseSqlite</c>) and the runners (<c>AddProcessRunner</c>) are added beside it.</summary>
    /// <param name="services">The host's services.</param>
    /// <param name="folder">The data folder; it exists, and this host alone has it.</param>
    /// <param name="settings">The settings; none: defaults and the environment.</param>
    public static IServiceCollection AddOutlast(this IServiceCollection services, DataFolder folder, OutlastSettings? settings = null)
    {
        settings ??= OutlastSettings.Load(null, Environment.GetEnvironmentVariable);
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton(folder);
        services.AddSingleton(settings);
        services.AddSingleton(new OutputDropping(folder));
        services.AddSingleton(s => s.GetRequiredService<OutputDropping>().Moderate(settings.Defaults));
        services.AddSingleton(settings.Dispatcher);
        services.AddSingleton(settings.Watchdog);
        services.AddSingleton(settings.Pruner);
        services.AddSingleton(settings.OutputWatch);
        services.AddSingleton(settings.OutputBudget);
        services.AddSingleton(settings.DiskGuard);
        services.AddSingleton(DiskProbe.Of(folder));
        services.AddSingleton<HostIdentity>();
        services.AddSingleton<StoreHealth>();
        services.AddSingleton<TaskFeed>();
        services.AddSingleton<TaskLedger>();
        services.AddSingleton<LiveAttempts>();
        services.AddSingleton<RunnerSet>();
        services.AddSingleton<LiveGauge>();
        services.AddSingleton<Stopper>();
        services.AddSingleton<ProgressReporter>();
        services.AddSingleton(s => new AttemptDesk(s.GetRequiredService<TaskLedger>(), s.GetRequiredService<LiveAttempts>(), s.GetRequiredService<TaskFeed>(), s.GetRequiredService<ProgressReporter>(), s.GetRequiredService<TimeProvider>(), new(s.GetRequiredService<ITaskClient>)));
        services.AddSingleton<Executor>();
        services.AddSingleton<Dispatcher>();
        services.AddSingleton<Rescuer>();
        services.AddSingleton<Watchdog>();
        services.AddSingleton<OutputWatch>();
        services.AddSingleton<OutputBudget>();
        services.AddSingleton<DiskGuard>();
        services.AddSingleton<Pruner>();
        services.AddSingleton(new Surroundings(folder, "/", Machine.UserId, Environment.GetEnvironmentVariable("HOME"), AppContext.BaseDirectory));
        services.AddSingleton<Doctor>();
        services.AddSingleton<InputSender>();
        services.AddSingleton<Departure>();
        services.AddSingleton<IHostDeparture>(s => s.GetRequiredService<Departure>());
        services.AddSingleton<TaskDesk>();
        services.AddSingleton<ITaskClient>(s => s.GetRequiredService<TaskDesk>());
        services.AddSingleton<OutlastHost>();
        services.AddSingleton<IHostStatus>(s => s.GetRequiredService<OutlastHost>());
        services.AddHostedService(s => s.GetRequiredService<OutlastHost>());
        return services;
    }
}
