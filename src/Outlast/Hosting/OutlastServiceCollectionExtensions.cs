using System.Diagnostics.Metrics;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Outlast;
using Outlast.Delivery;
using Outlast.Diagnostics;
using Outlast.Hosting;
using Outlast.Runners.Processes;
using Outlast.Storage;
using Outlast.Supervision;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Adds Outlast to a .NET host.</summary>
public static class OutlastServiceCollectionExtensions
{
    /// <summary>Adds the runtime: every actor, started with the program and let go with it. A store (<c>UseSqlite</c>) and runners (<c>AddProcesses</c>, <c>AddHandler</c>) are added to what it returns.</summary>
    /// <param name="services">The program's services.</param>
    /// <param name="configure">Gives settings; more often than once, the last of each key counts.</param>
    public static OutlastBuilder AddOutlast(this IServiceCollection services, Action<OutlastOptions>? configure = null)
    {
        var given = services.Select(d => d.ImplementationInstance).OfType<OutlastOptions>().SingleOrDefault();
        if (given is null)
        {
            services.AddSingleton(given = new OutlastOptions());
            services.TryAddSingleton<DataFolder>(_ => throw new InvalidOperationException("Outlast has no data folder: call UseSqlite(folder) after AddOutlast()."));
            services.TryAddSingleton<ITaskStore>(_ => throw new InvalidOperationException("Outlast has no store: call UseSqlite(folder) after AddOutlast()."));
            services.AddSingleton(s => OutlastSettings.Load(SettingsFile(s.GetRequiredService<DataFolder>()), Environment.GetEnvironmentVariable, s.GetRequiredService<OutlastOptions>()));
            AddActors(services);
        }
        configure?.Invoke(given);
        return new(services);
    }

    /// <summary>The same with the settings below a section: <c>Outlast:Process:IdleTimeout</c> is <c>process.idleTimeout</c>.</summary>
    /// <param name="services">The program's services.</param>
    /// <param name="section">For example <c>configuration.GetSection("Outlast")</c>.</param>
    /// <param name="configure">Gives settings that win over the section's.</param>
    public static OutlastBuilder AddOutlast(this IServiceCollection services, IConfiguration section, Action<OutlastOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(section);
        return services.AddOutlast(given => given.Read(section)).Services.AddOutlast(configure);
    }

    /// <summary>Adds the runtime for a folder that the program has prepared and locked itself (<see cref="OwnedFolder"/>, <see cref="HostLock"/>), with settings that it has read itself.</summary>
    /// <param name="services">The program's services.</param>
    /// <param name="folder">The data folder; it exists, and this host alone has it.</param>
    /// <param name="settings">The settings; none: defaults and the environment.</param>
    public static OutlastBuilder AddOutlast(this IServiceCollection services, DataFolder folder, OutlastSettings? settings = null)
    {
        services.AddSingleton(folder);
        services.AddSingleton(settings ?? OutlastSettings.Load(null, Environment.GetEnvironmentVariable));
        AddActors(services);
        return new(services);
    }

