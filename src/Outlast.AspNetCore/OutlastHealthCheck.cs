using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Outlast.AspNetCore;

/// <summary>Whether the host would accept work, and whether its doctor finds anything that does not go on by itself.</summary>
internal sealed class OutlastHealthCheck(IHostStatus host) : IHealthCheck
{
    public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        if (host.NotReady is { IsEmpty: false } reasons) return new(context.Registration.FailureStatus, string.Join("; ", reasons));
        var checks = await host.ExamineAsync(cancellationToken).ConfigureAwait(false);
        var data = checks.ToDictionary(c => c.Name, object (c) => $"{Names.Of(c.Level)}: {c.Text}");
        var errors = checks.Where(c => c.Level is CheckLevel.Error).Select(c => $"{c.Name}: {c.Text}").ToList();
        var (running, queued) = host.Load;
        return errors.Count > 0 ? HealthCheckResult.Degraded(string.Join("; ", errors), data: data) : HealthCheckResult.Healthy($"{running} tasks run, {queued} are queued", data);
    }
}
