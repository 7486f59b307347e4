using System.Collections.Immutable;
using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Outlast.AspNetCore;
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

    [Theory]
    [InlineData("""{"mode":"leave"}""", DepartureMode.Leave)]
    [InlineData("""{"mode":"stop-tasks"}""", DepartureMode.StopTasks)]
    [InlineData("""{"mode":"drain","drainLimit":"5s"}""", DepartureMode.Drain)]
    public async Task A_shutdown_says_what_becomes_of_the_tasks(string body, DepartureMode mode)
    {
        await using var host = await ApiHost.StartAsync();
        using var response = await host.PostAsync("/v1/host/shutdown", body);
        Assert.Equal(HttpStatusCode.Accepted, response.StatusCode);
        var order = Assert.Single(host.Tasks.Departures);
        Assert.Equal((mode, mode is DepartureMode.Drain ? TimeSpan.FromSeconds(5) : null), (order.Mode, order.Limit));
        var left = await response.JsonAsync();
        Assert.Equal(mode is DepartureMode.Leave ? 2 : mode is DepartureMode.Drain ? 3 : 4, left.EnumerateObject().Count());
    }

    [Theory]
    [InlineData("""{"mode":"now"}""", "mode")]
    [InlineData("""{"mode":"leave","drainLimit":"5s"}""", "drainLimit")]
    [InlineData("""{"mode":"drain","drainLimit":"soon"}""", "drainLimit")]
    [InlineData("""{"task":"17"}""", "task")]
    [InlineData("""{"wait":true}""", "wait")]
    public async Task A_shutdown_that_cannot_be_is_refused_by_field_and_the_host_stays(string body, string field)
    {
        await using var host = await ApiHost.StartAsync();
        using var response = await host.PostAsync("/v1/host/shutdown", body);
        var problem = await response.ProblemAsync(HttpStatusCode.BadRequest, ProblemTypes.Invalid);
        Assert.Equal(field, Assert.Single(problem.GetProperty("errors").EnumerateObject()).Name);
        Assert.Empty(host.Tasks.Departures);
    }

    [Fact]
    [Trait("Requirement", "V-38")]
    public async Task A_caller_who_breaks_off_calls_the_drain_off()
    {
        await using var host = await ApiHost.StartAsync();
        var never = new TaskCompletionSource();
        host.Tasks.ReadyToGo = never.Task;
        using var patience = new CancellationTokenSource();
        var asked = host.Client.ShutdownAsync(new() { Mode = "drain" }, patience.Token);
        await Eventually.TrueAsync(() => host.Tasks.Departures.Count == 1, "the host is asked");

        await patience.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => asked);
        await Eventually.TrueAsync(() => host.Tasks.CalledOff == 1, "it is called off");
        Assert.True((await host.Client.ReadyAsync()).Ready);
    }

    [Fact]
    [Trait("Requirement", "V-35")]
    public async Task A_restart_that_was_begun_stands_though_nobody_waits_for_its_answer_any_more()
    {
        var restart = new ReadyRestart();
        await using var host = await ApiHost.StartAsync(restart: restart);
        var stopping = new TaskCompletionSource();
        host.Services.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping.Register(stopping.SetResult);
        var ready = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        host.Tasks.ReadyToGo = ready.Task;
        using var patience = new CancellationTokenSource();
        var asked = host.Client.RestartAsync(cancel: patience.Token);
        await Eventually.TrueAsync(() => host.Tasks.Departures.Count == 1, "the host is asked");

        await patience.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => asked);
        await restart.CallerGone.Task.Soon();
        ready.SetResult();

        await stopping.Task.Soon();
        Assert.True(restart.Follows);
    }

    [Fact]
    public async Task After_a_shutdown_nothing_follows_and_after_a_restart_that_failed_another_may()
    {
        var restart = new ReadyRestart();
        await using var host = await ApiHost.StartAsync(restart: restart);
        host.Tasks.ReadyToGo = Task.FromException(new InvalidOperationException("no"));
        using var failed = await host.PostAsync("/v1/host/restart", "{}");
        Assert.Equal((HttpStatusCode.InternalServerError, false, false), (failed.StatusCode, restart.Follows, restart.IsCalledOff));
        using var stays = await host.PostAsync("/v1/host/shutdown", "{}");
        Assert.False(restart.IsCalledOff);

        host.Tasks.ReadyToGo = Task.CompletedTask;
        using var goes = await host.PostAsync("/v1/host/shutdown", "{}");
        Assert.Equal((HttpStatusCode.Accepted, true), (goes.StatusCode, restart.IsCalledOff));
    }

    /// <summary>Every program can follow.</summary>
    private sealed class ReadyRestart : IHostRestart
    {
        public TaskCompletionSource CallerGone { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
        public bool Follows { get; private set; }
        public bool IsCalledOff { get; private set; }

        public Task<string> PrepareAsync(IReadOnlyList<string>? program, TaskId? asker, CancellationToken cancel)
        {
            cancel.Register(() => CallerGone.TrySetResult());
            Follows = true;
            return Task.FromResult("9.9.9");
        }

        public void Withdraw() => Follows = false;

        public void CallOff() => (Follows, IsCalledOff) = (false, true);
    }

    [Fact]
    public async Task A_host_that_is_part_of_another_program_is_not_replaced()
    {
        await using var host = await ApiHost.StartAsync();
        using var response = await host.PostAsync("/v1/host/restart", """{"program":["/usr/bin/outlast"]}""");
        var problem = await response.ProblemAsync(HttpStatusCode.Conflict, ProblemTypes.RestartRefused);
        Assert.Contains("part of another program", problem.GetProperty("detail").GetString(), StringComparison.Ordinal);
        Assert.Empty(host.Tasks.Departures);
    }

    [Theory]
    [InlineData("""{"program":[]}""", "program")]
    [InlineData("""{"program":["outlast"]}""", "program")]
    [InlineData("""{"program":"/usr/bin/outlast"}""", "program")]
    [InlineData("""{"task":"x"}""", "task")]
    public async Task A_restart_that_cannot_be_is_refused_by_field(string body, string field)
    {
        await using var host = await ApiHost.StartAsync();
        using var response = await host.PostAsync("/v1/host/restart", body);
        var problem = await response.ProblemAsync(HttpStatusCode.BadRequest, ProblemTypes.Invalid);
        Assert.Equal(field, Assert.Single(problem.GetProperty("errors").EnumerateObject()).Name);
    }

    [Fact]
    [Trait("Requirement", "V-07")]
    public async Task Who_connects_while_no_server_is_there_waits_for_the_next()
    {
        using var scratch = new ScratchFolder();
        using var socket = OutlastServer.Listen(new UnixDomainSocketEndPoint(scratch.File("host.sock")));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(scratch.File("host.sock")));
        await using (var first = await ApiHost.StartAsync(options: Lent, scratch: scratch)) Assert.True((await first.Client.ReadyAsync()).Ready);

        using var client = new OutlastHttpClient(HostAddress.OfSocket(scratch.File("host.sock")));
        var asked = client.ReadyAsync();
        Assert.NotSame(asked, await Task.WhenAny(asked, Task.Delay(100)));
        await using var second = await ApiHost.StartAsync(options: Lent, scratch: scratch);

        Assert.True((await asked.Soon()).Ready);

        OutlastServerOptions Lent(OutlastServerOptions options) => new() { SocketPath = options.SocketPath, Listening = [socket] };
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
