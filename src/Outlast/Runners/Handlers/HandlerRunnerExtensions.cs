using System.Text.Json.Serialization.Metadata;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Outlast;
using Outlast.Runners;
using Outlast.Runners.Handlers;

namespace Microsoft.Extensions.DependencyInjection;

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
    /// <param name="builder">The host.</param>
    /// <param name="name">Its name, once within the host.</param>
    /// <param name="json">Describes its values as JSON.</param>
    /// <exception cref="ArgumentException">The name is blank, too long, or taken.</exception>
    public static OutlastBuilder AddHandler<TInput, TResult, THandler>(this OutlastBuilder builder, string name, IJsonTypeInfoResolver? json = null)
        where THandler : class, ITaskHandler<TInput, TResult>
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.Services.TryAddScoped<THandler>();
        return builder.Add(new HandlerRegistration<TInput, TResult>(name, json, (scope, input, task) => scope.GetRequiredService<THandler>().RunAsync(input, task)));
    }

    /// <summary>Adds a handler that is a function.</summary>
    /// <typeparam name="TInput">What it is given.</typeparam>
    /// <typeparam name="TResult">What it gives.</typeparam>
    /// <param name="builder">The host.</param>
    /// <param name="name">Its name, once within the host.</param>
    /// <param name="handler">The code.</param>
    /// <param name="json">Describes its values as JSON.</param>
    /// <exception cref="ArgumentException">The name is blank, too long, or taken.</exception>
    public static OutlastBuilder AddHandler<TInput, TResult>(this OutlastBuilder builder, string name, Func<TInput, TaskContext, Task<TResult>> handler, IJsonTypeInfoResolver? json = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentNullException.ThrowIfNull(handler);
        return builder.Add(new HandlerRegistration<TInput, TResult>(name, json, (_, input, task) => handler(input, task)));
    }

    /// <summary>Adds a handler that is a function without a result.</summary>
    /// <typeparam name="TInput">What it is given.</typeparam>
    /// <param name="builder">The host.</param>
    /// <param name="name">Its name, once within the host.</param>
    /// <param name="handler">The code.</param>
    /// <param name="json">Describes its values as JSON.</param>
    /// <exception cref="ArgumentException">The name is blank, too long, or taken.</exception>
    public static OutlastBuilder AddHandler<TInput>(this OutlastBuilder builder, string name, Func<TInput, TaskContext, Task> handler, IJsonTypeInfoResolver? json = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentNullException.ThrowIfNull(handler);
        return builder.Add(new HandlerRegistration<TInput, NoResult>(name, json, async (_, input, task) =>
        {
            await handler(input, task).ConfigureAwait(false);
            return default;
        }));
    }

    /// <summary>Adds a handler that is a function without input and result.</summary>
    /// <param name="builder">The host.</param>
    /// <param name="name">Its name, once within the host.</param>
    /// <param name="handler">The code.</param>
    /// <exception cref="ArgumentException">The name is blank, too long, or taken.</exception>
    public static OutlastBuilder AddHandler(this OutlastBuilder builder, string name, Func<TaskContext, Task> handler)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentNullException.ThrowIfNull(handler);
        return builder.Add(new HandlerRegistration<NoInput, NoResult>(name, null, async (_, _, task) =>
        {
            await handler(task).ConfigureAwait(false);
            return default;
        }));
    }

    private static OutlastBuilder Add(this OutlastBuilder builder, HandlerRegistration registration)
    {
        var name = registration.Name;
        if (string.IsNullOrWhiteSpace(name) || name.Length > LongestName || name.Any(char.IsControl)) throw new ArgumentException($"A handler's name is one line of 1 to {LongestName} characters.", nameof(registration));
        if (builder.Services.Any(s => (s.ImplementationInstance as HandlerRegistration)?.Name == name)) throw new ArgumentException($"There is a handler '{name}' already.", nameof(registration));
        builder.Services.AddSingleton(registration);
        builder.Services.TryAddSingleton(TimeProvider.System);
        builder.Services.TryAddSingleton(new HandlerRunnerOptions());
        builder.Services.TryAddEnumerable(ServiceDescriptor.Singleton<ITaskRunner, HandlerRunner>());
        return builder;
    }
}
