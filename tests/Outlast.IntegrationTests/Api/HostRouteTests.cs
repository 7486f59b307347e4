using System.Collections.Immutable;
using System.Net;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Outlast.Client;
using Outlast.TestKit;
using Xunit;

namespace Outlast.IntegrationTests.Api;

public sealed class HostRouteTests
{
    [Fact]
    public async Task The_host_is_written_as_the_contract_shows_it()
    {
        await using var host = await ApiHost.StartAsync();
        Assert.Equal($$"""
            {"version":"0.1.0","hostId":"h3","bootId":"boot-1","epoch":3,"pid":{{Environment.ProcessId}},"startedAt":"2026-11-20T10:00:00.123Z","dataFolder":"{{host.Tasks.Facts.DataFolder}}",
            "store":{"kind":"sqlite","library":"3.40.1 (system)","durability":"full"},"capabilities":["process"],
            "limits":[{"key":"concurrency.processes","value":8,"from":"default"},{"key":"retention","value":"30d","from":"outlast.json"}],"running":3,"queued":1}
            """.ReplaceLineEndings(""), await host.Http.GetStringAsync("/v1/host"));
    }

    [Fact]
    public async Task It_is_alive_while_it_answers_and_ready_while_it_would_accept_work()
    {
        await using var host = await ApiHost.StartAsync();
        await host.Client.HealthAsync();
        Assert.Equal("""{"ready":true,"reasons":[]}""", await host.Http.GetStringAsync("/readyz"));
        host.Tasks.NotReady = ["the store cannot be written: disk full", "another reason"];
        await host.Client.HealthAsync();
        using var response = await host.GetAsync("/readyz");
        await response.ProblemAsync(HttpStatusCode.ServiceUnavailable, ProblemTypes.NotReady);
        var ready = await host.Client.ReadyAsync();
        Assert.False(ready.Ready);
        Assert.Equal(["the store cannot be written: disk full", "another reason"], ready.Reasons);
    }

    [Fact]
    public async Task The_doctor_is_written_as_the_contract_shows_it()
    {
        await using var host = await ApiHost.StartAsync();
        var measured = ImmutableSortedDictionary<string, string>.Empty.Add("freeBytes", "1024").Add("library", "3.40.1");
        host.Tasks.Checks = [new("disk", CheckLevel.Warn, "little room", measured, "free some")];
        Assert.Equal("""{"ok":true,"checks":[{"name":"disk","level":"warn","text":"little room","measured":{"freeBytes":1024,"library":"3.40.1"},"do":"free some"}]}""", await host.Http.GetStringAsync("/v1/doctor"));
        host.Tasks.Checks = [.. host.Tasks.Checks, new("store", CheckLevel.Error, "read-only", ImmutableSortedDictionary<string, string>.Empty)];
        var doctor = await host.Client.DoctorAsync();
        Assert.Equal((false, "error", 2), (doctor.Ok, doctor.Checks[1].Level, doctor.Checks.Count));
    }

    [Fact]
    public async Task A_shutdown_is_answered_before_the_host_goes()
    {
        await using var host = await ApiHost.StartAsync();
        var stopping = new TaskCompletionSource();
        host.Services.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping.Register(stopping.SetResult);
        using var response = await host.PostAsync("/v1/host/shutdown", "", ("Outlast-Via", "cli"));
        Assert.Equal((HttpStatusCode.Accepted, """{"running":3,"queued":1}"""), (response.StatusCode, await response.Content.ReadAsStringAsync()));
        await stopping.Task.Soon();
        Assert.Contains(host.Log.Lines, l => l.Contains("via cli", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_stream_breaks_when_the_host_goes_so_that_nobody_takes_it_for_the_end()
    {
        await using var host = await ApiHost.StartAsync();
        var task = host.Tasks.Add();
        host.Tasks.Print(task.Id, "a"u8);
        using var response = await host.GetAsync($"/v1/tasks/{task.Id}/output?follow=true");
        var body = await response.Content.ReadAsStreamAsync();
        Assert.Equal(1, await body.ReadAsync(new byte[1]));
        await host.StopAsync();
        await Assert.ThrowsAnyAsync<IOException>(async () => await body.ReadAsync(new byte[1]).AsTask().Soon());
    }
}