    /// <summary>Gives the host a data folder: made for its owner alone if it is not there, locked at the start of the program, and free again when its services are disposed.</summary>
    /// <remarks>Stores that lie in the folder call it. A folder has one host: a second one does not start, and is told who has it (<see cref="HostLockHeldException"/>).</remarks>
    /// <param name="builder">The host.</param>
    /// <param name="path">The folder; one that is not absolute is taken from where the program was started.</param>
    public static OutlastBuilder UseDataFolder(this OutlastBuilder builder, string path)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(path);
        var folder = new DataFolder(Path.GetFullPath(path));
        builder.Services.Replace(ServiceDescriptor.Singleton(s => ActivatorUtilities.CreateInstance<FolderHold>(s, folder)));
        // Whatever is made of the folder is made after its hold, and so disposed before it.
        builder.Services.Replace(ServiceDescriptor.Singleton(s => s.GetRequiredService<FolderHold>().Folder));
        return builder;
    }

    /// <summary>Adds a way by which notices reach sessions within this program. The inbox is there beside it.</summary>
    /// <typeparam name="TChannel">Made once, with the program's services.</typeparam>
    public static OutlastBuilder AddNoticeChannel<TChannel>(this OutlastBuilder builder) where TChannel : class, INoticeChannel
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.Services.AddSingleton<INoticeChannel, TChannel>();
        return builder;
    }

    private static string? SettingsFile(DataFolder folder)
    {
        try
        {
            return File.ReadAllText(folder.Settings);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new SettingsException([$"outlast.json cannot be read: {e.Message}"]);
        }
    }

    private static void AddActors(IServiceCollection services)
    {
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton(s => new OutputDropping(s.GetRequiredService<DataFolder>()));
        services.AddSingleton(s => s.GetRequiredService<OutputDropping>().Moderate(s.GetRequiredService<OutlastSettings>().Defaults));
        AddOptions(s => s.Dispatcher);
        AddOptions(s => s.Tree);
        AddOptions(s => s.Watchdog);
        AddOptions(s => s.Pruner);
        AddOptions(s => s.Delivery);
        AddOptions(s => s.OutputWatch);
        AddOptions(s => s.OutputBudget);
        AddOptions(s => s.DiskGuard);
        services.AddSingleton(s => DiskProbe.Of(s.GetRequiredService<DataFolder>()));
        services.AddSingleton<HostIdentity>();
        services.AddSingleton<StoreHealth>();
        services.AddSingleton(s => new TaskMeter(s.GetService<IMeterFactory>()));
        services.AddSingleton<HostGauges>();
        services.AddSingleton<TaskFeed>();
        services.AddSingleton<TaskLedger>();
        services.AddSingleton<LiveAttempts>();
        services.AddSingleton<RunnerSet>();
        services.AddSingleton<LiveGauge>();
        services.AddSingleton<Stopper>();
        services.AddSingleton<ProgressReporter>();
        services.AddSingleton(s => new AttemptDesk(s.GetRequiredService<TaskLedger>(), s.GetRequiredService<LiveAttempts>(), s.GetRequiredService<ProgressReporter>(), s.GetRequiredService<TaskWaits>(), s.GetRequiredService<TimeProvider>(), new(s.GetRequiredService<TaskDesk>)));
        services.AddSingleton<Executor>();
        services.AddSingleton<Dispatcher>();
        services.AddSingleton<DueWatch>();
        services.AddSingleton<PlaceAudit>();
        services.AddSingleton<Rescuer>();
        services.AddSingleton<TreeBudgets>();
        services.AddSingleton<Watchdog>();
        services.AddSingleton<OutputWatch>();
        services.AddSingleton<OutputBudget>();
        services.AddSingleton<DiskGuard>();
        services.AddSingleton<Pruner>();
        services.AddSingleton<Courier>();
        services.AddSingleton<IInbox, Inbox>();
        services.AddSingleton<ISessions, SessionDesk>();
        services.AddSingleton(s => new Surroundings(s.GetRequiredService<DataFolder>(), "/", Machine.UserId, Environment.GetEnvironmentVariable("HOME"), AppContext.BaseDirectory));
        services.AddSingleton<Doctor>();
        services.AddSingleton<InputSender>();
        services.AddSingleton<WaitGraph>();
        services.AddSingleton<TaskWaits>();
        services.AddSingleton<Departure>();
        services.AddSingleton<IHostDeparture>(s => s.GetRequiredService<Departure>());
        services.AddSingleton<TaskDesk>();
        services.AddSingleton<ITaskClient>(s => s.GetRequiredService<TaskDesk>());
        services.AddSingleton<OutlastHost>();
        services.AddSingleton<IHostStatus>(s => s.GetRequiredService<OutlastHost>());
        services.AddHostedService(s => s.GetRequiredService<OutlastHost>());

        void AddOptions<T>(Func<OutlastSettings, T> options) where T : class => services.AddSingleton(s => options(s.GetRequiredService<OutlastSettings>()));
    }
}
