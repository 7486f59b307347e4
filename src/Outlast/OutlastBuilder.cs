namespace Microsoft.Extensions.DependencyInjection;

/// <summary>What was begun with <c>AddOutlast()</c>: store, runners, handlers and what else a host has are added to it.</summary>
/// <remarks>In the namespace of the services, so that what extends it is found where they are added.</remarks>
public sealed class OutlastBuilder
{
    internal OutlastBuilder(IServiceCollection services) => Services = services;

    /// <summary>The services of the program that the host is part of.</summary>
    public IServiceCollection Services { get; }
}
