using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Outlast.Runners.Processes;

/// <summary>Puts the process runner among a host's runners.</summary>
public static class ProcessRunnerExtensions
{
    /// <summary>Lets the host run OS processes.</summary>
    public static IServiceCollection AddProcessRunner(this IServiceCollection services, ProcessRunnerOptions? options = null)
    {
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton(options ?? new ProcessRunnerOptions());
        services.TryAddEnumerable(ServiceDescriptor.Singleton<ITaskRunner, ProcessRunner>());
        return services;
    }
}
