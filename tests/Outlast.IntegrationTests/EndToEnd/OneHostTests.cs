using Outlast.IntegrationTests.Faults;
using Outlast.Sqlite;
using Xunit;

namespace Outlast.IntegrationTests.EndToEnd;

/// <summary>A data folder has one host.</summary>
public sealed class OneHostTests
{
    [Fact]
    [Trait("Requirement", "V-51")]
    public async Task A_second_host_refuses_and_names_the_holder()
    {
        using var house = await HostFixture.StartAsync();
        var id = await house.ShellAsync("sleep 60");
        await house.StateAsync(id, "running");

        using var second = HostProcess.Start(house.Data);
        await second.ExitedAsync();

        Assert.NotEqual(0, second.ExitCode);
        Assert.Contains($"pid {house.Host.Pid}", second.Log);
        Assert.Equal("running", (string)(await house.Http.TaskAsync(id))["state"]!);
        Assert.Equal(1, (int)(await house.Http.GetAsync("/v1/host")).Json["epoch"]!);
    }

    [Fact]
    [Trait("Requirement", "V-50")]
    public async Task Hosts_of_two_folders_have_nothing_to_do_with_each_other()
    {
        using var one = await HostFixture.StartAsync();
        using var other = await HostFixture.StartAsync();
        var id = await one.ShellAsync("sleep 60");
        await one.StateAsync(id, "running");

        Assert.Empty((await other.Http.GetAsync("/v1/tasks")).Json["tasks"]!.AsArray());
        Assert.Equal(System.Net.HttpStatusCode.NotFound, (await other.StopAsync(id)).Status);
        await other.RestartAsync();
        Assert.Equal("running", (string)(await one.Http.TaskAsync(id))["state"]!);
        Assert.Equal(0, (int?)(await one.Http.TaskAsync(id))["adoptions"] ?? 0);
    }

    [Fact]
    [Trait("Requirement", "V-51")]
    public async Task A_host_whose_store_another_one_opened_ends_and_says_so()
    {
        using var house = await HostFixture.StartAsync();
        await new SqliteTaskStore(house.Data, new(), TimeProvider.System).OpenAsync();

        Assert.Equal(System.Net.HttpStatusCode.ServiceUnavailable, (await house.TryShellAsync("true")).Status);

        await house.Host.ExitedAsync();
        Assert.Contains("another host (epoch 2) has opened this store", house.Host.Log, StringComparison.Ordinal);
    }
}
