using System.Net;
using Outlast.IntegrationTests.Faults;
using Outlast.TestKit;
using Xunit;

namespace Outlast.IntegrationTests.EndToEnd;

/// <summary>A place is taken before anything starts, and given back whatever happens.</summary>
public sealed class AdmissionTests
{
    [Fact]
    [Trait("Requirement", "S285-1")]
    public async Task A_refused_task_leaves_nothing()
    {
        using var house = await HostFixture.StartAsync(("OUTLAST_CONCURRENCY_PROCESSES", "2"));
        var admitted = new[] { await house.ShellAsync("sleep 60"), await house.ShellAsync("sleep 60") };
        // Claimed is running; a stop between that and the launch would leave no folder.
        foreach (var id in admitted) await Eventually.TrueAsync(async () => (await house.Http.TaskAsync(id))["process"] is not null, $"task {id} has its process");

        var refused = await house.TryShellAsync($"touch {house.File("marker")}", body => body["whenFull"] = "refuse");

        Assert.Equal(HttpStatusCode.TooManyRequests, refused.Status);
        Assert.Equal("urn:outlast:full", refused.Type);
        Assert.Equal("kind process", (string)refused.Json["limit"]!);
        Assert.Equal(2, (int)refused.Json["running"]!);
        Assert.Equal(2, (int)refused.Json["max"]!);
        foreach (var id in admitted) await house.StopAsync(id, now: true);
        foreach (var id in admitted) await house.Http.EndAsync(id);
        Assert.False(File.Exists(house.File("marker")));
        Assert.Equal(2, (await house.Http.GetAsync("/v1/tasks")).Json["tasks"]!.AsArray().Count);
        Assert.Equal(2, Directory.GetDirectories(house.Data.Tasks).Length);
    }

    [Fact]
    [Trait("Requirement", "S285-1")]
    public async Task Of_two_at_the_same_moment_with_one_place_exactly_one_is_admitted()
    {
        using var house = await HostFixture.StartAsync(("OUTLAST_CONCURRENCY_PROCESSES", "1"));
        for (var round = 0; round < 20; round++)
        {
            var replies = await Task.WhenAll(Enumerable.Range(0, 2).Select(_ => house.TryShellAsync("sleep 60", body => body["whenFull"] = "refuse")));
            Assert.Equal([HttpStatusCode.Accepted, HttpStatusCode.TooManyRequests], replies.Select(r => r.Status).Order());
            var id = (string)replies.Single(r => r.Status == HttpStatusCode.Accepted).Json["id"]!;
            await house.StopAsync(id, now: true);
            await house.Http.EndAsync(id);
        }
    }

    [Fact]
    [Trait("Requirement", "S285-1")]
    [Trait("Requirement", "U-35")]
    public async Task A_launch_that_fails_ends_its_record_and_frees_its_place()
    {
        using var house = await HostFixture.StartAsync(("OUTLAST_CONCURRENCY_PROCESSES", "1"));
        for (var round = 0; round < 5; round++)
        {
            var reply = await house.Http.SendAsync(HttpMethod.Post, "/v1/tasks", HostConnection.Submission("nothing", ["/no/such/program"], body => body["whenFull"] = "refuse"));
            Assert.Equal(HttpStatusCode.Accepted, reply.Status);
            var task = await house.Http.EndAsync((string)reply.Json["id"]!);
            Assert.Equal("failed", (string)task["state"]!);
            Assert.Equal("never_started", (string)task["end"]!["cause"]!);
            Assert.Contains("/no/such/program", (string)task["end"]!["reason"]!);
            var stop = await house.StopAsync((string)task["id"]!);
            Assert.Equal(HttpStatusCode.Conflict, stop.Status);
            Assert.Equal("urn:outlast:ended", stop.Type);
        }
    }

    [Fact]
    [Trait("Requirement", "S285-1")]
    public async Task A_caller_that_disappears_keeps_no_place()
    {
        using var house = await HostFixture.StartAsync(("OUTLAST_CONCURRENCY_PROCESSES", "1"));
        for (var round = 0; round < 20; round++)
        {
            using var gone = new CancellationTokenSource(TimeSpan.FromMilliseconds(round % 5));
            try { await house.Http.SendAsync(HttpMethod.Post, "/v1/tasks", HostConnection.Submission("gone", ["/bin/true"], body => body["whenFull"] = "refuse"), cancel: gone.Token); }
            catch (OperationCanceledException) { }
        }
        await Eventually.TrueAsync(async () =>
            (await house.TryShellAsync("true", body => body["whenFull"] = "refuse")).Status == HttpStatusCode.Accepted, "the place is free again");
    }
}
