using System.Text.Json.Serialization.Metadata;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Outlast.Runners.Handlers;

/// <summary>Puts code of the program among what its host runs.</summary>
/// <remarks>
/// A handler's name is what its tasks carry in the store: renamed code keeps its name as long as tasks of it are open. Where <c>json</c> is given, a source-generated context
/// (<c>MyContext.Default</c>), it describes input, result and the values of steps; what it does not know is described by reflection.
/// </remarks>
public static class HandlerRunnerExtensions
{
    private const int LongestName = 200;

    /// <summary>Adds a handler that is a class, made from a service scope for each attempt.</summary>
    /// <typeparam name="TInput">What it is given.</typeparam>
    /// <typeparam name="TResult">What it gives.</typeparam>
    /// <typeparam name="THandler">The class; added as a scoped service unless it was added before.</typeparam>
    /// <param name="services">The host's services.</param>
    /// <param name="name">Its name, once within the host.</param>
    /// <param name="json">Describes its values as JSON.</param>
    /// <exception cref="ArgumentException">The name is blank, too long, or taken.</exception>
    public static IServiceCollection AddHandler<TInput, TResult, THandler>(this IServiceCollection services, string name, IJsonTypeInfoResolver? json = null)
        where THandler : class, ITaskHandler<TInput, TResult>
    {
        ArgumentNullException.ThrowIfNull(services);
        services.TryAddScoped<THandler>();
        return services.Add(new HandlerRegistration<TInput, TResult>(name, json, (scope, input, task) => scope.GetRequiredService<THandler>().RunAsync(input, task)));
    }

    /// <summary>Adds a handler that is a function.</summary>
    /// <typeparam name="TInput">What it is given.</typeparam>
    /// <typeparam name="TResult">What it gives.</typeparam>
    /// <param name="services">The host's services.</param>
    /// <param name="name">Its name, once within the host.</param>
    /// <param name="handler">The code.</param>
    /// <param name="json">Describes its values as JSON.</param>
    /// <exception cref="ArgumentException">The name is blank, too long, or taken.</exception>
    public static IServiceCollection AddHandler<TInput, TResult>(this IServiceCollection services, string name, Func<TInput, TaskContext, Task<TResult>> handler, IJsonTypeInfoResolver? json = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(handler);
        return services.Add(new HandlerRegistration<TInput, TResult>(name, json, (_, input, task) => handler(input, task)));
    }

    /// <summary>Adds a handler that is a function without a result.</summary>
    /// <typeparam name="TInput">What it is given.</typeparam>
    /// <param name="services">The host's services.</param>
    /// <param name="name">Its name, once within the host.</param>
    /// <param name="handler">The code.</param>
    /// <param name="json">Describes its values as JSON.</param>
    /// <exception cref="ArgumentException">The name is blank, too long, or taken.</exception>
    public static IServiceCollection AddHandler<TInput>(this IServiceCollection services, string name, Func<TInput, TaskContext, Task> handler, IJsonTypeInfoResolver? json = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(handler);
        return services.Add(new HandlerRegistration<TInput, NoResult>(name, json, async (_, input, task) =>
        {
            await handler(input, task).ConfigureAwait(false);
            return default;
        }));
    }

    /// <summary>Adds a handler that is a function without input and result.</summary>
    /// <param name="services">The host's services.</param>
    /// <param name="name">Its name, once within the host.</param>
    /// <param name="handler">The code.</param>
    /// <exception cref="ArgumentException">The name is blank, too long, or taken.</exception>
    public static IServiceCollection AddHandler(this IServiceCollection services, string name, Func<TaskContext, Task> handler)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(handler);
        return services.Add(new HandlerRegistration<NoInput, NoResult>(name, null, async (_, _, task) =>
        {
            await handler(task).ConfigureAwait(false);
            return default;
        }));
    }

    private static IServiceCollection Add(this IServiceCollection services, HandlerRegistration registration)
    {
        var name = registration.Name;
        if (string.IsNullOrWhiteSpace(name) || name.Length > LongestName || name.Any(char.IsControl)) throw new ArgumentException($"A handler's name is one line of 1 to {LongestName} characters.", nameof(registration));
        if (services.Any(s => (s.ImplementationInstance as HandlerRegistration)?.Name == name)) throw new ArgumentException($"There is a handler '{name}' already.", nameof(registration));
        services.AddSingleton(registration);
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton(new HandlerRunnerOptions());
        services.TryAddEnumerable(ServiceDescriptor.Singleton<ITaskRunner, HandlerRunner>());
        return services;
    }
}
