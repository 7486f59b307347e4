using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Outlast.Hosting;
using Outlast.IntegrationTests.Cli;
using Outlast.TestKit;

namespace Outlast.IntegrationTests.Hosting;

/// <summary>A host that is part of another program, and the command that works with it.</summary>
public sealed class EmbeddedHostTests
{
    private const string Program = "orders";

    [Fact]
    public async Task The_command_works_with_a_host_that_is_part_of_a_program()
    {
        await using var folder = new OutlastFolder();
        using var program = await StartAsync(folder);

        var id = (await folder.RunAsync("run", "-d", "--", "sh", "-c", "echo hello; sleep 300")).Output.Trim();
        await Eventually.TrueAsync(async () => (await folder.RunAsync("logs", id)).Output == "hello\n", "its output is read");
        var ran = await Task.WhenAll(folder.RunAsync("ps"), folder.RunAsync("tree", id), folder.RunAsync("doctor"), folder.RunAsync("config", "explain", "concurrency.processes", "--json"), folder.RunAsync("version"));

        Assert.All(ran, r => Assert.Equal((0, ""), (r.Code, r.Code == 0 ? "" : r.Error)));
        Assert.Contains("sleep 300", ran[0].Output, StringComparison.Ordinal);
        Assert.Contains("it is part of orders", ran[2].Output, StringComparison.Ordinal);
        Assert.Equal(("3", "code", null), (JsonNode.Parse(ran[3].Output)!["value"]!.ToString(), (string)JsonNode.Parse(ran[3].Output)!["from"]!, JsonNode.Parse(ran[3].Output)!["coming"]));
        Assert.Equal(Environment.ProcessId, folder.HostPid);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(folder.Data.Path));

        Assert.Equal(130, (await folder.ShellAsync($"outlast stop {id} >/dev/null; outlast wait {id}")).Code);
        await program.StopAsync();
        Assert.False(File.Exists(folder.Data.HostFile));
    }

    [Theory]
    [InlineData("shutdown", "end")]
    [InlineData("restart", "replace")]
    public async Task Only_the_program_can_end_or_replace_it(string verb, string what)
    {
        await using var folder = new OutlastFolder();
        using var program = await StartAsync(folder);

        var refused = await folder.RunAsync(verb);

        Assert.Equal((5, $"outlast: this host is part of orders (pid {Environment.ProcessId}): only that program can {what} it\n"), (refused.Code, refused.Error));
        Assert.Equal(0, (await folder.RunAsync("ps")).Code);
        await program.StopAsync();
    }

    [Fact]
    [Trait("Requirement", "V-51")]
    public async Task A_second_host_is_refused_and_told_who_has_the_folder()
    {
        await using var folder = new OutlastFolder();
        using var program = await StartAsync(folder);

        var serve = await folder.RunAsync("serve");
        var held = await Assert.ThrowsAsync<HostLockHeldException>(() => StartAsync(folder));

        Assert.Equal(5, serve.Code);
        Assert.Contains($"pid {Environment.ProcessId} (orders), since ", serve.Error, StringComparison.Ordinal);
        Assert.Contains($"pid {Environment.ProcessId} (orders), since ", held.Message, StringComparison.Ordinal);
        Assert.Equal(0, (await folder.RunAsync("ps")).Code);
        await program.StopAsync();
    }

    [Fact]
    public async Task A_program_does_not_start_where_a_host_of_its_own_serves_and_is_told_which()
    {
        await using var folder = new OutlastFolder();
        await folder.RunAsync("ps");

        var held = await Assert.ThrowsAsync<HostLockHeldException>(() => StartAsync(folder));

        Assert.Equal((folder.HostPid, null), (held.Holder!.Pid, held.Holder.Program));
    }

    [Fact]
    public async Task No_verb_starts_a_host_beside_one_that_listens_to_no_command()
    {
        await using var folder = new OutlastFolder();
        using var program = await StartAsync(folder, listens: false);

        var refused = await folder.RunAsync("ps");

        Assert.Equal(3, refused.Code);
        Assert.Contains($"is part of orders (pid {Environment.ProcessId}), which lets no command reach it", refused.Error, StringComparison.Ordinal);
        await program.StopAsync();
    }

    [Fact]
    public async Task No_verb_starts_a_host_in_the_place_of_a_program_that_is_down()
    {
        await using var folder = new OutlastFolder();
        using (var program = await StartAsync(folder)) await program.StopAsync();
        // As a program leaves it that was killed: its process is no more.
        File.WriteAllText(folder.Data.HostLock, "4194304 1 2026-01-01T00:00:00.0000000+00:00 listens orders\n");

        var refused = await folder.RunAsync("ps");

        Assert.Equal(3, refused.Code);
        Assert.Contains("belongs to orders: start that program", refused.Error, StringComparison.Ordinal);
        using var again = await StartAsync(folder);
        Assert.Equal(0, (await folder.RunAsync("ps")).Code);
        await again.StopAsync();
    }

    [Fact]
    [Trait("Requirement", "U-07")]
    public async Task A_command_outlives_the_program_and_the_next_one_adopts_it()
    {
        await using var folder = new OutlastFolder();
        string id;
        using (var program = await StartAsync(folder))
        {
            id = (await folder.RunAsync("run", "-d", "--session", "s1", "--", "sh", "-c", $"while [ ! -e {folder.File("go")} ]; do sleep 0.05; done; echo done; exit 7")).Output.Trim();
            await Eventually.TrueAsync(async () => (string)(await folder.ShowAsync(id))["state"]! == "running", "it runs");
            await program.StopAsync();
        }
        File.WriteAllText(folder.File("go"), "");

        using var next = await StartAsync(folder);
        Assert.Equal(7, (await folder.RunAsync("wait", id)).Code);
        Assert.Equal("s1", (string)(await folder.ShowAsync(id))["session"]!);
        await next.StopAsync();
    }

    private static async Task<IHost> StartAsync(OutlastFolder folder, bool listens = true)
    {
        var builder = Host.CreateEmptyApplicationBuilder(new() { ApplicationName = Program });
        var outlast = builder.Services.AddOutlast(o => o.Set("concurrency.processes", 3)).UseSqlite(folder.Data.Path).AddProcesses();
        if (listens) outlast.AddSocket();
        var host = builder.Build();
        try
        {
            await host.StartAsync();
            return host;
        }
        catch
        {
            host.Dispose();
            throw;
        }
    }
}
