using Microsoft.Extensions.DependencyInjection.Extensions;
using Outlast.Runners;
using Outlast.Runners.Processes;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Puts the process runner among a host's runners.</summary>
public static class ProcessRunnerExtensions
{
    /// <summary>Lets the host run OS processes.</summary>
    /// <param name="builder">The host.</param>
    /// <param name="options">Its options; none: defaults.</param>
    public static OutlastBuilder AddProcesses(this OutlastBuilder builder, ProcessRunnerOptions? options = null)
    {
        builder.Services.TryAddSingleton(TimeProvider.System);
        builder.Services.TryAddSingleton(options ?? new ProcessRunnerOptions());
        builder.Services.TryAddEnumerable(ServiceDescriptor.Singleton<ITaskRunner, ProcessRunner>());
        return builder;
    }
}
