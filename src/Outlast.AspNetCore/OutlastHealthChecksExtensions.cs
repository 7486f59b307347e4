using Microsoft.Extensions.Diagnostics.HealthChecks;
using Outlast.AspNetCore;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Outlast among a program's health checks.</summary>
public static class OutlastHealthChecksExtensions
{
    /// <summary>Healthy while the host would accept work; degraded where it would although its doctor finds an error; otherwise <paramref name="failureStatus"/>, with the reasons.</summary>
    /// <remarks>Each look makes a write durable. A check of readiness, not of life: a host that drains is not ready, and is to be let go, not killed.</remarks>
    /// <param name="builder">The health checks.</param>
    /// <param name="name">The check's name.</param>
    /// <param name="failureStatus">What is said of a host that would not accept work; none: unhealthy.</param>
    /// <param name="tags">To choose it by.</param>
    public static IHealthChecksBuilder AddOutlast(this IHealthChecksBuilder builder, string name = "outlast", HealthStatus? failureStatus = null, IEnumerable<string>? tags = null) =>
        builder.AddCheck<OutlastHealthCheck>(name, failureStatus, tags ?? []);
}
